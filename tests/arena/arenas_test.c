/*
 * arenas_test.c -- the table: binding, creation, destruction, indices; and emptying an arena beside threads that
 * purge it.
 */
#include "../api/support.h"
#include "arena/arenas.h"
#include "arena/arenas_bind.h"
#include "observe/stats.h"
#include "base/options.h"
#include "extent/decay_pass.h"
#include "extent/purge.h"
#include "os/clock.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

/* The automatic arena that the contract names: the fewest threads, lowest index among equals. */
static uint32_t
least_loaded(void) {
    uint32_t best = 0, least = UINT32_MAX;
    for (uint32_t i = 0; i < arenas_nauto(); i++) {
        const arena_t *arena = arenas_get(i);
        uint32_t n = arena == NULL ? 0 : atomic_get(&arena->nthreads);
        n -= i == 0 && n > 0; /* the first thread does not count */
        if (n < least) {
            least = n;
            best = i;
        }
    }
    return best;
}

static void
test_bind_auto(void **state) {
    (void)state;
    arena_t *bound[40];
    uint64_t seed = 6;
    for (unsigned i = 0; i < 40; i++) {
        uint32_t expected = least_loaded();
        bound[i] = arenas_bind_auto();
        assert_int_equal(bound[i]->index, expected);
        assert_false(bound[i]->manual);
        if (rnd_below(&seed, 4) == 0) {
            arenas_unbind(bound[i]);
            arenas_bind(bound[i] = arenas_get(0));
        }
    }
    for (unsigned i = 0; i < 40; i++) {
        arenas_unbind(bound[i]);
    }
}

static void
test_lookup(void **state) {
    (void)state;
    assert_non_null(arenas_get(0));
    assert_true(arenas_alive(0));
    assert_null(arenas_get(ARENAS_MAX));
    assert_null(arenas_get(UINT32_MAX));
    assert_false(arenas_alive(arenas_count()));
    assert_false(arenas_alive(UINT32_MAX));
    assert_null(arenas_want(arenas_count()));
    assert_null(arenas_want(UINT32_MAX));
    for (uint32_t i = 0; i < arenas_nauto(); i++) {
        assert_int_equal(arenas_want(i)->index, i);
        assert_true(arenas_alive(i));
    }
}

static void
test_arenas_create_and_destroy(void **state) {
    (void)state;
    arena_t *made[3];
    for (unsigned i = 0; i < 3; i++) {
        made[i] = arenas_create();
        assert_non_null(made[i]);
        assert_true(made[i]->manual);
        assert_true(made[i]->index >= arenas_nauto());
        assert_int_equal(made[i]->index, made[0]->index + i);
    }
    assert_true(atomic_get(&arenas_uncached_made));
    uint32_t middle = made[1]->index;
    assert_int_equal(arenas_destroy(middle), 0);
    assert_false(arenas_alive(middle));
    assert_null(arenas_want(middle));
    assert_int_equal(arenas_destroy(middle), EINVAL);
    assert_int_equal(arenas_reset(middle), EINVAL);
    made[1] = arenas_create();
    assert_int_equal(made[1]->index, middle);
    assert_true(arenas_alive(middle));
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(arenas_destroy(made[i]->index), 0);
    }
}

