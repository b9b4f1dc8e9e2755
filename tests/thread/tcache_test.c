/*
 * tcache_test.c -- the calling thread's cache behind the entry points: growth, refills, flushes, and the exact count of
 * requests. Each test works in a thread of its own, whose cache is new.
 */
#include "../api/support.h"
#include "base/options.h"
#include "extent/metadata.h"
#include "thread/tcache.h"
#include "thread/tcache_depth.h"
#include "thread/thread_life.h"

#define MAX_PTRS 20000

static void *ptrs[MAX_PTRS];

static const cache_bin_t *
bin_of(uint32_t szind) {
    return &thread_get()->cache.bins[szind + 1];
}

static const cache_cold_t *
cold_of(uint32_t szind) {
    return &thread_get()->cache.cold[szind + 1];
}

static uint32_t
nslots(uint32_t szind) {
    return cold_of(szind)->slots == NULL ? 0 : 1U << cold_of(szind)->lg_slots;
}

static void
take(uint32_t szind, uint32_t from, uint32_t n) {
    for (uint32_t i = from; i < from + n; i++) {
        ptrs[i] = lunalloc_malloc(sc.size[szind]);
        thread_assert(ptrs[i] != NULL);
    }
}

static void
give(uint32_t from, uint32_t n) {
    for (uint32_t i = from; i < from + n; i++) {
        lunalloc_free(ptrs[i]);
    }
}

/* A class that nothing but the test asks for. */
static uint32_t
quiet_class(void) {
    return sc_index(1536);
}

/* ---- size of the stacks ---- */

static void *
limits(void *arg) {
    thread_get();
    for (uint32_t i = 0; i < tcache_nclasses(); i++) {
        uint32_t max = tcache_max_slots(i);
        thread_assert(is_pow2(max));
        thread_assert(max <= options.tcache_nslots || max <= 4);
        thread_assert(max * sc.size[i] <= options.tcache_bytes || max <= 4);
        thread_assert(!config_torture || max == 1);
    }
    thread_assert(tcache_nclasses() >= sc.nsmall && tcache_nclasses() < CACHE_BINS);
    thread_assert(tcache_nclasses() == CACHE_BINS - 1 ||
                  sc.size[tcache_nclasses() - 1] >= atomic_get(&options.tcache_max));
    return arg;
}

static void
test_limits(void **state) {
    (void)state;
    run_thread(limits, NULL);
}

/* Never more than the maximum, which enough traffic reaches; never less than what is held. */
static void *
growth(void *arg) {
    thread_get();
    for (uint32_t szind = 0; szind < tcache_nclasses(); szind += 5) {
        uint32_t max = tcache_max_slots(szind);
        uint32_t n = 4 * max;
        for (unsigned round = 0; round < 40; round++) {
            take(szind, 0, n);
            give(0, n);
            thread_assert(nslots(szind) > 0 && nslots(szind) <= max);
            thread_assert(cache_bin_count(bin_of(szind)) <= nslots(szind));
        }
        thread_assert(nslots(szind) == max);
    }
    return arg;
}

/* The stack that a larger one replaces is used again: twelve threads need what a few need. */
static void
test_replaced_stacks_are_used_again(void **state) {
    (void)state;
    size_t before = 0;
    for (unsigned i = 0; i < 12; i++) {
        run_thread(growth, NULL);
        if (i == 4) {
            before = metadata_bytes();
        }
    }
    assert_true(metadata_bytes() - before < 16 << 10);
}

static void
test_growth(void **state) {
    (void)state;
    run_thread(growth, NULL);
}

/* Takes what the cache holds, and one more: how many the refill brought. ptrs[0 .. *n) are in use. */
static uint32_t
next_refill(uint32_t szind, uint32_t *n) {
    while (cache_bin_count(bin_of(szind)) > 0) {
        take(szind, (*n)++, 1);
    }
    take(szind, (*n)++, 1);
    thread_assert(*n < MAX_PTRS);
    return cache_bin_count(bin_of(szind)) + 1;
}

/* The most slots of a stack that makes no round trips. */
static uint32_t
usual_slots(uint32_t szind) {
    cache_cold_t none = {0};
    uint32_t lg = 0;
    while (depth_allows(szind, lg + 1) && depth_is_usual(&none, szind, lg + 1)) {
        lg++;
    }
    return 1U << lg;
}

