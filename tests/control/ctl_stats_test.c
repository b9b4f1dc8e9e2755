/* ctl_stats_test.c -- statistics by name: merged and destroyed arenas, counters of locks and their reset. */
#include "../api/support.h"
#include "arena/arenas.h"
#include "control/ctl_locks.h"
#include "extent/decay_pass.h"
#include "observe/stats.h"

#include <errno.h>

static uint64_t
read_counter(const char *format, size_t index) {
    char name[96], message[256];
    lunalloc_value_t value;
    snprintf(name, sizeof name, format, index);
    if (lunalloc_ctl_get(name, &value, message, sizeof message) != 0) {
        fail_msg("%s: %s", name, message);
    }
    return value.v.u;
}

/* 4096 stands for all arenas, 4097 for those that were destroyed. */
static void
test_merged_and_destroyed(void **state) {
    (void)state;
    arena_t *arena = arenas_create();
    uint64_t others = read_counter("stats.arenas.%zu.bins.0.nmalloc", 4097);
    uint64_t before = read_counter("stats.arenas.%zu.bins.0.nmalloc", arena->index);
    void *ptr;
    assert_int_equal(arena_fill(arena, 0, 0, 1, &ptr), 1);
    assert_int_equal(read_counter("stats.arenas.%zu.bins.0.nmalloc", arena->index), before + 1);
    assert_true(read_counter("stats.arenas.%zu.small.nmalloc", 4096) > before);
    assert_true(read_counter("stats.arenas.%zu.active", 4096) >= read_counter("stats.arenas.%zu.active", arena->index));
    uint32_t index = arena->index;
    assert_int_equal(arenas_destroy(index), 0);
    assert_int_equal(read_counter("stats.arenas.%zu.bins.0.nmalloc", 4097), others + before + 1);
    assert_int_equal(read_counter("stats.arenas.%zu.active", 4097), 0);
}

/* A bin's lock is counted, and so are those of the page layer; after a reset they start anew. */
static void
test_locks_of_an_arena(void **state) {
    (void)state;
    static void *ptrs[1000];
    arena_t *arena = arenas_create();
    size_t i = arena->index;
    uint64_t bin = read_counter("stats.arenas.%zu.bins.3.mutex.num_ops", i);
    uint64_t dirty = read_counter("stats.arenas.%zu.mutexes.extents_dirty.num_ops", i);
    for (unsigned k = 0; k < 1000; k++) {
        bool zeroed = false;
        assert_int_equal(arena_fill(arena, 3, 0, 1, &ptrs[k]), 1);
        arena_free(arena_malloc_large(arena, sc.nsmall, sc.page, &zeroed));
    }
    assert_true(read_counter("stats.arenas.%zu.bins.3.mutex.num_ops", i) >= bin + 1000);
    assert_true(read_counter("stats.arenas.%zu.mutexes.extents_dirty.num_ops", i) >= dirty + 1000);
    assert_int_equal(lunalloc_ctl_set("stats.mutexes.reset", NULL, NULL, 0), 0);
    assert_true(read_counter("stats.arenas.%zu.bins.3.mutex.num_ops", i) < 1000);
    assert_true(read_counter("stats.arenas.%zu.mutexes.extents_dirty.num_ops", i) < 1000);
    assert_int_equal(read_counter("stats.arenas.%zu.mutexes.large.num_ops", i), 0);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* The process's own locks, each under its name; what one thread takes after another is a change of owner. */
static void *
take_each(void *arg) {
    (void)arg;
    for (unsigned i = 0; i < PROCESS_LOCKS; i++) {
        lock_t *lock = process_lock((process_lock_t)i);
        lock_acquire(lock);
        lock_release(lock);
    }
    return NULL;
}

static uint64_t
counter_of_lock(unsigned lock, const char *counter) {
    char name[96];
    snprintf(name, sizeof name, "stats.mutexes.%.20s.%.20s", process_lock_names[lock], counter);
    return read_counter(name, 0);
}

static void
test_locks_of_the_process(void **state) {
    (void)state;
    uint64_t nops[PROCESS_LOCKS], nswitches[PROCESS_LOCKS];
    take_each(NULL);
    for (unsigned i = 0; i < PROCESS_LOCKS; i++) {
        nops[i] = counter_of_lock(i, "num_ops");
        nswitches[i] = counter_of_lock(i, "num_owner_switch");
    }
    run_thread(take_each, NULL);
    for (unsigned i = 0; i < PROCESS_LOCKS; i++) {
        assert_true(counter_of_lock(i, "num_ops") > nops[i]);
        assert_true(counter_of_lock(i, "num_owner_switch") > nswitches[i]);
    }
}

/* By mallctl, a picture of one epoch: counters that belong together do, though much happens between the questions. */
static void
test_epoch(void **state) {
    (void)state;
    uint64_t one = 1;
    size_t before, after, size = sizeof before;
    assert_int_equal(mallctl("epoch", NULL, NULL, &one, sizeof one), 0);
    assert_int_equal(mallctl("stats.arenas.4096.large.allocated", &before, &size, NULL, 0), 0);
    void *block = lunalloc_malloc(1 << 20);
    assert_int_equal(mallctl("stats.arenas.4096.large.allocated", &after, &size, NULL, 0), 0);
    assert_int_equal(after, before);
    assert_int_equal(mallctl("epoch", NULL, NULL, &one, sizeof one), 0);
    assert_int_equal(mallctl("stats.arenas.4096.large.allocated", &after, &size, NULL, 0), 0);
    assert_true(after >= before + (1 << 20));
    lunalloc_free(block);
}

/* Rows beyond the last class, and an arena that is not there. */
static void
test_unknown(void **state) {
    (void)state;
    static const char *const names[] = {"stats.arenas.0.extents.160.ndirty",
                                        "stats.arenas.4098.pactive",
                                        "stats.caches.999.hit_ratio",
                                        "stats.arenas.4095.mutexes.large.num_ops",
                                        "stats.arenas.0.bins.0",
                                        "stats.mutexes.nobody.num_ops",
                                        "stats.arenas.4095.mutexes.extents_dirty.num_ops"};
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        uint64_t value = 77;
        size_t size = sizeof value;
        int error = mallctl(names[i], &value, &size, NULL, 0);
        if (error != ENOENT) {
            fail_msg("%s: %d", names[i], error);
        }
        assert_int_equal(value, 77);
    }
}

/* Muzzy pages may be gone at any time: they are mapped, not resident. */
static void
test_resident_leaves_muzzy_out(void **state) {
    (void)state;
    bool zeroed = false;
    arena_t *arena = arenas_create();
    pa_set_decay_ms(&arena->pages, extent_muzzy, -1, 0);
    void *block = arena_malloc_large(arena, sc_index((size_t)4 << 20), 1, &zeroed);
    assert_non_null(block);
    arena_free(block);
    pa_set_decay_ms(&arena->pages, extent_dirty, 0, 0);
    lunalloc_stats_t stats;
    assert_int_equal(lunalloc_stats(arena->index, &stats), 0);
    assert_true(stats.muzzy >= (size_t)4 << 20);
    assert_int_equal(stats.resident, stats.active + stats.dirty);
    assert_int_equal(stats.mapped, stats.active + stats.dirty + stats.muzzy);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merged_and_destroyed),      cmocka_unit_test(test_locks_of_an_arena),
        cmocka_unit_test(test_locks_of_the_process),      cmocka_unit_test(test_epoch),
        cmocka_unit_test(test_resident_leaves_muzzy_out), cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests_name("ctl_stats", tests, boot_allocator, NULL);
}