static void
test_arenas_refuse_reset_and_destroy(void **state) {
    (void)state;
    const uint32_t none[] = {0, arenas_count(), ARENAS_MAX, ARENAS_MAX + 1, UINT32_MAX};
    for (unsigned i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(arenas_reset(none[i]), EINVAL);
        assert_int_equal(arenas_destroy(none[i]), EINVAL);
    }
    arena_t *arena = arenas_create();
    assert_non_null(arena);
    void *p = arena_malloc_small(arena, 3, 0);
    pattern_fill(p, sc.size[3], 1);
    arenas_bind(arena);
    assert_int_equal(arenas_reset(arena->index), EAGAIN);
    assert_int_equal(arenas_destroy(arena->index), EAGAIN);
    assert_true(pattern_holds(p, sc.size[3], 1));
    arenas_unbind(arena);
    assert_int_equal(arenas_reset(arena->index), 0);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/*
 * A destroyed arena has given its address space back, and starts with the decay times of new arenas when it is made
 * again.
 */
static void
test_destroyed_is_new(void **state) {
    (void)state;
    arena_t *arena = arenas_create();
    assert_non_null(arena);
    bool zeroed = false;
    assert_non_null(arena_malloc_large(arena, sc.nsmall + 20, 1, &zeroed));
    pa_set_decay_ms(&arena->pages, extent_dirty, 7, clock_coarse_ns());
    assert_int_equal(arenas_destroy(arena->index), 0);
    lunalloc_stats_t stats;
    assert_int_equal(stats_read(arena->index, &stats), 0);
    assert_int_equal(stats.mapped + stats.retained + stats.nregions, 0);
    arena_t *again = arenas_create();
    assert_int_equal(again->index, arena->index);
    assert_int_equal(atomic_get(&again->pages.dirty.decay_ms), DEFAULT_DIRTY_DECAY_MS);
    assert_int_equal(arenas_destroy(again->index), 0);
}

/* ---- as many as there can be ---- */

static void
create_all(void *arg) {
    (void)arg;
    uint32_t n = 0;
    for (const arena_t *arena; (arena = arenas_create()) != NULL; n++) {
        child_assert(arena->index == arenas_nauto() + n);
    }
    child_assert(n == ARENAS_MAX - arenas_nauto());
    child_assert(arenas_count() == ARENAS_MAX);
    child_assert(arenas_destroy(ARENAS_MAX / 2) == 0);
    const arena_t *again = arenas_create();
    child_assert(again != NULL && again->index == ARENAS_MAX / 2);
    child_assert(arenas_create() == NULL);
}

static void
test_exhaustion(void **state) {
    (void)state;
    outcome_t out = in_child(create_all, NULL);
    assert_child_well(&out);
}

/* ---- emptying beside decay ---- */

static _Atomic bool stop;

/* What thread events and the controls arena.4096.purge and .decay do in any thread at any time. */
static void *
purge_everything(void *arg) {
    (void)arg;
    while (!atomic_get(&stop)) {
        for (uint32_t i = 0; i < arenas_count(); i++) {
            arena_t *arena = arenas_get(i);
            if (arena != NULL) {
                pa_decay(&arena->pages, clock_ns());
                pa_purge_all(&arena->pages);
            }
        }
        sched_yield();
    }
    return NULL;
}

static void
fill_and_free(arena_t *arena, uint64_t *seed) {
    extent_t *live[100];
    for (unsigned i = 0; i < 100; i++) {
        bool zeroed = false;
        void *p = arena_malloc_large(arena, sc.nsmall + (uint32_t)rnd_below(seed, 6), 1, &zeroed);
        child_assert(p != NULL);
        live[i] = arena_extent_of(p, "test");
    }
    for (unsigned i = 0; i < 100; i++) {
        if (rnd_below(seed, 2) == 0) {
            arena_free_large(live[i]);
        }
    }
}

/* In a process of its own, which a broken structure may end. */
static int
empty_beside_purging(bool destroy) {
    boot_allocator(NULL);
    pthread_t threads[2];
    uint64_t seed = 3;
    for (unsigned i = 0; i < 2; i++) {
        child_assert(pthread_create(&threads[i], NULL, purge_everything, NULL) == 0);
    }
    arena_t *arena = arenas_create();
    for (unsigned round = 0; round < 800; round++) {
        fill_and_free(arena, &seed);
        child_assert((destroy ? arenas_destroy(arena->index) : arenas_reset(arena->index)) == 0);
        lunalloc_stats_t stats;
        child_assert(stats_read(arena->index, &stats) == 0 && stats.allocated == 0);
        child_assert(!destroy || stats.nregions == 0);
        arena = destroy ? arenas_create() : arena;
        child_assert(arena != NULL);
    }
    atomic_set(&stop, true);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    arena_check(arena);
    return 0;
}

static void
test_arenas_reset_beside_purging(void **state) {
    (void)state;
    outcome_t out = in_new_process("reset", "LUNALLOC_CONF", NULL);
    assert_child_well(&out);
}

static void
test_arenas_destroy_beside_purging(void **state) {
    (void)state;
    outcome_t out = in_new_process("destroy", "LUNALLOC_CONF", NULL);
    assert_child_well(&out);
}

/* What memory runs short for is not kept by slabs in which nothing lives. */
static void
test_release_of_empty_slabs(void **state) {
    (void)state;
    lunalloc_stats_t stats;
    arena_t *arena = arenas_create();
    assert_non_null(arena);
    for (uint32_t szind = 0; szind < sc.nsmall; szind++) {
        void *ptr = arena_malloc_small(arena, szind, 0);
        assert_non_null(ptr);
        arena_flush(&ptr, 1);
    }
    assert_int_equal(lunalloc_stats(arena->index, &stats), 0);
    assert_true(stats.allocated == 0 && stats.active > 0);
    arenas_release_unused();
    assert_int_equal(lunalloc_stats(arena->index, &stats), 0);
    assert_int_equal(stats.active + stats.mapped, 0);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

int
main(int argc, char **argv) {
    if (argc > 1) {
        return empty_beside_purging(strcmp(argv[1], "destroy") == 0);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_bind_auto),
        cmocka_unit_test(test_arenas_create_and_destroy),
        cmocka_unit_test(test_arenas_refuse_reset_and_destroy),
        cmocka_unit_test(test_destroyed_is_new),
        cmocka_unit_test(test_exhaustion),
        cmocka_unit_test(test_arenas_reset_beside_purging),
        cmocka_unit_test(test_arenas_destroy_beside_purging),
        cmocka_unit_test(test_release_of_empty_slabs),
    };
    return cmocka_run_group_tests_name("arenas", tests, boot_allocator, NULL);
}
