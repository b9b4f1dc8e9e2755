/*
 * arena_test.c -- fill and flush mixes over several arenas, large allocations and their resizing in place, reset.
 * Arenas are manual ones, so that no other thread's cache and no libc call has a part in them.
 */
#include "../api/support.h"
#include "arena/arenas.h"
#include "extent/pagemap.h"
#include "extent/purge.h"
#include "observe/stats.h"

#define NARENAS  3
#define MAX_PTRS 20000

static arena_t *arenas[NARENAS];
static void *ptrs[MAX_PTRS];
static size_t nptrs;

static int
make_arenas(void **state) {
    boot_allocator(state);
    for (unsigned i = 0; i < NARENAS; i++) {
        arenas[i] = arenas_create();
        if (arenas[i] == NULL) {
            return -1;
        }
    }
    return 0;
}

static void
check_arenas(void) {
    for (unsigned i = 0; i < NARENAS; i++) {
        arena_check(arenas[i]);
    }
}

static lunalloc_stats_t
stats_of(const arena_t *arena) {
    lunalloc_stats_t stats;
    assert_int_equal(stats_read(arena->index, &stats), 0);
    return stats;
}

/* Nothing is out, and what slabs there are is at most one empty one a class. */
static void
assert_empty(const arena_t *arena) {
    uint64_t slab_bytes = 0;
    for (uint32_t i = 0; i < sc.nsizes; i++) {
        lunalloc_class_stats_t class;
        assert_int_equal(stats_read_class(arena->index, i, &class), 0);
        assert_int_equal(class.curregs, 0);
        assert_int_equal(class.nonfull, 0);
        assert_true(class.nslabs <= 1);
        slab_bytes += sc_is_small(i) ? class.nslabs * atomic_get(&sc.slab_size[i]) : 0;
    }
    lunalloc_stats_t stats = stats_of(arena);
    assert_int_equal(stats.allocated, 0);
    assert_int_equal(stats.active, slab_bytes);
}

static void
fill_random(uint64_t *seed) {
    arena_t *arena = arenas[rnd_below(seed, NARENAS)];
    uint32_t szind = (uint32_t)rnd_below(seed, sc.nsmall);
    uint32_t n = 1 + (uint32_t)rnd_below(seed, 100);
    if (nptrs + n > MAX_PTRS) {
        return;
    }
    assert_int_equal(arena_fill(arena, szind, 0, n, ptrs + nptrs), n);
    for (uint32_t i = 0; i < n; i++) {
        const extent_t *slab = arena_extent_of(ptrs[nptrs + i], "test");
        assert_int_equal(extent_arena(slab), arena->index);
        assert_int_equal(slab->szind, szind);
        assert_int_equal(((uintptr_t)ptrs[nptrs + i] - slab->addr) % sc.size[szind], 0);
        pattern_fill(ptrs[nptrs + i], sc.size[szind], (uintptr_t)ptrs[nptrs + i] >> 3);
    }
    nptrs += n;
}

/* The last n pointers, whose contents nobody else has touched, go back in one call. */
static void
flush_last(size_t n) {
    for (size_t i = nptrs - n; i < nptrs; i++) {
        size_t size = sc.size[arena_extent_of(ptrs[i], "test")->szind];
        assert_true(pattern_holds(ptrs[i], size, (uintptr_t)ptrs[i] >> 3));
    }
    nptrs -= n;
    arena_flush(ptrs + nptrs, (uint32_t)n);
}

/* Batches of mixed classes and arenas; every object keeps what was written into it. */
static void
test_fill_flush(void **state) {
    (void)state;
    uint64_t seed = 99;
    for (unsigned op = 0; op < 400; op++) {
        if (rnd_below(&seed, 2) == 0) {
            fill_random(&seed);
        } else {
            shuffle(&seed, ptrs, nptrs);
            flush_last(rnd_below(&seed, nptrs + 1) / 2);
        }
        check_arenas();
    }
    flush_last(nptrs);
    check_arenas();
    for (unsigned i = 0; i < NARENAS; i++) {
        assert_empty(arenas[i]);
    }
}

/* ---- large allocations ---- */

static void
test_large_alignments(void **state) {
    (void)state;
    for (uint32_t k = 0; k < 12; k++) {
        for (size_t alignment = 1; alignment <= (size_t)4 << 20; alignment *= 16) {
            bool zeroed = false;
            void *p = arena_malloc_large(arenas[0], sc.nsmall + k, alignment, &zeroed);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % alignment, 0);
            assert_int_equal((uintptr_t)p % sc.page, 0);
            size_t size = sc.size[sc.nsmall + k];
            assert_true(!zeroed || all_zero(p, size));
            memset(p, 0xa5, size);
            extent_t *e = arena_extent_of(p, "test");
            assert_int_equal(e->addr, (uintptr_t)p);
            assert_int_equal(e->szind, sc.nsmall + k);
            arena_free_large(e);
            arena_check(arenas[0]);
        }
    }
    assert_empty(arenas[0]);
}

