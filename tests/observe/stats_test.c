/* stats_test.c -- counters: their sums, their equations, and exactness when nothing else allocates. */
#include "../api/support.h"
#include "arena/arenas.h"
#include "observe/stats.h"
#include "thread/tcache.h"
#include "thread/thread_life.h"

#include <errno.h>
#include <sched.h>

static lunalloc_stats_t
read_stats(uint32_t arena) {
    lunalloc_stats_t stats;
    assert_int_equal(lunalloc_stats(arena, &stats), 0);
    return stats;
}

static void
assert_equations(const lunalloc_stats_t *s) {
    assert_true(s->allocated <= s->active);
    assert_true(s->active <= s->resident);
    assert_int_equal(s->resident, s->metadata + s->active + s->dirty);
    assert_int_equal(s->mapped, s->active + s->dirty + s->muzzy + s->metadata);
    assert_true(s->ndalloc <= s->nmalloc);
}

/* What is allocated is known to the byte: the classes of what the test holds. */
static void
test_allocated_exact(void **state) {
    (void)state;
    static void *held[3000];
    uint64_t seed = 1, expected = 0;
    uint64_t before = read_stats(LUNALLOC_ALL).allocated;
    for (unsigned i = 0; i < 3000; i++) {
        held[i] = lunalloc_malloc(rnd_size(&seed, 16));
        expected += lunalloc_usable_size(held[i]);
    }
    lunalloc_stats_t stats = read_stats(LUNALLOC_ALL);
    assert_equations(&stats);
    assert_int_equal(stats.allocated - before, expected);
    for (unsigned i = 0; i < 3000; i += 2) {
        expected -= lunalloc_usable_size(held[i]);
        lunalloc_free(held[i]);
    }
    assert_int_equal(read_stats(LUNALLOC_ALL).allocated - before, expected);
    for (unsigned i = 1; i < 3000; i += 2) {
        lunalloc_free(held[i]);
    }
    assert_int_equal(read_stats(LUNALLOC_ALL).allocated, before);
    tcache_flush(&thread_get()->cache);
    stats = read_stats(LUNALLOC_ALL);
    assert_int_equal(stats.allocated, before);
    assert_int_equal(stats.cached, 0);
}

