/*
 * slab_pages_test.c -- free pages of slabs in part use are given back: which pages, what the counters say, and beside
 * threads that allocate. Arenas are manual ones, so that no other thread's cache uses them.
 */
#include "../api/support.h"
#include "arena/arenas.h"
#include "arena/arenas_bind.h"
#include "arena/slab_decay.h"
#include "extent/hooks.h"
#include "observe/stats.h"
#include "os/pages.h"

#include <pthread.h>
#include <sys/mman.h>

#include "check.h"

#define SZIND    13
#define MAX_PTRS 20000

static arena_t *arena;
static void *ptrs[MAX_PTRS];

static int
make_arena(void **state) {
    boot_allocator(state);
    arena = arenas_create();
    return arena == NULL;
}

static int
destroy_arena(void **state) {
    (void)state;
    return arenas_destroy(arena->index);
}

/* Under VirtualAlloc's rules pages cannot be purged and stay committed: then no page of a slab is given back. */
static bool
can_purge(void) {
    bool zeroed, committed;
    void *page = hook_alloc(NULL, 65536, 65536, &zeroed, &committed, 0);
    bool can = page != NULL && committed && hook_purge_forced(NULL, page, 65536, 0);
    assert_true(page != NULL && hook_dalloc(NULL, page, 65536, committed, 0));
    return can;
}

static uint32_t
regs_in_slab(uint32_t szind) {
    return sc_nregs(szind, atomic_get(&sc.slab_size[szind]));
}

static lunalloc_class_stats_t
class_stats(uint32_t szind) {
    lunalloc_class_stats_t class;
    assert_int_equal(stats_read_class(arena->index, szind, &class), 0);
    return class;
}

/* Pages of the slab at `slab` that are resident. */
static size_t
resident_pages(const extent_t *slab) {
    unsigned char in[64];
    size_t n = 0;
    assert_true(extent_npages(slab) <= sizeof in);
    assert_int_equal(mincore((void *)slab->addr, slab->size, in), 0);
    for (size_t i = 0; i < extent_npages(slab); i++) {
        n += in[i] & 1;
    }
    return n;
}

/* Fills n slabs and writes every region. */
static uint32_t
fill_slabs(uint32_t szind, uint32_t nslabs) {
    uint32_t n = nslabs * regs_in_slab(szind);
    assert_true(n <= MAX_PTRS);
    assert_int_equal(arena_fill(arena, szind, 0, n, ptrs), n);
    for (uint32_t i = 0; i < n; i++) {
        memset(ptrs[i], 7, sc.size[szind]);
    }
    return n;
}

/* Frees all but the pointers at multiples of `keep`, which it moves to the front; returns how many. */
static uint32_t
thin(uint32_t n, uint32_t keep) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i % keep == 0) {
            ptrs[kept++] = ptrs[i];
        } else {
            arena_flush(&ptrs[i], 1);
        }
    }
    return kept;
}

static bool
is_filled(const unsigned char *block, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (block[i] != 7) {
            return false;
        }
    }
    return true;
}

/* Pages that a block touches. */
static size_t
pages_of_block(const void *block, size_t size) {
    uintptr_t at = (uintptr_t)block;
    return (align_up(at + size, sc.page) - align_down(at, sc.page)) / sc.page;
}

static void
check_class(uint32_t szind) NO_THREAD_SAFETY {
    uint32_t n = fill_slabs(szind, 8), nregs = regs_in_slab(szind);
    lunalloc_class_stats_t before = class_stats(szind);
    n = thin(n, nregs);
    size_t purged = atomic_get(&arena->pages.purged_bytes);
    size_t bytes = arena_purge_slabs(arena);
    assert_int_equal(atomic_get(&arena->pages.purged_bytes), purged + bytes);
    lunalloc_class_stats_t after = class_stats(szind);
    assert_int_equal(after.curregs, n);
    assert_int_equal(before.nslabs, after.nslabs);
    size_t freed = 0;
    for (uint32_t i = 0; i < n; i++) {
        const extent_t *slab = arena_extent_of(ptrs[i], "test");
        bool current = slab == arena->bins[szind].current;
        size_t kept = pages_of_block(ptrs[i], sc.size[szind]);
        assert_true(is_filled(ptrs[i], sc.size[szind]));
        assert_int_equal(resident_pages(slab), current ? extent_npages(slab) : kept);
        freed += current ? 0 : slab->size - kept * sc.page;
    }
    assert_int_equal(bytes, freed);
    check_arenas();
    arena_flush(ptrs, n);
}

static void
test_free_pages_of_slabs_are_given_back(void **state) {
    (void)state;
    for (uint32_t szind = 0; can_purge() && szind < sc.nsmall; szind++) {
        check_class(szind);
    }
}

/* Random regions stay: none of them loses its contents, and all are allocated again afterwards. */
static void
test_regions_in_use_keep_their_contents(void **state) {
    (void)state;
    uint32_t n = thin(fill_slabs(SZIND, 200), 37);
    size_t bytes = arena_purge_slabs(arena);
    assert_true(bytes > 0 || !can_purge());
    for (uint32_t i = 0; i < n; i++) {
        assert_true(is_filled(ptrs[i], sc.size[SZIND]));
    }
    check_arenas();
    uint32_t more = MAX_PTRS - n;
    assert_int_equal(arena_fill(arena, SZIND, 0, more, ptrs + n), more);
    arena_flush(ptrs, n + more);
    assert_int_equal(class_stats(SZIND).curregs, 0);
}

static void
test_nothing_to_give_back(void **state) {
    (void)state;
    assert_int_equal(arena_purge_slabs(arena), 0);
    uint32_t n = fill_slabs(SZIND, 4);
    assert_int_equal(arena_purge_slabs(arena), 0);
    arena_flush(ptrs, n);
}

/* ---- beside other threads ---- */

static _Atomic bool stop;

/* Allocates and frees runs of regions, and checks that nobody else writes to them. */
static void *
churn(void *arg) {
    void *mine[300];
    uint32_t seed = (uint32_t)(uintptr_t)arg;
    while (!atomic_get(&stop)) {
        uint32_t n = 1 + (seed = seed * 1664525 + 1013904223) % 300;
        assert_int_equal(arena_fill(arena, SZIND, 0, n, mine), n);
        for (uint32_t i = 0; i < n; i++) {
            memset(mine[i], (int)(uintptr_t)arg, sc.size[SZIND]);
        }
        for (uint32_t i = 0; i < n; i++) {
            assert_int_equal(*(unsigned char *)mine[i], (uintptr_t)arg);
            assert_int_equal(((unsigned char *)mine[i])[sc.size[SZIND] - 1], (uintptr_t)arg);
        }
        arena_flush(mine, n);
    }
    return NULL;
}

static void
test_purge_beside_threads_that_allocate(void **state) {
    (void)state;
    pthread_t threads[3];
    uint32_t n = thin(fill_slabs(SZIND, 100), 20);
    atomic_set(&stop, false);
    for (uintptr_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)), 0);
    }
    for (int i = 0; i < 200; i++) {
        arena_purge_slabs(arena);
    }
    atomic_set(&stop, true);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    for (uint32_t i = 0; i < n; i++) {
        assert_true(is_filled(ptrs[i], sc.size[SZIND]));
    }
    check_arenas();
    arena_flush(ptrs, n);
    assert_int_equal(class_stats(SZIND).curregs, 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_free_pages_of_slabs_are_given_back, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_regions_in_use_keep_their_contents, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_nothing_to_give_back, make_arena, destroy_arena),
        cmocka_unit_test_setup_teardown(test_purge_beside_threads_that_allocate, make_arena, destroy_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
