/* prof_test.c -- sampling: how much of it, what is sampled, and that samples are allocations like others. */
#include "arena/arenas_bind.h"
#include "prof.h"
#include "../arena/check.h"

#include "observe/prof_dump.h"
#include "thread/tcaches.h"
#include "thread/thread_life.h"

#include <math.h>

static const size_t sizes[] = {16, 100, 1000, 8000, 14000, 30000, 100000, 3000000};
#define NSIZES (sizeof sizes / sizeof *sizes)

/* ---- how many ---- */

typedef struct {
    size_t size, n;
    void **blocks;
} load_t;

static void *
allocate_load(void *arg) {
    const load_t *load = arg;
    for (size_t i = 0; i < load->n; i++) {
        load->blocks[i] = lunalloc_malloc(load->size);
        thread_assert(load->blocks[i] != NULL);
    }
    return NULL;
}

static bool
has_szind(const lunalloc_sample_t *sample, const void *szind) {
    return sample->szind == *(const uint32_t *)szind;
}

/* A thread that begins while profiling is on is sampled from its first allocation on. The estimate of what lives is
 * within six standard deviations. */
static void
check_estimate(size_t size, unsigned lg) {
    /* Where each sample is a region, or several, a system's limit on mappings must not be reached. */
    load_t load = {.size = size, .n = size > 50000 ? 300 : config_torture ? 5000 : 20000};
    load.blocks = calloc(load.n, sizeof *load.blocks);
    profile(lg);
    run_thread(allocate_load, &load);
    uint32_t szind = sc_index(size);
    sum_t sum = sum_samples(has_szind, &szind);
    double p = 1 / prof_sampling_weight(sc.size[szind], lg);
    double sigma = sqrt((double)load.n * (1 - p) / p);
    if (fabs(sum.objects - (double)load.n) > 6 * sigma + 1e-6 * (double)load.n + 3) {
        fail_msg("size %zu, lg %u: %g of %zu, sigma %g", size, lg, sum.objects, load.n, sigma);
    }
    for (size_t i = 0; i < load.n; i++) {
        lunalloc_free(load.blocks[i]);
    }
    assert_int_equal(sum_samples(has_szind, &szind).count, 0);
    free(load.blocks);
}

static void
test_estimates_are_within_six_sigma(void **state) {
    (void)state;
    prof_sampling_seed(7);
    for (size_t i = 0; i < NSIZES; i++) {
        check_estimate(sizes[i], 10);
        check_estimate(sizes[i], 16);
    }
}

/* A thread that has been sampled, and whose next sample was some 10^8 allocations away. */
static void
test_a_new_rate_holds_for_what_was_drawn_before(void **state) {
    (void)state;
    profile(0);
    lunalloc_free(sampled_malloc(100));
    profile(36);
    for (size_t i = 0; i < 4 * TCACHE_PERIOD; i++) {
        lunalloc_free(lunalloc_malloc(100));
    }
    profile(10);
    void *ptr = sampled_malloc(100);
    assert_non_null(ptr);
    lunalloc_free(ptr);
}

static void
test_nothing_is_sampled_when_off(void **state) {
    (void)state;
    assert_false(prof_is_active());
    profile(0);
    prof_set_active(false);
    prof_reset(0);
    for (size_t i = 0; i < 4 * TCACHE_PERIOD; i++) {
        lunalloc_free(lunalloc_malloc(100));
        lunalloc_free(lunalloc_malloc(100000));
    }
    assert_int_equal(count_samples(), 0);
}

/* Requests are counted exactly, however long the countdowns are. */
static void *
count_requests(void *arg) {
    (void)arg;
    uint32_t szind = sc_index(100);
    uint64_t seed = 5;
    uint64_t before = tcache_requests(&thread_get()->cache, szind);
    for (uint64_t i = 0; i < 5000; i++) {
        lunalloc_free(lunalloc_malloc(100));
        thread_assert(tcache_requests(&thread_get()->cache, szind) == before + i + 1);
        if (rnd_below(&seed, 100) == 0) {
            prof_set_active(rnd_below(&seed, 2) == 0);
            prof_reset((unsigned)rnd_below(&seed, 20));
        }
    }
    return NULL;
}

static void
test_requests_are_exact_with_any_rate(void **state) {
    (void)state;
    if (options.tcache) {
        profile(6);
        run_thread(count_requests, NULL);
    }
}

/* ---- samples are allocations like others ---- */

static void *
free_it(void *ptr) {
    lunalloc_free(ptr);
    return NULL;
}