/* In a manual arena there is no cache, so its own counter is exact as well. */
static void
test_allocated_of_one_arena(void **state) {
    (void)state;
    arena_t *arena = arenas_create();
    assert_non_null(arena);
    uint64_t expected = 0;
    for (uint32_t i = 0; i < sc.nsmall + 10; i++) {
        bool zeroed = false;
        assert_non_null(sc_is_small(i) ? arena_malloc_small(arena, i, 0) : arena_malloc_large(arena, i, 1, &zeroed));
        expected += sc.size[i];
        lunalloc_class_stats_t class;
        assert_int_equal(lunalloc_class_stats(arena->index, i, &class), 0);
        assert_int_equal(class.curregs, 1);
        assert_int_equal(class.nmalloc - class.ndalloc, 1);
        assert_int_equal(class.nslabs, sc_is_small(i));
    }
    lunalloc_stats_t stats = read_stats(arena->index);
    assert_equations(&stats);
    assert_int_equal(stats.allocated, expected);
    assert_int_equal(stats.narenas, 1);
    assert_int_equal(stats.nslabs, sc.nsmall);
    assert_int_equal(stats.cached + stats.metadata, 0);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* Fields that are sums over arenas, by their places in the structure. */
static void
test_sums(void **state) {
    (void)state;
    static const size_t summed[] = {
        offsetof(lunalloc_stats_t, active),   offsetof(lunalloc_stats_t, dirty),    offsetof(lunalloc_stats_t, muzzy),
        offsetof(lunalloc_stats_t, retained), offsetof(lunalloc_stats_t, nregions), offsetof(lunalloc_stats_t, nslabs),
        offsetof(lunalloc_stats_t, nextents), offsetof(lunalloc_stats_t, nmalloc),  offsetof(lunalloc_stats_t, ndalloc),
        offsetof(lunalloc_stats_t, nfills),   offsetof(lunalloc_stats_t, nflushes), offsetof(lunalloc_stats_t, purged),
        offsetof(lunalloc_stats_t, npurges),  offsetof(lunalloc_stats_t, nmadvise), offsetof(lunalloc_stats_t, narenas),
    };
    arena_t *arena = arenas_create();
    assert_non_null(arena_malloc_small(arena, 1, 0));
    lunalloc_stats_t all = read_stats(LUNALLOC_ALL);
    for (unsigned k = 0; k < sizeof summed / sizeof summed[0]; k++) {
        uint64_t sum = 0;
        for (uint32_t i = 0; i < arenas_count(); i++) {
            lunalloc_stats_t one;
            if (lunalloc_stats(i, &one) == 0) {
                sum += *(const uint64_t *)(const void *)((const char *)&one + summed[k]);
            }
        }
        assert_int_equal(*(const uint64_t *)(const void *)((const char *)&all + summed[k]), sum);
    }
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* The totals' counters are the sums of the classes'. */
static void
test_sums_of_classes(void **state) {
    (void)state;
    lunalloc_class_stats_t sum = {0}, one;
    uint64_t cached = 0, allocated = 0;
    for (uint32_t i = 0; i < lunalloc_nsizes(); i++) {
        assert_int_equal(lunalloc_class_stats(LUNALLOC_ALL, i, &one), 0);
        sum.nmalloc += one.nmalloc;
        sum.ndalloc += one.ndalloc;
        sum.nrequests += one.nrequests;
        sum.nslabs += one.nslabs;
        cached += one.cached * sc.size[i];
        allocated += (one.curregs - one.cached) * sc.size[i];
        assert_int_equal(one.curregs, one.nmalloc - one.ndalloc);
        assert_true(one.nonfull <= one.nslabs);
    }
    lunalloc_stats_t all = read_stats(LUNALLOC_ALL);
    assert_int_equal(all.nmalloc, sum.nmalloc);
    assert_int_equal(all.ndalloc, sum.ndalloc);
    assert_int_equal(all.nrequests, sum.nrequests);
    assert_int_equal(all.nslabs, sum.nslabs);
    assert_int_equal(all.cached, cached);
    assert_int_equal(all.allocated, allocated);
}

static void
test_unknown(void **state) {
    (void)state;
    lunalloc_stats_t stats;
    lunalloc_class_stats_t class;
    assert_int_equal(lunalloc_stats(arenas_count(), &stats), ENOENT);
    assert_int_equal(lunalloc_stats(ARENAS_MAX, &stats), ENOENT);
    assert_int_equal(lunalloc_stats(LUNALLOC_ALL - 1, &stats), ENOENT);
    assert_int_equal(lunalloc_class_stats(0, sc.nsizes, &class), ENOENT);
    assert_int_equal(lunalloc_class_stats(0, UINT32_MAX, &class), ENOENT);
    assert_int_equal(lunalloc_class_stats(ARENAS_MAX, 0, &class), ENOENT);
}

/* One name a field, in order. */
static void
test_names(void **state) {
    (void)state;
    const char *const *names = lunalloc_stats_names();
    size_t n = 0;
    while (names[n] != NULL) {
        n++;
    }
    assert_int_equal(n * sizeof(uint64_t), sizeof(lunalloc_stats_t));
    assert_string_equal(names[0], "time");
    assert_string_equal(names[offsetof(lunalloc_stats_t, retained) / 8], "retained");
    assert_string_equal(names[offsetof(lunalloc_stats_t, narenas) / 8], "narenas");
    assert_string_equal(names[offsetof(lunalloc_stats_t, nmalloc) / 8], "nmalloc");
    assert_string_equal(names[offsetof(lunalloc_stats_t, purged) / 8], "purged");
}

/* ---- under load ---- */

static _Atomic bool stop;

static void *
churn(void *arg) {
    uint64_t seed = (uintptr_t)arg + 1;
    void *held[200] = {NULL};
    while (!atomic_get(&stop)) {
        size_t k = rnd_below(&seed, 200);
        lunalloc_free(held[k]);
        held[k] = lunalloc_malloc(rnd_size(&seed, 17));
    }
    for (unsigned k = 0; k < 200; k++) {
        lunalloc_free(held[k]);
    }
    return NULL;
}

/* The equations hold in every reading, and what is cumulative never falls. */
static void
test_under_load(void **state) {
    (void)state;
    pthread_t threads[4];
    lunalloc_stats_t last = read_stats(LUNALLOC_ALL);
    for (uintptr_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)i), 0);
    }
    for (unsigned round = 0; round < 100; round++) {
        lunalloc_stats_t now = read_stats(LUNALLOC_ALL);
        assert_equations(&now);
        assert_true(now.time >= last.time && now.nmalloc >= last.nmalloc && now.ndalloc >= last.ndalloc);
        assert_true(now.nrequests >= last.nrequests && now.nfills >= last.nfills && now.nflushes >= last.nflushes);
        assert_true(now.npurges >= last.npurges && now.nmadvise >= last.nmadvise && now.purged >= last.purged);
        last = now;
        lunalloc_stats_t one = read_stats(0);
        assert_equations(&one);
        sched_yield();
    }
    atomic_set(&stop, true);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_allocated_exact),
        cmocka_unit_test(test_allocated_of_one_arena),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_sums_of_classes),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_under_load),
    };
    return cmocka_run_group_tests_name("stats", tests, boot_allocator, NULL);
}
