/* slab.c -- bulk work on a slab's bitmap. */
#include "arena/slab.h"

#include "base/check.h"

void
slab_init(extent_t *slab) NO_THREAD_SAFETY {
    uint32_t nregs = sc_nregs(slab->szind, extent_usable(slab));
    slab->nregs = nregs;
    atomic_set(&slab->nfree, nregs);
    for (uint32_t w = 0; w * 64 < nregs; w++) {
        uint32_t rest = nregs - w * 64;
        slab->free_regs[w] = rest >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << rest) - 1;
    }
}

uint32_t
slab_pop(extent_t *slab, uint32_t n, void **out) {
    uint32_t nfree = atomic_get(&slab->nfree);
    uint32_t want = n < nfree ? n : nfree;
    size_t size = sc.size[slab->szind];
    uint32_t got = 0;
    for (uint32_t w = 0; got < want; w++) {
        uint64_t bits = slab->free_regs[w];
        uintptr_t base = slab->addr + (size_t)w * 64 * size;
        while (bits != 0 && got < want) {
            out[got++] = (void *)(base + trailing_zeros(bits) * size);
            bits &= bits - 1;
        }
        slab->free_regs[w] = bits;
    }
    atomic_set(&slab->nfree, nfree - want);
    return want;
}

void
slab_reject(const extent_t *slab, const void *ptr) {
    uint32_t i;
    bool whole = div_exactly((uintptr_t)ptr - slab->addr, sc.magic[slab->szind], &i) && i < slab->nregs;
    misuse(whole ? "double free" : "free of an address inside an object", ptr,
           "(found when a thread cache gave it back)");
}

/* How many of n pointers are spaced by `step` bytes. */
static uint32_t
evenly_spaced(void *const *ptrs, uint32_t n, uintptr_t step) {
    uintptr_t next = (uintptr_t)ptrs[0] + step;
    uint32_t k = 1;
    while (k < n && (uintptr_t)ptrs[k] == next) {
        next += step;
        k++;
    }
    return k;
}

/* n > 0 regions from `first` on become free; all of them are in use. */
static void
set_free(extent_t *slab, uint32_t first, uint32_t n) REQUIRES(role_bin) {
    counter_add(&slab->nfree, n);
    do {
        uint32_t at = first % 64;
        uint32_t here = n < 64 - at ? n : 64 - at;
        uint64_t mask = UINT64_MAX >> (64 - here) << at;
        uint64_t twice = slab->free_regs[first / 64] & mask;
        if (UNLIKELY(twice != 0)) {
            slab_reject(slab, (void *)(slab->addr + (first - at + trailing_zeros(twice)) * sc.size[slab->szind]));
        }
        slab->free_regs[first / 64] |= mask;
        first += here;
        n -= here;
    } while (n > 0);
}

uint32_t
slab_push_run(extent_t *slab, void *const *ptrs, uint32_t n) {
    uintptr_t step = (uintptr_t)ptrs[1] - (uintptr_t)ptrs[0];
    uint32_t i;
    if (UNLIKELY(!div_exactly((uintptr_t)ptrs[0] - slab->addr, sc.magic[slab->szind], &i) || i >= slab->nregs)) {
        slab_reject(slab, ptrs[0]);
    }
    bool up = step == sc.size[slab->szind];
    uint32_t room = up ? slab->nregs - i : i + 1;
    uint32_t k = evenly_spaced(ptrs, n < room ? n : room, step);
    set_free(slab, up ? i : i + 1 - k, k);
    return k;
}