/* Doubles from refill to refill, up to half of the largest stack. */
static void *
refill_doubles(void *arg) {
    uint32_t szind = quiet_class();
    uint32_t limit = usual_slots(szind) / 2;
    uint32_t last = 0, n = 0;
    limit = limit == 0 ? 1 : limit;
    while (last < limit) {
        uint32_t fill = next_refill(szind, &n);
        thread_assert(fill <= limit && (last == 0 || fill == 2 * last || fill == limit));
        last = fill;
    }
    give(0, n);
    return arg;
}

static void
test_refill_doubles(void **state) {
    (void)state;
    run_thread(refill_doubles, NULL);
}

/* Once as many objects have come back as were asked for, and not in a burst. */
static void *
refill_halves(void *arg) {
    uint32_t szind = quiet_class();
    uint32_t n = 0, last = 0;
    while (tcache_max_slots(szind) >= 16 && last < 8) {
        last = next_refill(szind, &n);
    }
    for (uint32_t least = (uint32_t)((CACHELINE + sc.size[szind] - 1) / sc.size[szind]); last > least; last /= 2) {
        for (unsigned i = 0; i < 100; i++) {
            give(n - 1, 1);
            take(szind, n - 1, 1);
        }
        thread_assert(next_refill(szind, &n) == last / 2);
    }
    give(0, n);
    return arg;
}

static void
test_refill_halves_where_objects_come_back(void **state) {
    (void)state;
    run_thread(refill_halves, NULL);
}

enum {
    TRANSIT = 4096
};

/* In the order in which another thread took them. */
static void *
only_free(void *arg) {
    uint32_t szind = sc_index(48);
    give(0, TRANSIT);
    thread_assert(nslots(szind) <= 128);
    thread_assert(config_torture || nslots(szind) < tcache_max_slots(szind));
    return arg;
}

static void
test_stack_of_who_only_frees_stays_small(void **state) {
    (void)state;
    take(sc_index(48), 0, TRANSIT);
    run_thread(only_free, NULL);
}

/* A stack that makes round trips holds a batch of four times the usual limits. */
static void
assert_deepens(uint32_t szind) {
    uint32_t usual = usual_slots(szind);
    for (unsigned round = 0; round < 20; round++) {
        take(szind, 0, 3 * usual);
        give(0, 3 * usual);
    }
    thread_assert(config_torture || (nslots(szind) == 4 * usual && cache_bin_count(bin_of(szind)) >= 3 * usual - 3));
}

static void *
round_trips(void *arg) {
    assert_deepens(quiet_class());
    return arg;
}

/* The stack runs full and empty by a walk that is much longer than it is deep. It does not get deeper; and one that was
 * deeper has the usual size again. */
static void *
random_walk(void *arg) {
    uint32_t szind = quiet_class(), usual = usual_slots(szind), held = 0, most = 24 * usual;
    uint64_t seed = 5;
    if (arg != NULL) {
        assert_deepens(szind);
    }
    for (unsigned step = 0; step < 1000000; step++) {
        if (held > 0 && (rnd_below(&seed, 2) == 0 || held == most)) {
            give(--held, 1);
        } else {
            take(szind, held++, 1);
        }
        thread_assert(arg != NULL || nslots(szind) <= usual);
    }
    thread_assert(nslots(szind) <= usual);
    give(0, held);
    return arg;
}

static void
test_only_round_trips_make_stacks_deeper(void **state) {
    (void)state;
    run_thread(round_trips, NULL);
    run_thread(random_walk, NULL);
    run_thread(random_walk, "deeper");
}

static void *
take_many(void *szind) {
    take(*(uint32_t *)szind, 0, 16 * usual_slots(*(uint32_t *)szind));
    return szind;
}

/* A deep stack has the usual size again once objects of another thread pass through it, without a request. */
static void *
free_what_was_handed_over(void *arg) {
    uint32_t szind = quiet_class(), usual = usual_slots(szind);
    assert_deepens(szind);
    run_thread(take_many, &szind);
    give(0, 16 * usual);
    thread_assert(nslots(szind) <= usual);
    return arg;
}

