/*
 * nauto_stress_test.c -- the number of automatic arenas changes every 50 ms, up and down, under the load of six
 * threads, with manual arenas made and destroyed and processes forked in between. Threads spread and gather; no block
 * is lost or overwritten; and in the end the arenas that are out of use hold nothing.
 */
#include "arena/arenas_bind.h"
#include "mail.h"
#include "../arena/check.h"

#define NTHREADS 6
#define NHELD    300
#define NCHANGES 44

static _Atomic bool stop;

static size_t
payload(uint64_t *seed) {
    return rnd_size(seed, rnd_below(seed, 20) == 0 ? 19 : 12);
}

static void *
work(void *arg) {
    uint64_t seed = (uint64_t)(uintptr_t)arg * 7919 + 1;
    mail_t *held[NHELD] = {NULL};
    while (!atomic_get(&stop)) {
        mail_step(&seed, held, NHELD, payload);
    }
    mail_free_all(held, NHELD, &seed);
    return NULL;
}

/* Threads on the automatic arenas of the indices from .. to - 1, which in this process are the slots' numbers. */
static unsigned
threads_on(uint32_t from, uint32_t to) {
    unsigned n = 0;
    for (uint32_t i = from; i < to; i++) {
        const arena_t *arena = arenas_get(i);
        n += arena == NULL || atomic_get(&arena->manual) ? 0 : atomic_get(&arena->nthreads);
    }
    return n;
}

/* The least and the most threads on one of them; the process's first thread does not count. */
static void
spread(uint32_t narenas, unsigned *least, unsigned *most) {
    *least = UINT32_MAX;
    *most = 0;
    for (uint32_t i = 0; i < narenas; i++) {
        unsigned n = threads_on(i, i + 1);
        n -= i == 0 && n > 0;
        *least = n < *least ? n : *least;
        *most = n > *most ? n : *most;
    }
}

/* None is where it should not be, and the load is even: nobody moves any more. */
static bool
is_settled(uint32_t narenas) {
    unsigned least, most;
    spread(narenas, &least, &most);
    return threads_on(narenas, arenas_count()) == 0 && most <= least + 1;
}

static void
change(uint32_t narenas) {
    char text[16];
    snprintf(text, sizeof text, "%u", narenas);
    assert_int_equal(lunalloc_ctl_set("arenas.nauto", text, NULL, 0), 0);
    nap(50);
    lunalloc_ctl_set("thread.tcache.flush", NULL, NULL, 0);
    for (unsigned i = 0; i < 2000 && !is_settled(narenas); i++) {
        lunalloc_free(lunalloc_malloc(100000));
        nap(5);
    }
    if (!is_settled(narenas)) {
        unsigned least, most;
        spread(narenas, &least, &most);
        fail_msg("%u arenas: %u threads on others, %u to %u on each", narenas, threads_on(narenas, arenas_count()),
                 least, most);
    }
    check_arenas();
}

/* A manual arena that lives for a while beside them. */
static void
use_manual(unsigned round) {
    arena_t *arena = arenas_create();
    assert_non_null(arena);
    void *ptrs[50];
    for (unsigned i = 0; i < 50; i++) {
        ptrs[i] = arena_malloc_small(arena, i % sc.nsmall, 0);
        assert_non_null(ptrs[i]);
    }
    for (unsigned i = 0; i < round % 50; i++) {
        lunalloc_free(ptrs[i]);
    }
    assert_int_equal(round % 2 == 0 ? arenas_reset(arena->index) : 0, 0);
    check_arenas();
    assert_int_equal(arenas_destroy(arena->index), 0);
}

static void
live_on(void *arg) {
    uint64_t seed = (uint64_t)(uintptr_t)arg + 1;
    for (uint32_t n = 1; n <= 9; n += 4) {
        arenas_set_nauto(n);
        for (unsigned i = 0; i < 200; i++) {
            mail_t *block = mail_make(&seed, payload);
            child_assert(block != NULL && mail_is_whole(block));
            lunalloc_free(block);
        }
    }
    check_arenas();
}

/* 1, 8, 1, 8 ... and then any. */
static void
run_changes(void) {
    static const uint32_t numbers[] = {8, 1, 5, 2, 16, 1, 3};
    for (unsigned i = 0; i < NCHANGES; i++) {
        change(i < 20 ? (i % 2 == 0 ? 8 : 1) : numbers[i % 7]);
        if (i % 3 == 0) {
            use_manual(i);
        }
        if (i % 7 == 0) {
            outcome_t out = in_child(live_on, (void *)(uintptr_t)i);
            assert_child_well(&out);
        }
    }
}

/* Nothing lives, and nothing is kept: not a page. */
static void
assert_drained(void) {
    for (uint32_t i = 1; i < arenas_count(); i++) {
        lunalloc_stats_t stats;
        if (lunalloc_stats(i, &stats) == 0 && stats.allocated + stats.active + stats.dirty + stats.muzzy != 0) {
            fail_msg("arena %u: allocated %zu, active %zu, dirty %zu, muzzy %zu", i, (size_t)stats.allocated,
                     (size_t)stats.active, (size_t)stats.dirty, (size_t)stats.muzzy);
        }
    }
}

static void
test_arenas_automatic_number_live_under_load(void **state) {
    (void)state;
    pthread_t threads[NTHREADS];
    lunalloc_stats_t before, after;
    arenas_set_nauto(1);
    lunalloc_ctl_set("thread.arena", "0", NULL, 0);
    lunalloc_ctl_set("arena.4096.dirty_decay_ms", "-1", NULL, 0);
    lunalloc_ctl_set("arenas.dirty_decay_ms", "-1", NULL, 0);
    lunalloc_stats(LUNALLOC_ALL, &before);
    for (uintptr_t i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    }
    run_changes();
    atomic_set(&stop, true);
    for (unsigned i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_threads_well();
    arenas_set_nauto(1);
    lunalloc_free(lunalloc_malloc(100000));
    mail_empty();
    lunalloc_ctl_set("thread.tcache.flush", NULL, NULL, 0);
    assert_drained();
    check_arenas();
    lunalloc_stats(LUNALLOC_ALL, &after);
    assert_true(after.allocated <= before.allocated + 4096);
    assert_int_equal(after.nthreads, before.nthreads);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arenas_automatic_number_live_under_load),
    };
    return cmocka_run_group_tests_name("nauto_stress", tests, boot_allocator, NULL);
}