static void
check_like_others(size_t size) {
    unsigned char *p = sampled_malloc(size);
    assert_non_null(p);
    assert_int_equal(lunalloc_usable_size(p), sc_round(size));
    assert_int_equal(pagemap_class(p), 0);
    pattern_fill(p, size, 1);
    assert_ptr_equal(lunalloc_realloc(p, size), p);
    unsigned char *q = lunalloc_realloc(p, size * 3);
    assert_true(q != p && !is_sampled(p));
    assert_true(pattern_holds(q, size, 1));
    q = lunalloc_realloc(q, size);
    assert_true(pattern_holds(q, size, 1));
    lunalloc_free(q);
    assert_false(is_sampled(q));
}

static void
test_samples_are_like_other_allocations(void **state) {
    (void)state;
    profile(0);
    for (size_t i = 0; i < NSIZES; i++) {
        check_like_others(sizes[i]);
    }
    assert_int_equal(lunalloc_usable_size(lunalloc_malloc(0)) > 0, true);
}

static void
test_samples_are_freed_in_any_way(void **state) {
    (void)state;
    profile(0);
    for (size_t i = 0; i < NSIZES; i++) {
        void *p = sampled_malloc(sizes[i]);
        lunalloc_free_sized(p, sizes[i]);
        assert_false(is_sampled(p));
        p = sampled_malloc(sizes[i]);
        run_thread(free_it, p);
        assert_false(is_sampled(p));
        p = sampled_malloc(sizes[i]);
        assert_null(lunalloc_realloc(p, 0));
        assert_false(is_sampled(p));
    }
}

/* An explicit cache takes objects that the page map keeps from threads' caches, but no samples. */
static void
test_explicit_caches_take_no_samples(void **state) {
    (void)state;
    uint32_t cache = tcaches_create();
    profile(0);
    for (size_t i = 0; i < NSIZES; i++) {
        void *p = sampled_malloc(sizes[i]);
        lunalloc_dallocx(p, MALLOCX_TCACHE(cache));
        assert_false(is_sampled(p));
    }
    assert_true(tcaches_destroy(cache));
}

/* A batch has as many samples as single calls would. */
static void
test_batches_are_sampled(void **state) {
    (void)state;
    enum {
        N = 50000
    };
    static void *blocks[N];
    uint32_t szind = sc_index(64);
    prof_sampling_seed(9);
    profile(12);
    assert_int_equal(lunalloc_batch_alloc(blocks, N, 64, 0), N);
    double p = 1 / prof_sampling_weight(64, 12);
    assert_true(fabs(sum_samples(has_szind, &szind).objects - N) < 6 * sqrt(N * (1 - p) / p));
    for (size_t i = 0; i < N; i++) {
        lunalloc_free(blocks[i]);
    }
}

/* Sized frees do not put a sample among the objects that a cache hands out. */
static void
test_sized_free_keeps_samples_out_of_caches(void **state) {
    (void)state;
    profile(0);
    void *p = sampled_malloc(64);
    lunalloc_free_sized(p, 64);
    prof_set_active(false);
    for (size_t i = 0; i < 4 * TCACHE_PERIOD; i++) {
        void *q = lunalloc_malloc(64);
        const extent_t *e = pagemap_extent((uintptr_t)q);
        assert_true(e->slab || e->sample != NULL);
        lunalloc_free(q);
    }
}

static void
test_samples_are_aligned_and_zeroed(void **state) {
    (void)state;
    profile(0);
    for (size_t alignment = 16; alignment <= 1 << 16; alignment *= 2) {
        for (size_t i = 0; i < NSIZES; i++) {
            void *p = lunalloc_aligned_alloc(alignment, sizes[i]);
            assert_true(p != NULL && (uintptr_t)p % alignment == 0);
            assert_true(lunalloc_usable_size(p) >= sizes[i]);
            memset(p, 0xaa, sizes[i]);
            lunalloc_free(p);
            p = lunalloc_calloc(1, sizes[i]);
            assert_true(all_zero(p, sizes[i]));
            lunalloc_free(p);
        }
    }
}

/* A large block that grows in place has become another allocation, which may be sampled. */
static void
test_growth_in_place_is_sampled(void **state) {
    (void)state;
    size_t sampled = 0;
    prof_set_active(false);
    for (unsigned i = 0; i < 20; i++) {
        void *p = lunalloc_malloc(1 << 20);
        profile(0);
        p = lunalloc_realloc(p, 2 << 20);
        sampled += is_sampled(p);
        assert_int_equal(pagemap_class(p), 0);
        p = lunalloc_realloc(p, 1 << 20);
        sampled += is_sampled(p);
        prof_set_active(false);
        lunalloc_free(p);
    }
    assert_int_equal(sampled, 40);
    assert_int_equal(count_samples(), 0);
}

