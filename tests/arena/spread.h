/*
 * spread.h -- objects that stay spread over the slabs of a manual arena, for tests of pages that slabs give back. The
 * arena's hooks answer like the system where it can purge, also under VirtualAlloc's rules, where the contents stay.
 */
#ifndef TESTS_ARENA_SPREAD_H
#define TESTS_ARENA_SPREAD_H

#include "../api/support.h"
#include "arena/arenas.h"
#include "arena/slab_decay.h"
#include "extent/hooks.h"
#include "extent/hugepage.h"

#include "check.h"

#define SZIND    13
#define MAX_PTRS 40000

static arena_t *arena;
static void *ptrs[MAX_PTRS];
static extent_hooks_t hooks;
static unsigned npurges;
static bool refuses;
static void (*during)(void); /* called by the purge hook, once */

static inline bool
purge(extent_hooks_t *h, void *addr, size_t size, size_t offset, size_t length, unsigned index) {
    void (*call)(void) = during;
    during = NULL;
    npurges++;
    assert_int_equal(index, arena->index);
    if (call != NULL) {
        call();
    }
    if (!refuses && hooks_system.purge_forced(h, addr, size, offset, length, index)) {
        memset(addr, 0, size);
    }
    return refuses;
}

/* Its slabs decay within a second. */
static inline bool
make_spread_arena(uint64_t now) {
    arena = arenas_create();
    hooks = hooks_system;
    hooks.purge_forced = purge;
    npurges = 0;
    refuses = false;
    pa_set_hooks(&arena->pages, &hooks);
    arena_set_slab_decay_ms(arena, 1000, now);
    return arena != NULL;
}

/* Fills n slabs and writes to every region. */
static inline uint32_t
fill_slabs(uint32_t nslabs) {
    uint32_t n = nslabs * sc_nregs(SZIND, atomic_get(&sc.slab_size[SZIND]));
    assert_true(n <= MAX_PTRS);
    assert_int_equal(arena_fill(arena, SZIND, 0, n, ptrs), n);
    for (uint32_t i = 0; i < n; i++) {
        memset(ptrs[i], 7, sc.size[SZIND]);
    }
    return n;
}

/* Frees all but the first region of each slab, and moves these to the front; returns how many they are. */
static inline uint32_t
thin(uint32_t n) {
    uint32_t kept = 0, nregs = sc_nregs(SZIND, atomic_get(&sc.slab_size[SZIND]));
    for (uint32_t i = 0; i < n; i++) {
        if (i % nregs == 0) {
            ptrs[kept++] = ptrs[i];
        } else {
            arena_flush(&ptrs[i], 1);
        }
    }
    return kept;
}

static inline uint64_t
discarded(void) {
    return atomic_get(&arena->bins[SZIND].discarded);
}

/* What a slab that is not current can lose. */
static inline size_t
free_bytes_of_slab(void) {
    return align_down(atomic_get(&sc.slab_size[SZIND]) - sc.size[SZIND], sc.page);
}

static inline void
assert_filled(void *const *objects, uint32_t n) {
    for (uint32_t i = 0; i < n; i++) {
        for (size_t at = 0; at < sc.size[SZIND]; at++) {
            assert_int_equal(((unsigned char *)objects[i])[at], 7);
        }
    }
}

#endif
