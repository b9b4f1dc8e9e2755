/*
 * prof_estimate_test.c -- what a profile says was allocated is right from the first allocation on: at any rate, of any
 * size, on whatever thread, by whichever way the allocation takes, and however often the profiler is switched.
 *
 * Draws begin from a seed, so each run is the same. An estimate of n allocations that are sampled with p each has the
 * standard deviation sqrt(n (1 - p) / p).
 */
#include "prof.h"

#include "thread/tcaches.h"
#include "thread/thread_life.h"

#include <math.h>

#define SIGMAS        5
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const size_t sizes[] = {8, 100, 1000, 10000, 14336, 30000, 1 << 20};
static const unsigned rates[] = {0, 10, 13, 17};

static bool
has_szind(const lunalloc_sample_t *sample, const void *szind) {
    return sample->szind == *(const uint32_t *)szind;
}

/* ---- rounds of a few allocations ---- */

/* A sanitizer has little to see in more of them. */
#define ROUNDS (config_tsan ? 8U : 32U)

typedef void *alloc_t(size_t size);

typedef struct {
    size_t size;
    unsigned lg;
    alloc_t *alloc;
    size_t k; /* allocations of a round */
    void *blocks[32 * 50];
    size_t n; /* blocks so far */
} load_t;

static void *
allocate_round(void *arg) {
    load_t *load = arg;
    for (size_t i = 0; i < load->k; i++) {
        load->blocks[load->n] = load->alloc(load->size);
        thread_assert(load->blocks[load->n++] != NULL);
    }
    return NULL;
}

/* Allocations that are not to be in the profile. */
static void
allocate_others(const load_t *load) {
    for (size_t i = 0; i < load->n % 7; i++) {
        lunalloc_free(load->alloc(load->size));
    }
}

/* Where nearly all are sampled, it is the few others whose number is random, and not normally distributed. */
static double
tolerance(double n, double p) {
    return p == 1 ? 1e-9 : SIGMAS * sqrt(n * (1 - p) / p) + 2;
}

typedef void round_t(load_t *load);

static void
check_load(size_t size, unsigned lg, alloc_t *alloc, round_t *round) {
    static load_t load;
    load = (load_t){.size = size, .lg = lg, .alloc = alloc, .k = size < 4096 ? 50 : 8};
    profile(lg);
    for (unsigned i = 0; i < ROUNDS; i++) {
        round(&load);
    }
    uint32_t szind = sc_index(size);
    sum_t sum = sum_samples(has_szind, &szind);
    double n = (double)load.n, p = 1 / prof_sampling_weight(sc.size[szind], lg);
    if (fabs(sum.objects - n) > tolerance(n, p)) {
        fail_msg("size %zu, lg %u: %g of %g, sigma %g", size, lg, sum.objects, n, sqrt(n * (1 - p) / p));
    }
    for (size_t i = 0; i < load.n; i++) {
        lunalloc_free(load.blocks[i]);
    }
    assert_int_equal(sum_samples(has_szind, &szind).count, 0);
}

static void
check_rounds(alloc_t *alloc, round_t *round) {
    prof_sampling_seed(7);
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        for (size_t k = 0; k < LENGTH(rates); k++) {
            check_load(sizes[i], rates[k], alloc, round);
        }
    }
}

/* ---- when it is on ---- */

static void
always(load_t *load) {
    allocate_round(load);
}

static void
test_on_from_the_start(void **state) {
    (void)state;
    check_rounds(lunalloc_malloc, always);
}

static void
on_later(load_t *load) {
    prof_set_active(false);
    allocate_others(load);
    prof_set_active(true);
    allocate_round(load);
}

static void
test_off_and_on(void **state) {
    (void)state;
    check_rounds(lunalloc_malloc, on_later);
}