/* ---- the pages of freed samples ---- */

static size_t
active_bytes(void) {
    lunalloc_stats_t stats;
    assert_int_equal(lunalloc_stats(LUNALLOC_ALL, &stats), 0);
    return stats.active;
}

/* A page serves the next sample, of whatever size it is. */
static void
test_pages_of_samples_are_kept(void **state) {
    (void)state;
    profile(0);
    void *first = sampled_malloc(1000);
    memset(first, 0xaa, 1000);
    lunalloc_free(first);
    assert_int_equal(pagemap_class(first), 0);
    assert_int_equal(extent_state(pagemap_extent((uintptr_t)first)), extent_busy);
    for (size_t size = 8; size <= 4096; size *= 2) {
        void *p = sampled_malloc(size);
        assert_ptr_equal(p, first);
        assert_int_equal(lunalloc_usable_size(p), size);
        memset(p, 0xaa, size);
        lunalloc_free(p);
        p = lunalloc_calloc(1, size);
        assert_true(p == first && all_zero(p, size));
        lunalloc_free(p);
    }
    check_arenas();
}

/* Of a thread without a cache, whose callocs ask the arena for zeros. */
static void
test_kept_pages_are_not_zeroed(void **state) {
    (void)state;
    assert_int_equal(lunalloc_ctl_set("thread.tcache.enabled", "false", NULL, 0), 0);
    profile(0);
    void *first = sampled_malloc(1000);
    memset(first, 0xaa, 1000);
    lunalloc_free(first);
    void *p = lunalloc_calloc(1, 1000);
    assert_ptr_equal(p, first);
    assert_true(all_zero(p, 1000));
    lunalloc_free(p);
    assert_int_equal(lunalloc_ctl_set("thread.tcache.enabled", options.tcache ? "true" : "false", NULL, 0), 0);
}

/* As many as are live, but for a few, and none once sampling is off, or after a purge. */
static void
test_kept_pages_are_given_back(void **state) {
    (void)state;
    enum {
        N = 100
    };
    void *blocks[N];
    profile(0);
    lunalloc_free(sampled_malloc(1000));
    prof_set_active(false);
    lunalloc_ctl_set("arena.4096.purge", NULL, NULL, 0);
    size_t before = active_bytes();
    for (unsigned way = 0; way < 2; way++) {
        profile(0);
        for (unsigned i = 0; i < N; i++) {
            blocks[i] = sampled_malloc(1000);
        }
        for (unsigned i = 0; i < N; i++) {
            lunalloc_free(blocks[i]);
        }
        assert_in_range(active_bytes() - before, 1, 8 * sc.page);
        if (way == 0) {
            lunalloc_ctl_set("arena.4096.purge", NULL, NULL, 0);
        } else {
            prof_set_active(false);
        }
        assert_int_equal(active_bytes(), before);
    }
    check_arenas();
}

/* ---- the structures below ---- */

static void
test_arenas_hold_their_invariants_with_samples(void **state) {
    (void)state;
    enum {
        N = 400
    };
    void *blocks[N];
    uint64_t seed = 3;
    profile(3);
    for (size_t i = 0; i < N; i++) {
        blocks[i] = lunalloc_malloc(rnd_size(&seed, 16) + 1);
    }
    check_arenas();
    lunalloc_stats_t stats;
    assert_int_equal(lunalloc_stats(LUNALLOC_ALL, &stats), 0);
    assert_true(stats.allocated <= stats.active && stats.active <= stats.resident);
    for (size_t i = 0; i < N; i++) {
        lunalloc_free(blocks[i]);
    }
    check_arenas();
}

/* Samples of small classes are counted among the class's allocations. */
static void
test_class_statistics_count_samples(void **state) {
    (void)state;
    uint32_t szind = sc_index(1000);
    lunalloc_class_stats_t before, during, after;
    profile(0);
    lunalloc_free(sampled_malloc(1000));
    tcache_flush(&thread_get()->cache);
    lunalloc_class_stats(LUNALLOC_ALL, szind, &before);
    void *p = sampled_malloc(1000);
    tcache_flush(&thread_get()->cache);
    lunalloc_class_stats(LUNALLOC_ALL, szind, &during);
    lunalloc_free(p);
    tcache_flush(&thread_get()->cache);
    lunalloc_class_stats(LUNALLOC_ALL, szind, &after);
    assert_int_equal(during.curregs, before.curregs + 1);
    assert_int_equal(after.curregs, before.curregs);
}

