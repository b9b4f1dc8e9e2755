/*
 * thread_test.c -- birth, binding and end of threads: what they held comes back, late frees work, and the number of
 * threads that ever lived leaves no trace in metadata.
 */
#include "../api/support.h"
#include "arena/arenas_bind.h"
#include "extent/decay_pass.h"
#include "extent/metadata.h"
#include "os/clock.h"
#include "thread/dispatch.h"
#include "thread/tcache.h"
#include "thread/thread_life.h"

#include <pthread.h>

/* Classes of these tests: nothing else in the process asks for them. */
static const size_t sizes[] = {1792, 3584, 7168, 14336, 20480, 28672};
#define NSIZES (sizeof sizes / sizeof sizes[0])

static uint64_t
out_of_arenas(size_t size) {
    lunalloc_class_stats_t stats;
    assert_int_equal(lunalloc_class_stats(LUNALLOC_ALL, sc_index(size), &stats), 0);
    return stats.curregs;
}

static uint64_t
threads_alive(void) {
    lunalloc_stats_t stats;
    assert_int_equal(lunalloc_stats(LUNALLOC_ALL, &stats), 0);
    return stats.nthreads;
}

static void *
work(void *arg) {
    uint64_t seed = (uintptr_t)arg + 1;
    void *held[50] = {NULL};
    for (unsigned i = 0; i < 3000; i++) {
        size_t k = rnd_below(&seed, 50);
        lunalloc_free(held[k]);
        held[k] = lunalloc_malloc(sizes[rnd_below(&seed, NSIZES)]);
    }
    for (unsigned k = 0; k < 50; k++) {
        lunalloc_free(held[k]);
    }
    return NULL;
}

/* ---- exit ---- */

static void
test_exit_returns_all(void **state) {
    (void)state;
    pthread_t threads[8];
    uint64_t before[NSIZES];
    for (unsigned k = 0; k < NSIZES; k++) {
        before[k] = out_of_arenas(sizes[k]);
    }
    uint64_t alive = threads_alive();
    for (uintptr_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    }
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (unsigned k = 0; k < NSIZES; k++) {
        assert_int_equal(out_of_arenas(sizes[k]), before[k]);
    }
    assert_int_equal(threads_alive(), alive);
}

static void *
allocate_for_parent(void *arg) {
    void **out = arg;
    for (unsigned k = 0; k < NSIZES; k++) {
        out[k] = lunalloc_malloc(sizes[k]);
        if (out[k] != NULL) {
            pattern_fill(out[k], sizes[k], k);
        }
    }
    return NULL;
}

/* Memory outlives the thread that asked for it. */
static void
test_memory_outlives_thread(void **state) {
    (void)state;
    void *out[NSIZES];
    run_thread(allocate_for_parent, out);
    for (unsigned k = 0; k < NSIZES; k++) {
        assert_non_null(out[k]);
        assert_true(pattern_holds(out[k], sizes[k], k));
        lunalloc_free(out[k]);
    }
    tcache_flush(&thread_get()->cache);
}

/* The requests that an ended thread made stay counted. */
static void
test_requests_stay(void **state) {
    (void)state;
    uint32_t szind = sc_index(sizes[1]);
    lunalloc_class_stats_t before, after;
    lunalloc_class_stats(LUNALLOC_ALL, szind, &before);
    void *out[NSIZES];
    for (unsigned i = 0; i < 100; i++) {
        run_thread(allocate_for_parent, out);
        for (unsigned k = 0; k < NSIZES; k++) {
            lunalloc_free(out[k]);
        }
    }
    lunalloc_class_stats(LUNALLOC_ALL, szind, &after);
    assert_int_equal(after.nrequests - before.nrequests, 100);
}

/* ---- destructors of others ---- */

static pthread_key_t late_key;
static _Atomic unsigned late_calls;
static _Atomic unsigned late_wrong;

/* Runs more than once: glibc repeats destructors while values are set, so also surely after the library's own. */
static void
late_destructor(void *value) {
    unsigned call = atomic_add(&late_calls, 1);
    void *fresh = lunalloc_malloc(1000);
    if (fresh == NULL || !pattern_holds(value, 1792, 7)) {
        atomic_add(&late_wrong, 1);
    } else {
        pattern_fill(fresh, 1000, 1);
    }
    lunalloc_free(fresh);
    lunalloc_free(value);
    if (call % 3 != 2) {
        void *next = lunalloc_malloc(1792);
        pattern_fill(next, 1792, 7);
        pthread_setspecific(late_key, next);
    }
}

static void *
leave_to_destructor(void *arg) {
    void *value = lunalloc_malloc(1792);
    pattern_fill(value, 1792, 7);
    pthread_setspecific(late_key, value);
    return arg;
}

/* A thread that first allocates in a destructor, when the library's own destructor may have had its turn. */
static void *
only_in_destructor(void *arg) {
    pthread_setspecific(late_key, arg);
    return NULL;
}