/* A claim of being zeroed is true after memory was dirtied, freed and purged, too. */
static void
test_large_zeroed(void **state) {
    (void)state;
    uint64_t seed = 5;
    extent_t *live[16] = {NULL};
    for (unsigned op = 0; op < 600; op++) {
        unsigned i = (unsigned)rnd_below(&seed, 16);
        if (live[i] != NULL) {
            arena_free_large(live[i]);
            live[i] = NULL;
        } else {
            bool zeroed = false;
            uint32_t szind = sc.nsmall + (uint32_t)rnd_below(&seed, 10);
            void *p = arena_malloc_large(arenas[1], szind, 1, &zeroed);
            assert_non_null(p);
            assert_true(!zeroed || all_zero(p, sc.size[szind]));
            memset(p, (int)op | 1, sc.size[szind]);
            live[i] = arena_extent_of(p, "test");
        }
        if (rnd_below(&seed, 16) == 0) {
            pa_purge_all(&arenas[1]->pages);
        }
    }
    for (unsigned i = 0; i < 16; i++) {
        if (live[i] != NULL) {
            arena_free_large(live[i]);
        }
    }
    arena_check(arenas[1]);
    assert_empty(arenas[1]);
}

/* Between random classes: in place or not at all, contents kept; the page totals follow. */
static void
test_large_resize(void **state) {
    (void)state;
    uint64_t seed = 23;
    bool zeroed = false;
    unsigned grown = 0, shrunk = 0;
    uint32_t szind = sc.nsmall + 4;
    void *p = arena_malloc_large(arenas[2], szind, 1, &zeroed);
    assert_non_null(p);
    extent_t *e = arena_extent_of(p, "test");
    uint64_t tag = 1;
    pattern_fill(p, sc.size[szind], tag);
    for (unsigned op = 0; op < 500; op++) {
        uint32_t to = sc.nsmall + (uint32_t)rnd_below(&seed, 16);
        if (to == szind) {
            continue;
        }
        bool done = arena_resize_large(e, to);
        size_t kept = sc.size[to < szind ? to : szind];
        assert_true(pattern_holds(p, done ? kept : sc.size[szind], tag));
        grown += done && to > szind;
        shrunk += done && to < szind;
        szind = done ? to : szind;
        assert_int_equal(e->szind, szind);
        assert_int_equal(e->size, sc.size[szind]);
        assert_int_equal(stats_of(arenas[2]).allocated, sc.size[szind]);
        pattern_fill(p, sc.size[szind], ++tag);
        arena_check(arenas[2]);
    }
    assert_true(shrunk > 0);
    assert_true(grown > 0 || config_torture);
    arena_free_large(e);
    assert_empty(arenas[2]);
}

/* A large allocation does not grow over its neighbour. */
static void
test_large_resize_blocked(void **state) {
    (void)state;
    bool zeroed = false;
    extent_t *live[64];
    for (unsigned i = 0; i < 64; i++) {
        void *p = arena_malloc_large(arenas[0], sc.nsmall, 1, &zeroed);
        assert_non_null(p);
        pattern_fill(p, sc.size[sc.nsmall], i);
        live[i] = arena_extent_of(p, "test");
    }
    for (unsigned i = 0; i < 64; i++) {
        if (arena_resize_large(live[i], sc.nsmall + 3)) {
            pattern_fill((void *)live[i]->addr, live[i]->size, i);
        }
        arena_check(arenas[0]);
    }
    for (unsigned i = 0; i < 64; i++) {
        assert_true(pattern_holds((void *)live[i]->addr, live[i]->size, i));
        arena_free_large(live[i]);
    }
    assert_empty(arenas[0]);
}

/* ---- reset ---- */

static void
populate(arena_t *arena, uint64_t *seed) {
    void *out[64];
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        uint32_t n = 1 + (uint32_t)rnd_below(seed, 64);
        assert_int_equal(arena_fill(arena, i, 0, n, out), n);
        arena_flush(out, (uint32_t)rnd_below(seed, n + 1));
    }
    for (uint32_t i = 0; i < 40; i++) {
        bool zeroed = false;
        void *p = arena_malloc_large(arena, sc.nsmall + i % 12, (size_t)1 << (12 + i % 8), &zeroed);
        assert_non_null(p);
        memset(p, 1, sc.size[sc.nsmall + i % 12]);
        if (i % 3 == 0) {
            arena_free_large(arena_extent_of(p, "test"));
        }
    }
}