/* Samples of an earlier rate are forgotten with it: each round is a profile of its own. */
static void
test_rate_changed(void **state) {
    (void)state;
    static const unsigned before[] = {0, 10, 30, PROF_LG_MAX};
    prof_sampling_seed(9);
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        double found = 0, n = 0, p = 1 / prof_sampling_weight(sc.size[sc_index(sizes[i])], 12);
        for (unsigned round = 0; round < ROUNDS * 4; round++) {
            load_t load = {.size = sizes[i], .alloc = lunalloc_malloc, .k = 12, .n = 0};
            profile(before[round % LENGTH(before)]);
            lunalloc_free(lunalloc_malloc(sizes[i]));
            prof_reset(12);
            allocate_round(&load);
            found += sum_samples(any_sample, NULL).objects;
            n += (double)load.n;
            for (size_t k = 0; k < load.n; k++) {
                lunalloc_free(load.blocks[k]);
            }
        }
        if (fabs(found - n) > tolerance(n, p)) {
            fail_msg("size %zu: %g of %g, sigma %g", sizes[i], found, n, sqrt(n * (1 - p) / p));
        }
    }
}

static void
thread_on_later(load_t *load) {
    prof_thread_set_active(false);
    allocate_others(load);
    prof_thread_set_active(true);
    allocate_round(load);
}

static void
test_thread_off_and_on(void **state) {
    (void)state;
    check_rounds(lunalloc_malloc, thread_on_later);
}

static void
on_other_thread(load_t *load) {
    run_thread(allocate_round, load);
}

static void
test_other_threads(void **state) {
    (void)state;
    check_rounds(lunalloc_malloc, on_other_thread);
}

/* What is allocated while the thread works for the profiler is left out, and nothing else is. */
static void
busy_before(load_t *load) {
    assert_false(prof_enter());
    for (size_t i = 0; i < 20; i++) {
        lunalloc_free(load->alloc(load->size));
    }
    prof_leave();
    allocate_round(load);
}

static void
test_after_the_profiler_was_at_work(void **state) {
    (void)state;
    check_rounds(lunalloc_malloc, busy_before);
}

/* Another thread switches: from its next slow path on this one is sampled again. */
static void *
switch_on(void *arg) {
    prof_set_active(true);
    return arg;
}

static void
test_bound_when_another_thread_switches(void **state) {
    (void)state;
    static void *blocks[4 * TCACHE_PERIOD];
    profile(0);
    prof_set_active(false);
    for (size_t i = 0; i < 3; i++) {
        lunalloc_free(lunalloc_malloc(100));
    }
    run_thread(switch_on, NULL);
    for (size_t i = 0; i < LENGTH(blocks); i++) {
        blocks[i] = lunalloc_malloc(100);
    }
    assert_true(count_samples() >= LENGTH(blocks) - TCACHE_PERIOD);
    for (size_t i = TCACHE_PERIOD; i < LENGTH(blocks); i += 97) {
        assert_true(is_sampled(blocks[i]));
    }
    for (size_t i = 0; i < LENGTH(blocks); i++) {
        lunalloc_free(blocks[i]);
    }
}

/* A thread that has hit its cache only since another one set a coarser rate: none of its earlier draws counts. */
static void *
set_coarse(void *arg) {
    prof_reset(40);
    return arg;
}

static void
test_old_draws_do_not_weigh_as_new_ones(void **state) {
    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        profile(12);
        lunalloc_free(lunalloc_malloc(100));
        run_thread(set_coarse, NULL);
        void *block = lunalloc_malloc(100);
        for (size_t k = 0; k < 2 * TCACHE_PERIOD; k++) {
            lunalloc_free(block);
            block = lunalloc_malloc(100);
        }
        lunalloc_free(block);
        assert_int_equal((int)sum_samples(any_sample, NULL).objects, 0);
        uint32_t szind = sc_index(100);
        assert_int_equal(prof_table_class(szind).accum, 0);
    }
}

/* ---- ways to allocate ---- */

static uint32_t cache, manual;

static void *
by_explicit_cache(size_t size) {
    return mallocx(size, MALLOCX_TCACHE(cache));
}

static void *
without_cache(size_t size) {
    return mallocx(size, MALLOCX_TCACHE_NONE);
}

static void *
from_manual_arena(size_t size) {
    return mallocx(size, MALLOCX_ARENA(manual));
}

static void *
aligned(size_t size) {
    return lunalloc_aligned_alloc(sc_round(size) < 4096 ? 8 : 1 << 15, size);
}

static void *
in_a_batch(size_t size) {
    void *block = NULL;
    return lunalloc_batch_alloc(&block, 1, size, 0) == 1 ? block : NULL;
}

static void *
grown(size_t size) {
    return lunalloc_realloc(lunalloc_malloc(size / 2), size);
}