typedef struct {
    uint32_t arena;
    void *block;
} in_arena_t;

static void *
sample_in_arena(void *arg) {
    in_arena_t *in = arg;
    arena_t *arena = arenas_bind_to(in->arena);
    thread_bind(thread_get(), arena);
    arenas_unbind(arena);
    for (unsigned i = 0; i < 10; i++) {
        in->block = lunalloc_malloc(200);
        thread_assert(is_sampled(in->block));
    }
    return NULL;
}

static bool
in_arena(const lunalloc_sample_t *sample, const void *index) {
    return sample->arena == *(const uint32_t *)index;
}

static void
test_reset_and_destroyed_arenas_forget_their_samples(void **state) {
    (void)state;
    profile(0);
    in_arena_t in = {.arena = arenas_create()->index};
    run_thread(sample_in_arena, &in);
    assert_int_equal(sum_samples(in_arena, &in.arena).count, 10);
    assert_int_equal(arenas_reset(in.arena), 0);
    assert_int_equal(sum_samples(in_arena, &in.arena).count, 0);
    run_thread(sample_in_arena, &in);
    assert_int_equal(sum_samples(in_arena, &in.arena).count, 10);
    assert_int_equal(arenas_destroy(in.arena), 0);
    assert_int_equal(sum_samples(in_arena, &in.arena).count, 0);
}

/* Nor do samples enter the cache of a thread that is bound to a manual arena. */
static void *
free_samples_while_bound(void *arg) {
    thread_bind(thread_get(), arg);
    for (size_t i = 0; i < NSIZES; i++) {
        void *p = sampled_malloc(sizes[i]);
        thread_assert(p != NULL && extent_arena(pagemap_extent((uintptr_t)p)) == ((arena_t *)arg)->index);
        lunalloc_free(p);
        thread_assert(!is_sampled(p));
    }
    return NULL;
}