/* Whatever lives goes back, the pages are free, and the arena works on. */
static void
test_reset(void **state) {
    (void)state;
    uint64_t seed = 8;
    for (unsigned round = 0; round < 5; round++) {
        populate(arenas[0], &seed);
        uint64_t mapped = stats_of(arenas[0]).active + stats_of(arenas[0]).dirty + stats_of(arenas[0]).retained;
        arena_reset(arenas[0]);
        arena_check(arenas[0]);
        assert_empty(arenas[0]);
        lunalloc_stats_t stats = stats_of(arenas[0]);
        assert_int_equal(stats.active, 0);
        assert_int_equal(stats.nslabs, 0);
        assert_int_equal(stats.dirty + stats.muzzy + stats.retained, mapped);
    }
}

static void
test_clear(void **state) {
    (void)state;
    uint64_t seed = 81;
    populate(arenas[1], &seed);
    arena_clear(arenas[1]);
    arena_check(arenas[1]);
    lunalloc_stats_t stats = stats_of(arenas[1]);
    assert_int_equal(stats.nregions, 0);
    assert_int_equal(stats.mapped + stats.retained, 0);
    populate(arenas[1], &seed);
    arena_check(arenas[1]);
    arena_clear(arenas[1]);
}

/* ---- misuse ---- */

static void
flush_in_child(void *arg) {
    arena_flush(&arg, 1);
}

static void
test_flush_misuse(void **state) {
    (void)state;
    bool zeroed = false;
    char *large = arena_malloc_large(arenas[0], sc.nsmall + 2, 1, &zeroed);
    char *small = arena_malloc_small(arenas[0], 5, 0);
    assert_non_null(large);
    assert_non_null(small);
    outcome_t out = in_child(flush_in_child, large);
    assert_misuse(&out, "free of an address inside an allocation");
    out = in_child(flush_in_child, small + 1);
    assert_misuse(&out, "inside an object");
    out = in_child(flush_in_child, &out);
    assert_misuse(&out, "is not an address that this allocator gave");
    arena_free_large(arena_extent_of(large, "test"));
    out = in_child(flush_in_child, large);
    assert_misuse(&out, "free");
    arena_flush(&(void *){small}, 1);
    out = in_child(flush_in_child, small);
    assert_misuse(&out, "free");
    arena_check(arenas[0]);
}

static void
flush_four_in_child(void *arg) {
    arena_flush(arg, 4);
}

/* In the middle of a batch, where each pointer is compared with the one before it. */
static void
test_flush_misuse_in_batch(void **state) {
    (void)state;
    char *p[4];
    assert_int_equal(arena_fill(arenas[0], 5, 0, 4, (void **)p), 4);
    void *inside[] = {p[0], p[1], p[2] + 1, p[3]};
    void *twice[] = {p[0], p[1], p[1], p[2]};
    void *back[] = {p[0], p[1], p[2], p[1]};
    outcome_t out = in_child(flush_four_in_child, inside);
    assert_misuse(&out, "inside an object");
    out = in_child(flush_four_in_child, twice);
    assert_misuse(&out, "double free");
    out = in_child(flush_four_in_child, back);
    assert_misuse(&out, "double free");
    arena_flush((void **)p, 4);
    arena_check(arenas[0]);
}

/* A fill that finds no region adds a slab and fills again; what took something counts, once. */
static void
test_fills_counted(void **state) {
    (void)state;
    const uint32_t szind = sc_index(200);
    arena_t *arena = arenas_create();
    assert_non_null(arena);
    void *out[2];
    assert_int_equal(arena_take(arena, szind, 0, NULL, 1, out), 0);
    assert_int_equal(atomic_get(&arena->bins[szind].fills), 0);
    assert_int_equal(arena_fill(arena, szind, 0, 2, out), 2);
    assert_int_equal(atomic_get(&arena->bins[szind].fills), 1);
    assert_int_equal(atomic_get(&arena->bins[szind].regs_taken), 2);
    arena_flush(out, 2);
    assert_int_equal(atomic_get(&arena->bins[szind].flushes), 1);
    assert_int_equal(atomic_get(&arena->bins[szind].regs_returned), 2);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fills_counted),
        cmocka_unit_test(test_fill_flush),
        cmocka_unit_test(test_large_alignments),
        cmocka_unit_test(test_large_zeroed),
        cmocka_unit_test(test_large_resize),
        cmocka_unit_test(test_large_resize_blocked),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_clear),
        cmocka_unit_test(test_flush_misuse),
        cmocka_unit_test(test_flush_misuse_in_batch),
    };
    return cmocka_run_group_tests_name("arena", tests, make_arenas, NULL);
}