static void
test_objects_of_others_take_depth_back(void **state) {
    (void)state;
    run_thread(free_what_was_handed_over, NULL);
}

/* ---- flushing ---- */

/*
 * An overflow of a stack at its maximum gives the oldest half back; the newest are handed out again, last freed
 * first.
 */
static void *
flush_keeps_newest(void *arg) {
    uint32_t szind = quiet_class();
    uint32_t max = usual_slots(szind);
    uint32_t i = 0;
    take(szind, 0, 8 * max);
    tcache_flush(&thread_get()->cache);
    while (nslots(szind) < max || cache_bin_count(bin_of(szind)) < max) {
        thread_assert(i < 6 * max);
        give(i++, 1);
    }
    give(i, 1);
    uint32_t kept = max / 2 + 1;
    thread_assert(cache_bin_count(bin_of(szind)) == kept);
    for (uint32_t k = 0; k < kept; k++) {
        thread_assert(lunalloc_malloc(sc.size[szind]) == ptrs[i - k]);
    }
    thread_assert(cache_bin_count(bin_of(szind)) == 0);
    return arg;
}

/* The order of what is kept, seen slot by slot. */
static void *
flush_order(void *arg) {
    uint32_t szind = quiet_class();
    uint32_t max = tcache_max_slots(szind);
    for (unsigned round = 0; round < 60; round++) {
        take(szind, 0, 4 * max);
        give(0, 4 * max);
    }
    take(szind, 0, 4 * max);
    tcache_flush(&thread_get()->cache);
    thread_assert(cache_bin_count(bin_of(szind)) == 0);
    for (uint32_t i = 0; i < 4 * max; i++) {
        lunalloc_free(ptrs[i]);
        void **head = cache_bin_head(bin_of(szind));
        for (uint32_t k = 0; k < cache_bin_count(bin_of(szind)); k++) {
            thread_assert(head[k] == ptrs[i - k]);
        }
    }
    return arg;
}

static void
test_flush_keeps_newest(void **state) {
    (void)state;
    run_thread(flush_keeps_newest, NULL);
    run_thread(flush_order, NULL);
}

static bool
zeroed(const cache_bin_t *bin) {
    return bin->head == NULL && bin->remain <= TCACHE_PERIOD && bin->empty == 0 && bin->full == 0;
}

/* A flush leaves no object and no stack; afterwards the cache works. */
static void *
flush_all(void *arg) {
    for (uint32_t szind = 0; szind < tcache_nclasses(); szind++) {
        take(szind, 0, 8);
        give(0, 8);
    }
    tcache_flush(&thread_get()->cache);
    for (uint32_t szind = 0; szind < tcache_nclasses(); szind++) {
        thread_assert(zeroed(bin_of(szind)) && nslots(szind) == 0);
        take(szind, 0, 3);
        give(0, 3);
        thread_assert(nslots(szind) > 0);
    }
    return arg;
}

/* Closing leaves zeroed bins, which stay so until the cache is on again, and keeps the counts of requests. */
static void *
close_cache(void *arg) {
    thread_t *self = thread_get();
    uint64_t requests[CACHE_BINS];
    for (uint32_t szind = 0; szind < tcache_nclasses(); szind++) {
        take(szind, 0, 8);
        give(0, 8);
        requests[szind] = tcache_requests(&self->cache, szind);
    }
    tcache_fit(&self->cache, 0);
    for (uint32_t szind = 0; szind < tcache_nclasses(); szind++) {
        thread_assert(zeroed(bin_of(szind)) && cold_of(szind)->slots == NULL);
        thread_assert(tcache_requests(&self->cache, szind) == requests[szind]);
    }
    take(quiet_class(), 0, 4);
    give(0, 4);
    thread_assert(nslots(quiet_class()) == 0);
    thread_set_cached(self, true);
    take(quiet_class(), 0, 4);
    give(0, 4);
    thread_assert(nslots(quiet_class()) > 0);
    thread_assert(tcache_requests(&self->cache, quiet_class()) == requests[quiet_class()] + 4);
    return arg;
}