static void
test_threads_of_manual_arenas_are_sampled(void **state) {
    (void)state;
    arena_t *arena = arenas_create();
    profile(0);
    run_thread(free_samples_while_bound, arena);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* ---- stacks ---- */

static unsigned
count_stacks(void) {
    unsigned n = 0;
    prof_dump_lock();
    for (const prof_stack_t *stack = prof_table_stacks(); stack != NULL; stack = stack->older) {
        n++;
    }
    prof_dump_unlock();
    return n;
}

static uintptr_t
place_of_sample(const void *ptr) {
    lunalloc_sample_cursor_t cursor = {0};
    lunalloc_sample_t *sample = samples_buffer();
    while (lunalloc_prof_samples(&cursor, sample, 1) == 1) {
        if (sample->addr == (uintptr_t)ptr) {
            return sample->place;
        }
    }
    return 0;
}

/* A sample would lie where the cache's next object lies; a large one would lie nowhere else. */
static void
test_samples_know_where_they_would_lie(void **state) {
    (void)state;
    lunalloc_free(lunalloc_malloc(100));
    profile(0);
    void *small = sampled_malloc(100), *large = sampled_malloc(100000);
    uintptr_t place = place_of_sample(small);
    assert_int_equal(place_of_sample(large), 0);
    prof_set_active(false);
    if (options.tcache) {
        void *next = lunalloc_malloc(100);
        assert_int_equal(place, (uintptr_t)next);
        lunalloc_free(next);
    }
    lunalloc_free(small);
    lunalloc_free(large);
}

/* Many of the same depth, which share buckets of the table: each sample is its own stack's, and stays it. */
static void
test_stacks_are_told_apart(void **state) {
    (void)state;
    enum {
        N = 3000
    };
    static prof_sample_t *samples[2][N];
    const prof_allocation_t what = {.addr = 4096, .szind = sc_index(64), .weight = 1};
    profile(0);
    prof_set_active(false);
    prof_thread_t *thread = prof_thread_new(1);
    for (unsigned i = 0; i < 2 * N; i++) {
        uintptr_t ips[] = {4096 + i % N, 77};
        samples[i / N][i % N] = prof_table_add(thread, &what, ips, 2);
        assert_non_null(samples[i / N][i % N]);
    }
    assert_int_equal(count_stacks(), N);
    for (unsigned i = 0; i < 2 * N; i++) {
        prof_table_remove(samples[i / N][i % N]);
    }
    prof_thread_end(thread);
    assert_int_equal(count_stacks(), N);
    prof_reset(0);
    assert_int_equal(count_stacks(), 0);
}

/* A thread's samples of one stack, before and after a reset that forgets the stack. */
static void
test_stacks_after_a_reset(void **state) {
    (void)state;
    const prof_allocation_t what = {.addr = 4096, .szind = sc_index(64), .weight = 1};
    const uintptr_t ips[] = {4096, 77};
    prof_sample_t *samples[4];
    profile(0);
    prof_set_active(false);
    prof_thread_t *thread = prof_thread_new(1);
    for (unsigned i = 0; i < 4; i++) {
        samples[i] = prof_table_add(thread, &what, ips, 2);
        assert_int_equal(count_stacks(), 1);
        if (i == 1) {
            prof_reset(0);
            assert_int_equal(count_stacks(), 0);
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        prof_table_remove(samples[i]);
    }
    prof_thread_end(thread);
}

/* ---- by class, by name ---- */

/* Samples, and their bytes, of the i-th small or large class. */
static void
check_class(const char *group, uint32_t i, const char *sums, uint64_t count, size_t size) {
    char name[64];
    uint64_t found[2] = {1, 1};
    size_t len = sizeof found;
    snprintf(name, sizeof name, "prof.stats.%s.%u.%s", group, i, sums);
    assert_int_equal(mallctl(name, found, &len, NULL, 0), 0);
    assert_int_equal(found[0], count * size);
    assert_int_equal(found[1], count);
}

static void
test_samples_by_class(void **state) {
    (void)state;
    uint32_t small = sc_index(160), large = sc_index(3 << 20);
    profile(0);
    void *first = sampled_malloc(160), *second = sampled_malloc(3 << 20);
    check_class("bins", small, "live", 1, 160);
    check_class("lextents", large - sc.nsmall, "live", 1, 3 << 20);
    lunalloc_free(first);
    check_class("bins", small, "live", 0, 160);
    check_class("bins", small, "accum", 1, 160);
    prof_reset(0);
    check_class("bins", small, "accum", 0, 160);
    check_class("lextents", large - sc.nsmall, "live", 0, 3 << 20);
    lunalloc_free(second);
    check_class("lextents", large - sc.nsmall, "live", 0, 3 << 20);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_estimates_are_within_six_sigma, profile_off),
        cmocka_unit_test_teardown(test_a_new_rate_holds_for_what_was_drawn_before, profile_off),
        cmocka_unit_test_teardown(test_nothing_is_sampled_when_off, profile_off),
        cmocka_unit_test_teardown(test_requests_are_exact_with_any_rate, profile_off),
        cmocka_unit_test_teardown(test_samples_are_like_other_allocations, profile_off),
        cmocka_unit_test_teardown(test_samples_are_freed_in_any_way, profile_off),
        cmocka_unit_test_teardown(test_explicit_caches_take_no_samples, profile_off),
        cmocka_unit_test_teardown(test_batches_are_sampled, profile_off),
        cmocka_unit_test_teardown(test_sized_free_keeps_samples_out_of_caches, profile_off),
        cmocka_unit_test_teardown(test_samples_are_aligned_and_zeroed, profile_off),
        cmocka_unit_test_teardown(test_growth_in_place_is_sampled, profile_off),
        cmocka_unit_test_teardown(test_pages_of_samples_are_kept, profile_off),
        cmocka_unit_test_teardown(test_samples_know_where_they_would_lie, profile_off),
        cmocka_unit_test_teardown(test_kept_pages_are_not_zeroed, profile_off),
        cmocka_unit_test_teardown(test_kept_pages_are_given_back, profile_off),
        cmocka_unit_test_teardown(test_arenas_hold_their_invariants_with_samples, profile_off),
        cmocka_unit_test_teardown(test_class_statistics_count_samples, profile_off),
        cmocka_unit_test_teardown(test_threads_of_manual_arenas_are_sampled, profile_off),
        cmocka_unit_test_teardown(test_stacks_are_told_apart, profile_off),
        cmocka_unit_test_teardown(test_stacks_after_a_reset, profile_off),
        cmocka_unit_test_teardown(test_samples_by_class, profile_off),
        cmocka_unit_test_teardown(test_reset_and_destroyed_arenas_forget_their_samples, profile_off),
    };
    return cmocka_run_group_tests_name("observe/prof", tests, boot_allocator, NULL);
}