static void
test_ways_to_allocate(void **state) {
    (void)state;
    cache = tcaches_create();
    manual = arenas_create()->index;
    check_rounds(by_explicit_cache, on_later);
    check_rounds(without_cache, on_later);
    check_rounds(from_manual_arena, on_later);
    check_rounds(in_a_batch, on_later);
    check_rounds(lunalloc_malloc, on_later);
    assert_int_equal(arenas_destroy(manual), 0);
    assert_true(tcaches_destroy(cache));
}

static void
uncached(load_t *load) {
    thread_set_cached(thread_get(), load->n % 100 == 0);
    on_later(load);
}

static void
test_without_a_cache(void **state) {
    (void)state;
    check_rounds(lunalloc_malloc, uncached);
    thread_set_cached(thread_get(), true);
}

/* Explicit caches are used by turns: a thread that is left out does not take the next one's samples along. */
static void
explicit_after_a_thread_that_is_left_out(load_t *load) {
    prof_thread_set_active(false);
    for (size_t i = 0; i < 3; i++) {
        dallocx(by_explicit_cache(load->size), MALLOCX_TCACHE(cache));
    }
    prof_thread_set_active(true);
    allocate_round(load);
}

static void
test_explicit_cache_of_several_threads(void **state) {
    (void)state;
    cache = tcaches_create();
    check_rounds(by_explicit_cache, explicit_after_a_thread_that_is_left_out);
    assert_true(tcaches_destroy(cache));
}

/* ---- every allocation ---- */

static void
check_each(alloc_t *alloc, size_t size) {
    for (unsigned i = 0; i < 3; i++) {
        void *block = alloc(size);
        if (!is_sampled(block)) {
            fail_msg("size %zu: allocation %u is not sampled", size, i);
        }
        lunalloc_free(block);
    }
}

static void
test_rate_0_is_every_allocation(void **state) {
    (void)state;
    alloc_t *const ways[] = {lunalloc_malloc, by_explicit_cache, without_cache, from_manual_arena,
                             aligned,         in_a_batch,        grown};
    cache = tcaches_create();
    manual = arenas_create()->index;
    for (size_t i = 0; i < LENGTH(ways); i++) {
        for (size_t k = 0; k < LENGTH(sizes); k++) {
            prof_set_active(false);
            lunalloc_free(ways[i](sizes[k]));
            profile(0);
            check_each(ways[i], sizes[k]);
        }
    }
    assert_int_equal(arenas_destroy(manual), 0);
    assert_true(tcaches_destroy(cache));
}

static void
test_totals(void **state) {
    (void)state;
    static void *blocks[2000];
    uint32_t szind = sc_index(10000);
    prof_sampling_seed(3);
    profile(10);
    for (size_t i = 0; i < LENGTH(blocks); i++) {
        blocks[i] = lunalloc_malloc(10000);
    }
    double bytes = sum_samples(has_szind, &szind).bytes, all = 2000.0 * (double)sc_round(10000);
    assert_true(bytes > 0.998 * all && bytes < 1.002 * all);
    for (size_t i = 0; i < LENGTH(blocks); i++) {
        lunalloc_free(blocks[i]);
    }
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_on_from_the_start, profile_off),
        cmocka_unit_test_teardown(test_off_and_on, profile_off),
        cmocka_unit_test_teardown(test_rate_changed, profile_off),
        cmocka_unit_test_teardown(test_thread_off_and_on, profile_off),
        cmocka_unit_test_teardown(test_other_threads, profile_off),
        cmocka_unit_test_teardown(test_after_the_profiler_was_at_work, profile_off),
        cmocka_unit_test_teardown(test_bound_when_another_thread_switches, profile_off),
        cmocka_unit_test_teardown(test_old_draws_do_not_weigh_as_new_ones, profile_off),
        cmocka_unit_test_teardown(test_ways_to_allocate, profile_off),
        cmocka_unit_test_teardown(test_without_a_cache, profile_off),
        cmocka_unit_test_teardown(test_explicit_cache_of_several_threads, profile_off),
        cmocka_unit_test_teardown(test_rate_0_is_every_allocation, profile_off),
        cmocka_unit_test_teardown(test_totals, profile_off),
    };
    return cmocka_run_group_tests_name("observe/prof_estimate", tests, boot_allocator, NULL);
}