static void
test_flush_and_close(void **state) {
    (void)state;
    run_thread(flush_all, NULL);
    run_thread(close_cache, NULL);
}

/* ---- counting ---- */

static uint64_t
requests_of(uint32_t szind) {
    lunalloc_class_stats_t stats;
    thread_assert(lunalloc_class_stats(LUNALLOC_ALL, szind, &stats) == 0);
    return stats.nrequests;
}

static void
random_step(uint32_t szind, uint64_t *seed, uint32_t *held, uint64_t *made) {
    size_t choice = rnd_below(seed, 100);
    if (choice == 0) {
        tcache_flush(&thread_get()->cache);
    } else if (choice == 1) {
        thread_set_cached(thread_get(), rnd_below(seed, 2) == 0);
    } else if (choice == 2) {
        uint32_t n = (uint32_t)rnd_below(seed, 2000);
        for (uint32_t i = 0; i < n; i++) {
            lunalloc_free(lunalloc_malloc(sc.size[szind]));
        }
        *made += n;
    } else if (choice < 60 && *held < 1000) {
        take(szind, (*held)++, 1);
        (*made)++;
    } else if (*held > 0) {
        give(--*held, 1);
    }
}

/* Whatever the mixture of fast and slow paths, caches on and off: the count is exact at every moment. */
static void *
requests(void *arg) {
    const uint32_t classes[] = {0, quiet_class(), sc.nsmall - 1, sc.nsmall, tcache_nclasses() - 1, tcache_nclasses()};
    uint64_t seed = 12;
    thread_get();
    for (unsigned k = 0; k < sizeof classes / sizeof classes[0]; k++) {
        uint64_t before = requests_of(classes[k]), made = 0;
        uint32_t held = 0;
        for (unsigned step = 0; step < 3000; step++) {
            random_step(classes[k], &seed, &held, &made);
            if (step % 50 == 0) {
                thread_assert(requests_of(classes[k]) == before + made);
            }
        }
        thread_set_cached(thread_get(), true);
        give(0, held);
        thread_assert(requests_of(classes[k]) == before + made);
    }
    return arg;
}

static void
test_requests(void **state) {
    (void)state;
    run_thread(requests, NULL);
}

/* ---- events ---- */

/*
 * A thread whose cache never misses still has events, one in TCACHE_PERIOD allocations: they drive decay. That needs
 * each countdown that reaches 0 to be served and started again, by whichever entry point it is noticed.
 */
static void *
events(void *arg) {
    uint32_t szind = quiet_class();
    take(szind, 0, 2);
    give(0, 2);
    uint32_t before = thread_get()->ticks;
    for (unsigned i = 0; i < 64 * TCACHE_PERIOD; i++) {
        void *p = i % 3 == 0 ? lunalloc_calloc(1, sc.size[szind]) : lunalloc_malloc(sc.size[szind]);
        thread_assert(p != NULL && bin_of(szind)->remain <= TCACHE_PERIOD);
        lunalloc_free(p);
    }
    thread_assert(thread_get()->ticks - before >= 64);
    return arg;
}

static void
test_events(void **state) {
    (void)state;
    run_thread(events, NULL);
}

/* What a class holds and nobody asks for goes back to the arena while the thread does something else. */
static void *
collect(void *arg) {
    uint32_t idle = quiet_class();
    uint32_t max = tcache_max_slots(idle);
    take(idle, 0, max);
    give(0, max);
    thread_assert(cache_bin_count(bin_of(idle)) > 0);
    for (unsigned i = 0; i < 200 * CACHE_BINS; i++) {
        tcache_collect(&thread_get()->cache);
    }
    thread_assert(zeroed(bin_of(idle)) && nslots(idle) == 0);
    return arg;
}

static void
test_collect(void **state) {
    (void)state;
    run_thread(collect, NULL);
}

/* ---- cache lines ---- */

#define SIDE_BY_SIDE 4

static pthread_barrier_t all_have_one;

static void *
take_one(void *size) {
    void *object = lunalloc_malloc((size_t)(uintptr_t)size);
    pthread_barrier_wait(&all_have_one);
    return object;
}

