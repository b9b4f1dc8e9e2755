/*
 * nauto_test.c -- the number of automatic arenas changes live: threads spread and gather, no-retain arenas give their
 * memory back, indices are shared with manual arenas. Threads are counts here where that is enough.
 */
#include "../api/support.h"
#include "arena/arenas.h"
#include "arena/arenas_bind.h"
#include "extent/decay_pass.h"
#include "extent/pagemap.h"
#include "observe/stats.h"
#include "os/clock.h"

#include <errno.h>

#define MAX_BOUND 64

/* Whatever the machine: index 1 is an automatic arena's. */
const char *lunalloc_conf = "narenas:2";

static arena_t *bound[MAX_BOUND];

static void
bind_all(unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        bound[i] = arenas_bind_auto();
    }
}

static void
rebind_all(unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        bound[i] = arenas_rebind(bound[i]);
    }
}

static void
unbind_all(unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        arenas_unbind(bound[i]);
    }
}

/* Of the first n, how many are bound to this arena. */
static unsigned
threads_of(const arena_t *arena, unsigned n) {
    unsigned count = 0;
    for (unsigned i = 0; i < n; i++) {
        count += bound[i] == arena;
    }
    return count;
}

/* They are on as many arenas as there are, each with as many as any other, or one less. */
static void
assert_even(unsigned n, unsigned narenas) {
    unsigned least = n, most = 0, used = 0;
    for (uint32_t i = 0; i < arenas_count(); i++) {
        unsigned count = arenas_get(i) == NULL ? 0 : threads_of(arenas_get(i), n);
        used += count > 0;
        least = count > 0 && count < least ? count : least;
        most = count > most ? count : most;
    }
    if (used != (n < narenas ? n : narenas) || most - least > 1) {
        fail_msg("%u threads on %u arenas: %u of them used, %u to %u threads each", n, narenas, used, least, most);
    }
}

/* Each thread looks once after a change. */
static void
test_arenas_automatic_number_live_threads_rebind(void **state) {
    (void)state;
    static const unsigned numbers[] = {1, 8, 3, 8, 1, 5, 40, 2, 64, 7, 256, 1};
    uint32_t before = arenas_nauto();
    for (unsigned n = 1; n <= MAX_BOUND; n += 9) {
        bind_all(n);
        for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            arenas_set_nauto(numbers[i]);
            assert_int_equal(arenas_nauto(), numbers[i]);
            rebind_all(n);
            assert_even(n, numbers[i]);
        }
        unbind_all(n);
    }
    arenas_set_nauto(before);
}

/* ---- no-retain arenas ---- */

static lunalloc_stats_t
stats_of(const arena_t *arena) {
    lunalloc_stats_t stats;
    assert_int_equal(stats_read(arena->index, &stats), 0);
    return stats;
}

/* Free memory that an arena holds: free pages, and slabs that nothing lives in. */
static size_t
free_memory(const arena_t *arena) {
    lunalloc_stats_t stats = stats_of(arena);
    return stats.dirty + stats.muzzy + (stats.allocated == 0 ? stats.active : 0);
}

/* An automatic arena of its own, that never purges by time. */
static arena_t *
second_arena(void) {
    arenas_set_nauto(2);
    arena_t *arena = arenas_want(1);
    assert_non_null(arena);
    pa_set_decay_ms(&arena->pages, extent_dirty, -1, clock_coarse_ns());
    pa_set_decay_ms(&arena->pages, extent_muzzy, -1, clock_coarse_ns());
    return arena;
}

#define NBLOCKS 600

static void *blocks[NBLOCKS];

static void
fill(arena_t *arena) {
    uint64_t seed = 11;
    bool zeroed = false;
    for (unsigned i = 0; i < NBLOCKS; i++) {
        uint32_t szind = (uint32_t)rnd_below(&seed, sc.nsmall + 6);
        blocks[i] =
            sc_is_small(szind) ? arena_malloc_small(arena, szind, 0) : arena_malloc_large(arena, szind, 1, &zeroed);
        assert_non_null(blocks[i]);
    }
    shuffle(&seed, blocks, NBLOCKS);
}

static void
free_blocks(unsigned from, unsigned to) {
    for (unsigned i = from; i < to; i++) {
        arena_free(blocks[i]);
    }
}

