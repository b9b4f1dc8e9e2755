/*
 * shards_stress_test.c -- the shards of several classes rise and fall while six threads, half of them without caches,
 * allocate from one arena and free each other's blocks, another one makes, resets and destroys manual arenas, processes
 * are forked in between, and the arena is checked. No block is lost or overwritten; in the end surplus shards hold
 * nothing, and the sums are what they were.
 */
#include "../api/mail.h"
#include "arena/arenas.h"
#include "arena/arenas_bind.h"

#define NTHREADS 6
#define NHELD    300
#define NCHANGES 300
#define NCLASSES 12

static _Atomic bool stop;
static _Atomic unsigned started;

static size_t
payload(uint64_t *seed) {
    return rnd_below(seed, 400);
}

static void *
work(void *arg) {
    uint64_t seed = (uint64_t)(uintptr_t)arg * 7919 + 1;
    mail_t *held[NHELD] = {NULL};
    lunalloc_ctl_set("thread.tcache.enabled", (uintptr_t)arg % 2 == 0 ? "true" : "false", NULL, 0);
    atomic_add(&started, 1);
    while (!atomic_get(&stop)) {
        mail_step(&seed, held, NHELD, payload);
    }
    mail_free_all(held, NHELD, &seed);
    return NULL;
}

static void
use_manual(arena_t *arena, uint64_t *seed) {
    void *ptrs[200];
    for (unsigned i = 0; i < 200; i++) {
        ptrs[i] = arena_malloc_small(arena, i % NCLASSES, i % 4);
        thread_assert(ptrs[i] != NULL);
    }
    shuffle(seed, ptrs, 200);
    arena_flush(ptrs, (uint32_t)rnd_below(seed, 201));
}

/* Manual arenas are reset while the thread that lowers the number of shards takes their empty slabs away. */
static void *
use_manuals(void *arg) {
    uint64_t seed = 77;
    atomic_add(&started, 1);
    while (!atomic_get(&stop)) {
        arena_t *arena = arenas_create();
        thread_assert(arena != NULL);
        use_manual(arena, &seed);
        thread_assert(arenas_reset(arena->index) == 0);
        use_manual(arena, &seed);
        thread_assert(arenas_destroy(arena->index) == 0);
    }
    return arg;
}

static void
check_arena(void) {
    if (config_debug) {
        uint64_t began = clock_ns();
        arena_check(arenas_get(0));
        breathe(began);
    }
}

static void
set_nshards(uint32_t szind, uint32_t n) {
    char name[40], text[8];
    snprintf(name, sizeof name, "arenas.bin.%u.nshards", szind);
    snprintf(text, sizeof text, "%u", n);
    assert_int_equal(lunalloc_ctl_set(name, text, NULL, 0), 0);
}

static void
live_on(void *arg) {
    uint64_t seed = (uint64_t)(uintptr_t)arg + 1;
    for (unsigned i = 0; i < 200; i++) {
        arenas_set_nshards(i % NCLASSES, 1 + i % 5);
        mail_t *block = mail_make(&seed, payload);
        child_assert(block != NULL && mail_is_whole(block));
        lunalloc_free(block);
    }
    if (config_debug) {
        arena_check(arenas_get(0));
    }
}

static void
run_changes(void) {
    static const uint32_t numbers[] = {2, 1, 4, 8, 1, 3};
    uint64_t seed = 4;
    for (unsigned i = 0; i < NCHANGES; i++) {
        set_nshards((uint32_t)rnd_below(&seed, NCLASSES), numbers[rnd_below(&seed, 6)]);
        nap(1);
        if (i % 10 == 0) {
            check_arena();
        }
        if (i % 60 == 30) {
            outcome_t out = in_child(live_on, (void *)(uintptr_t)i);
            assert_child_well(&out);
        }
    }
}

static void
start(pthread_t *threads) {
    for (uintptr_t i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    }
    assert_int_equal(pthread_create(&threads[NTHREADS], NULL, use_manuals, NULL), 0);
    while (atomic_get(&started) <= NTHREADS) {
        nap(1);
    }
}

static void
finish(pthread_t *threads) {
    atomic_set(&stop, true);
    for (unsigned i = 0; i <= NTHREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_threads_well();
    mail_empty();
    lunalloc_ctl_set("thread.tcache.flush", NULL, NULL, 0);
}

static void
assert_surplus_shards_hold_nothing(void) {
    for (uint32_t szind = 0; szind < NCLASSES; szind++) {
        bin_t *bin;
        for (uint32_t k = 1; (bin = shards_next(&arenas_get(0)->bins[szind], &k)) != NULL;) {
            assert_int_equal(atomic_get(&bin->regs_taken) - atomic_get(&bin->regs_returned), 0);
            assert_int_equal(atomic_get(&bin->nslabs), 0);
        }
    }
}

static void
test_shards_live_under_load(void **state) {
    (void)state;
    pthread_t threads[NTHREADS + 1];
    lunalloc_stats_t before, after;
    arenas_set_nauto(1);
    lunalloc_ctl_set("thread.arena", "0", NULL, 0);
    lunalloc_ctl_set("thread.tcache.flush", NULL, NULL, 0);
    assert_int_equal(lunalloc_stats(0, &before), 0);
    start(threads);
    run_changes();
    for (uint32_t szind = 0; szind < NCLASSES; szind++) {
        set_nshards(szind, 1);
    }
    finish(threads);
    assert_surplus_shards_hold_nothing();
    arena_check(arenas_get(0));
    assert_int_equal(lunalloc_stats(0, &after), 0);
    assert_true(after.allocated <= before.allocated + 4096);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shards_live_under_load),
    };
    return cmocka_run_group_tests_name("shards_stress", tests, boot_allocator, NULL);
}