static void
test_late_free(void **state) {
    (void)state;
    assert_int_equal(pthread_key_create(&late_key, late_destructor), 0);
    tcache_flush(&thread_get()->cache);
    uint64_t before = out_of_arenas(1792), alive = threads_alive();
    for (unsigned i = 0; i < 20; i++) {
        run_thread(leave_to_destructor, NULL);
        void *value = lunalloc_malloc(1792);
        pattern_fill(value, 1792, 7);
        run_thread(only_in_destructor, value);
    }
    assert_int_equal(atomic_get(&late_calls), 20 * 6);
    assert_int_equal(atomic_get(&late_wrong), 0);
    tcache_flush(&thread_get()->cache);
    assert_int_equal(out_of_arenas(1792), before);
    assert_int_equal(threads_alive(), alive);
    pthread_key_delete(late_key);
}

/* ---- many ---- */

static void *
short_life(void *arg) {
    for (unsigned k = 0; k < NSIZES; k++) {
        lunalloc_free(lunalloc_malloc(sizes[k]));
    }
    return arg;
}

/* Threads that have ended leave nothing behind: metadata stops growing after the first of them. */
static void
test_metadata_stays(void **state) {
    (void)state;
    for (unsigned i = 0; i < 32; i++) {
        run_thread(short_life, NULL);
    }
    size_t before = metadata_bytes();
    for (unsigned i = 0; i < 500; i++) {
        run_thread(short_life, NULL);
    }
    assert_int_equal(metadata_bytes(), before);
}

/* ---- binding ---- */

static void *
bind_and_report(void *arg) {
    uint32_t *seen = arg;
    arena_t *manual = arenas_create();
    thread_t *self = thread_get();
    seen[0] = atomic_get(&self->arena)->index < arenas_nauto();
    thread_bind(self, manual);
    seen[1] = atomic_get(&self->arena) == manual && self->isolated && atomic_get(&manual->nthreads) == 1;
    void *small = lunalloc_malloc(100);
    void *large = lunalloc_malloc(100000);
    seen[2] = arena_extent_of(small, "test")->owner == extent_owner(manual->index, extent_active) &&
              arena_extent_of(large, "test")->owner == extent_owner(manual->index, extent_active);
    thread_bind(self, arenas_get(0));
    seen[3] = atomic_get(&manual->nthreads) == 0 && !self->isolated && self->cache.ncached == tcache_nclasses();
    lunalloc_free(small);
    lunalloc_free_sized(large, 100000);
    seen[4] = arenas_destroy(manual->index) == 0;
    return NULL;
}

/* To a manual arena and back; what was allocated there is freed there, from wherever. */
static void
test_bind(void **state) {
    (void)state;
    uint32_t seen[5] = {0};
    uint32_t before = atomic_get(&arenas_get(0)->nthreads);
    run_thread(bind_and_report, seen);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(seen[i], 1);
    }
    assert_int_equal(atomic_get(&arenas_get(0)->nthreads), before);
}

static void
test_self(void **state) {
    (void)state;
    thread_t *self = thread_get();
    assert_ptr_equal(self, thread_get());
    assert_ptr_equal(self, thread_self);
    assert_int_equal(self->id, gettid());
    assert_ptr_not_equal(self, &thread_uninitialised);
    assert_ptr_not_equal(self, &thread_exited);
}

static void
add_bound(const thread_t *thread, void *context) {
    uint64_t *bound = context;
    bound[atomic_get(&thread->arena)->index]++;
}

/* Each arena's count of threads is the number of living threads that allocate from it, the first one included. */
static void
test_counts_agree(void **state) {
    (void)state;
    static uint64_t bound[ARENAS_MAX];
    thread_get();
    threads_lock();
    thread_each(add_bound, bound);
    threads_unlock();
    for (uint32_t i = 0; i < arenas_count(); i++) {
        if (arenas_get(i) != NULL) {
            assert_int_equal(atomic_get(&arenas_get(i)->nthreads), bound[i]);
        }
    }
}

/* An arena that no thread is bound to gives its pages back by the events of others' threads. */
static void
test_quiet_arenas_are_ticked(void **state) {
    (void)state;
    bool zeroed = false;
    arena_t *quiet = arenas_create();
    assert_non_null(quiet);
    pa_set_decay_ms(&quiet->pages, extent_dirty, 5, clock_coarse_ns());
    pa_set_decay_ms(&quiet->pages, extent_muzzy, 0, clock_coarse_ns());
    void *block = arena_malloc_large(quiet, sc_index((size_t)4 << 20), 1, &zeroed);
    assert_non_null(block);
    arena_free(block);
    assert_true(atomic_get(&quiet->pages.dirty.extents.npages) > 0);
    for (unsigned i = 0; i < 10000 && atomic_get(&quiet->pages.dirty.extents.npages) > 0; i++) {
        for (unsigned k = 0; k < 100; k++) {
            dispatch_housekeep(thread_get());
        }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    assert_int_equal(atomic_get(&quiet->pages.dirty.extents.npages), 0);
    assert_int_equal(arenas_destroy(quiet->index), 0);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_self),
        cmocka_unit_test(test_counts_agree),
        cmocka_unit_test(test_exit_returns_all),
        cmocka_unit_test(test_memory_outlives_thread),
        cmocka_unit_test(test_requests_stay),
        cmocka_unit_test(test_late_free),
        cmocka_unit_test(test_metadata_stays),
        cmocka_unit_test(test_bind),
        cmocka_unit_test(test_quiet_arenas_are_ticked),
    };
    return cmocka_run_group_tests_name("thread", tests, boot_allocator, NULL);
}