/* What is free goes when the slot goes out of use; what is freed later goes at once. */
static void
test_no_retain_arenas_give_memory_back(void **state) {
    (void)state;
    uint32_t before = arenas_nauto();
    arena_t *arena = second_arena();
    fill(arena);
    free_blocks(0, NBLOCKS / 2);
    assert_true(free_memory(arena) > 0);
    arenas_set_nauto(1);
    assert_int_equal(free_memory(arena), 0);
    for (unsigned i = NBLOCKS / 2; i < NBLOCKS; i++) {
        free_blocks(i, i + 1);
        assert_int_equal(free_memory(arena), 0);
    }
    assert_int_equal(stats_of(arena).active, 0);
    assert_int_equal(stats_of(arena).allocated, 0);
    arena_check(arena);
    arenas_set_nauto(before);
}

/* As long as a thread is bound, or the slot is in use, free memory stays. */
static void
test_kept_while_bound(void **state) {
    (void)state;
    uint32_t before = arenas_nauto();
    arena_t *arena = second_arena();
    fill(arena);
    arenas_bind(arena);
    arenas_set_nauto(1);
    free_blocks(0, NBLOCKS);
    assert_true(free_memory(arena) > 0);
    arenas_set_nauto(2);
    arenas_unbind(arena);
    assert_true(free_memory(arena) > 0);
    arenas_bind(arena);
    arenas_set_nauto(1);
    assert_true(free_memory(arena) > 0);
    arenas_unbind(arena);
    assert_int_equal(free_memory(arena), 0);
    assert_int_equal(stats_of(arena).active, 0);
    assert_int_equal(arenas_bind_to(arena->index), arena);
    fill(arena);
    free_blocks(0, NBLOCKS);
    assert_true(free_memory(arena) > 0);
    arenas_unbind(arena);
    assert_int_equal(free_memory(arena), 0);
    arena_check(arena);
    arenas_set_nauto(before);
}

/* In use again, it keeps what is free as its settings say. */
static void
test_refilled(void **state) {
    (void)state;
    uint32_t before = arenas_nauto();
    arena_t *arena = second_arena();
    arenas_set_nauto(1);
    arenas_set_nauto(2);
    fill(arena);
    free_blocks(0, NBLOCKS);
    assert_true(stats_of(arena).dirty > 0);
    assert_int_equal(atomic_get(&arena->pages.dirty.decay_ms), -1);
    arenas_set_nauto(1);
    assert_int_equal(free_memory(arena), 0);
    arenas_set_nauto(before);
}

/* ---- real threads ---- */

static pthread_barrier_t barrier;

/* Bound to arena 1 with blocks and a cache, it ends without another slow path after the change. */
static void *
cache_and_end(void *arg) {
    (void)arg;
    void *ptrs[200];
    thread_assert(lunalloc_ctl_set("thread.arena", "1", NULL, 0) == 0);
    for (unsigned i = 0; i < 200; i++) {
        ptrs[i] = lunalloc_malloc(1 + i * 100);
        thread_assert(ptrs[i] != NULL);
    }
    for (unsigned i = 0; i < 200; i++) {
        lunalloc_free(ptrs[i]);
    }
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

static void
test_no_retain_arenas_give_memory_back_with_their_last_thread(void **state) {
    (void)state;
    uint32_t before = arenas_nauto();
    arena_t *arena = second_arena();
    uint32_t bound_before = atomic_get(&arena->nthreads);
    pthread_t thread;
    pthread_barrier_init(&barrier, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, cache_and_end, NULL), 0);
    pthread_barrier_wait(&barrier);
    assert_int_equal(atomic_get(&arena->nthreads), bound_before + 1);
    arenas_set_nauto(1);
    assert_true(free_memory(arena) > 0 || stats_of(arena).allocated > 0);
    pthread_barrier_wait(&barrier);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_threads_well();
    assert_int_equal(atomic_get(&arena->nthreads), bound_before);
    lunalloc_stats_t stats = stats_of(arena);
    assert_int_equal(stats.allocated + stats.active + stats.dirty + stats.muzzy, 0);
    arenas_set_nauto(before);
}

/* ---- indices, shared with manual arenas ---- */

