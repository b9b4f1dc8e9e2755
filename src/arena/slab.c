/* slab.c -- bulk work on a slab's bitmap. */
#include "arena/slab.h"

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
    uint32_t i = slab_regind(slab, (uintptr_t)ptr);
    bool whole = (uintptr_t)ptr == slab->addr + i * sc.size[slab->szind] && i < slab->nregs;
    misuse(whole ? "double free" : "free of an address inside an object", ptr,
           "(found when a thread cache gave it back)");
}