/* The first objects of threads that begin with a class at the same time. */
static void
test_threads_do_not_begin_on_one_line(void **state) {
    (void)state;
    if (config_torture) {
        skip(); /* a stack of one */
    }
    pthread_barrier_init(&all_have_one, NULL, SIDE_BY_SIDE);
    for (uintptr_t size = 8; size <= 64; size *= 2) {
        pthread_t threads[SIDE_BY_SIDE];
        for (unsigned i = 0; i < SIDE_BY_SIDE; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, take_one, (void *)size), 0);
        }
        for (unsigned i = 0; i < SIDE_BY_SIDE; i++) {
            assert_int_equal(pthread_join(threads[i], &ptrs[i]), 0);
            for (unsigned k = 0; k < i; k++) {
                assert_int_not_equal((uintptr_t)ptrs[k] / CACHELINE, (uintptr_t)ptrs[i] / CACHELINE);
            }
        }
        give(0, SIDE_BY_SIDE);
    }
    pthread_barrier_destroy(&all_have_one);
}

typedef struct {
    void *foreign_first, *first;
} trade_t;

static void *
trade(void *arg) {
    trade_t *t = arg;
    lunalloc_free(t->foreign_first);
    t->first = lunalloc_malloc(8);
    pthread_barrier_wait(&all_have_one);
    return t;
}

static int
by_address(const void *a, const void *b) {
    uintptr_t x = *(const uintptr_t *)a;
    uintptr_t y = *(const uintptr_t *)b;
    return (x > y) - (x < y);
}

/* Where more than SIDE_BY_SIDE of the n objects from ptrs[0] on lie on one line; in the order of their addresses. */
static uint32_t
crowded_line(uint32_t n) {
    for (uint32_t i = 0; i + SIDE_BY_SIDE < n; i++) {
        if ((uintptr_t)ptrs[i] / CACHELINE == (uintptr_t)ptrs[i + SIDE_BY_SIDE] / CACHELINE) {
            return i;
        }
    }
    fail();
    return 0;
}

/* Threads that free a neighbour each, before they allocate, do not get these back, nor anything else on their line. */
static void
test_gifts_do_not_share_lines(void **state) {
    (void)state;
    enum {
        MANY = 1000
    };
    trade_t trades[SIDE_BY_SIDE];
    pthread_t threads[SIDE_BY_SIDE];
    if (config_torture) {
        skip(); /* a stack of one */
    }
    take(sc_index(8), 0, MANY);
    qsort(ptrs, MANY, sizeof *ptrs, by_address);
    uint32_t line = crowded_line(MANY);
    pthread_barrier_init(&all_have_one, NULL, SIDE_BY_SIDE);
    for (unsigned i = 0; i < SIDE_BY_SIDE; i++) {
        trades[i].foreign_first = ptrs[line + i];
        assert_int_equal(pthread_create(&threads[i], NULL, trade, &trades[i]), 0);
    }
    for (unsigned i = 0; i < SIDE_BY_SIDE; i++) {
        pthread_join(threads[i], NULL);
        assert_int_not_equal((uintptr_t)trades[i].first / CACHELINE, (uintptr_t)ptrs[line] / CACHELINE);
        for (unsigned k = 0; k < i; k++) {
            assert_int_not_equal((uintptr_t)trades[k].first / CACHELINE, (uintptr_t)trades[i].first / CACHELINE);
        }
        ptrs[line + i] = trades[i].first;
    }
    pthread_barrier_destroy(&all_have_one);
    give(0, MANY);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_growth),
        cmocka_unit_test(test_replaced_stacks_are_used_again),
        cmocka_unit_test(test_refill_doubles),
        cmocka_unit_test(test_refill_halves_where_objects_come_back),
        cmocka_unit_test(test_stack_of_who_only_frees_stays_small),
        cmocka_unit_test(test_only_round_trips_make_stacks_deeper),
        cmocka_unit_test(test_objects_of_others_take_depth_back),
        cmocka_unit_test(test_flush_keeps_newest),
        cmocka_unit_test(test_flush_and_close),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_collect),
        cmocka_unit_test(test_threads_do_not_begin_on_one_line),
        cmocka_unit_test(test_gifts_do_not_share_lines),
    };
    return cmocka_run_group_tests_name("tcache", tests, boot_allocator, NULL);
}
