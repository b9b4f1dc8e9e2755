/*
 * slab.c -- work on a slab's bitmap, in bulk: a refill takes many regions of a word at once, and a flush gives back
 * runs of neighbours, as programs that free in the order of allocation produce them.
 */
#include "arena/slab.h"

#include "base/check.h"

void
slab_init(extent_t *slab) NO_THREAD_SAFETY {
    uint32_t nregs = sc_nregs(slab->szind, extent_usable(slab));
    slab->nregs = nregs;
    atomic_set(&slab->nfree, nregs);
    atomic_set(&slab->discarded, 0);
    slab->ageing.idle = slab->ageing.held = 0;
    for (uint32_t w = 0; w * 64 < nregs; w++) {
        uint32_t rest = nregs - w * 64;
        slab->free_regs[w] = rest >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << rest) - 1;
    }
}

/* Whether the bits set are consecutive, and enough of them to make a loop without bit scans worth its test. Adding the
 * lowest bit carries through the whole run, so that none of its bits remain if there is one run only. */
static bool
is_long_run(uint64_t bits) {
    return (bits & bits << 8) != 0 && (bits & (bits + (bits & -bits))) == 0;
}

/* Takes up to n of the free regions of one word of the bitmap, whose first region is at `base`; returns how many. */
static uint32_t
pop_word(uint64_t *word, uint32_t n, uintptr_t base, size_t size, void **out) {
    uint64_t bits = *word;
    void **at = out, **end = out + n;
    if (is_long_run(bits)) {
        uintptr_t next = base + trailing_zeros(bits) * size;
        uint32_t length = lg_floor(bits) + 1 - trailing_zeros(bits);
        end = length < n ? out + length : end;
        while (at < end) {
            *at++ = (void *)next;
            next += size;
        }
        bits = n < length ? bits & bits << n : 0;
    }
    while (bits != 0 && at < end) {
        *at++ = (void *)(base + trailing_zeros(bits) * size);
        bits &= bits - 1;
    }
    *word = bits;
    return (uint32_t)(at - out);
}

/* Of a word's free regions, those that begin a cache line of n > 1 regions (a power of two) that are all free. After
 * the loop bit i says that regions i .. i + n - 1 are free; the mask keeps multiples of n. */
static uint64_t
free_lines(uint64_t bits, uint32_t n) {
    for (uint32_t k = 1; k < n; k *= 2) {
        bits &= bits >> k;
    }
    return bits & UINT64_MAX / ((UINT64_C(1) << n) - 1);
}

/* Takes the n regions of the first cache line that is wholly free. False if there is none. */
static bool
pop_line(extent_t *slab, uint32_t n, void **out) REQUIRES(role_bin) {
    for (uint32_t w = 0; w * 64 < slab->nregs; w++) {
        uint64_t lines = free_lines(slab->free_regs[w], n);
        if (lines != 0) {
            uint32_t first = trailing_zeros(lines);
            slab->free_regs[w] &= ~(((UINT64_C(1) << n) - 1) << first);
            for (uint32_t i = 0; i < n; i++) {
                out[i] = (void *)(slab->addr + (w * 64 + first + i) * sc.size[slab->szind]);
            }
            counter_add(&slab->nfree, -n);
            return true;
        }
    }
    return false;
}

uint32_t
slab_pop(extent_t *slab, uint32_t n, void **out) {
    uint32_t nfree = atomic_get(&slab->nfree);
    uint32_t want = n < nfree ? n : nfree;
    if (n > 1 && n * sc.size[slab->szind] == CACHELINE && pop_line(slab, n, out)) {
        return n;
    }
    size_t size = sc.size[slab->szind];
    uintptr_t base = slab->addr;
    uint32_t got = 0;
    for (uint64_t *word = slab->free_regs; got < want; word++) {
        got += pop_word(word, want - got, base, size, out + got);
        base += 64 * size;
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

/* How many of n pointers, from the first on, are spaced by `step` bytes. */
static uint32_t
evenly_spaced(void *const *ptrs, uint32_t n, uintptr_t step) {
    void *const *end = ptrs + n;
    uintptr_t next = (uintptr_t)ptrs[0];
    intptr_t k = -(intptr_t)n;
    while (k != 0 && (uintptr_t)end[k] == next) {
        next += step;
        k++;
    }
    return n + (uint32_t)k;
}

/* Frees n > 0 regions from `first` on; misuse if one of them is free already. */
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
    /* Regions from i to the slab's end in that direction. */
    uint32_t room = up ? slab->nregs - i : i + 1;
    uint32_t k = evenly_spaced(ptrs, n < room ? n : room, step);
    set_free(slab, up ? i : i + 1 - k, k);
    return k;
}