/* The index of a destroyed manual arena serves an automatic one: it is one in every respect. */
static void
take_destroyed_index(void *arg) {
    (void)arg;
    arenas_set_nauto(2);
    child_assert(arenas_want(1) != NULL);
    arena_t *manual = arenas_create();
    const arena_t *second = arenas_create();
    child_assert(manual->index == 2 && second->index == 3);
    child_assert(arenas_destroy(2) == 0);
    arenas_set_nauto(4);
    bind_all(6);
    child_assert(arenas_count() == 5);
    child_assert(arenas_get(2) == manual && !atomic_get(&manual->manual) && threads_of(manual, 6) > 0);
    child_assert(!atomic_get(&arenas_get(4)->manual) && threads_of(arenas_get(4), 6) > 0);
    child_assert(threads_of(second, 6) == 0);
    child_assert(arenas_destroy(2) == EINVAL && arenas_reset(2) == EINVAL);
    void *p = arena_malloc_small(manual, 3, 0);
    child_assert(p != NULL && pagemap_class(p) == 4);
    child_assert(arenas_destroy(3) == 0);
    const arena_t *again = arenas_create();
    child_assert(again->index == 3 && atomic_get(&again->manual));
    arenas_set_nauto(1);
    rebind_all(6);
    child_assert(threads_of(arenas_get(0), 6) == 6);
    arenas_set_nauto(4);
    rebind_all(6);
    child_assert(threads_of(arenas_get(2), 6) > 0 && threads_of(again, 6) == 0);
}

static void
test_index_of_destroyed(void **state) {
    (void)state;
    outcome_t out = in_child(take_destroyed_index, NULL);
    assert_child_well(&out);
}

/* More slots than indices: threads spread over the arenas that there can be. */
static void
use_up_indices(void *arg) {
    (void)arg;
    arenas_set_nauto(3);
    bind_all(9);
    rebind_all(9);
    while (arenas_create() != NULL) {
    }
    arenas_set_nauto(256);
    rebind_all(9);
    for (unsigned i = 9; i < 60; i++) {
        bound[i] = arenas_bind_auto();
    }
    for (unsigned i = 0; i < 3; i++) {
        unsigned n = 0;
        for (unsigned t = 0; t < 60; t++) {
            n += bound[t] == bound[i];
        }
        child_assert(bound[i]->index < ARENAS_MAX && !atomic_get(&bound[i]->manual));
        child_assert(n >= 20 - 1 && n <= 20 + 1);
    }
    child_assert(arenas_destroy(ARENAS_MAX - 1) == 0);
    const arena_t *last = arenas_bind_auto();
    child_assert(last->index == ARENAS_MAX - 1 && !atomic_get(&last->manual));
}

static void
test_more_slots_than_indices(void **state) {
    (void)state;
    outcome_t out = in_child(use_up_indices, NULL);
    assert_child_well(&out);
}

/* To change places with a thread that is there gains nothing: only a difference of two is worth a move. The process's
 * first thread does not count. */
static void
test_no_move_without_gain(void **state) {
    (void)state;
    arenas_set_nauto(2);
    arena_t *first = arenas_get(0), *second = arenas_want(1);
    uint32_t there = atomic_get(&first->nthreads);
    assert_int_equal(there, 1);
    assert_int_equal(atomic_get(&second->nthreads), 0);
    arenas_bind(first);
    arenas_bind(second);
    arenas_bind(second);
    assert_ptr_equal(arenas_rebind(second), second);
    arenas_bind(second);
    assert_ptr_equal(arenas_rebind(second), first);
    assert_int_equal(atomic_get(&first->nthreads), 3);
    assert_int_equal(atomic_get(&second->nthreads), 2);
    arenas_unbind(first);
    arenas_unbind(first);
    arenas_unbind(second);
    arenas_unbind(second);
    arenas_set_nauto(1);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_of_destroyed),
        cmocka_unit_test(test_more_slots_than_indices),
        cmocka_unit_test(test_no_retain_arenas_give_memory_back),
        cmocka_unit_test(test_kept_while_bound),
        cmocka_unit_test(test_refilled),
        cmocka_unit_test(test_no_move_without_gain),
        cmocka_unit_test(test_no_retain_arenas_give_memory_back_with_their_last_thread),
        cmocka_unit_test(test_arenas_automatic_number_live_threads_rebind),
    };
    return cmocka_run_group_tests_name("nauto", tests, boot_allocator, NULL);
}
