/* snapshot_test.c -- pictures of everything: equations between counters, in each picture, whatever threads do. */
#include "../api/support.h"
#include "arena/arenas.h"
#include "arena/arenas_bind.h"
#include "extent/decay_pass.h"
#include "extent/purge.h"
#include "observe/snapshot.h"
#include "observe/stats.h"
#include "os/clock.h"
#include "thread/resize.h"
#include "thread/tcache.h"
#include "thread/thread_life.h"

#define NTHREADS 4

static stats_snapshot_t *
take(void) {
    stats_snapshot_t *snapshot = stats_snapshot();
    assert_non_null(snapshot);
    return snapshot;
}

/* ---- what holds in every picture ---- */

static uint64_t
merge_word(const counter_row_t *counter, uint64_t a, uint64_t b) {
    switch (counter->merge) {
    case counter_max:
        return a > b ? a : b;
    case counter_min:
        return a < b ? a : b;
    case counter_limit:
        return a == COUNTER_NEVER || b == COUNTER_NEVER ? COUNTER_NEVER : a + b;
    default:
        return a + b;
    }
}

static void
assert_merged(const stats_snapshot_t *snapshot, record_t record, uint32_t row, const counter_row_t *counter) {
    uint64_t all = counter_value(counter, stats_detail_row(&snapshot->arenas[0], record, row));
    for (uint32_t i = 1; i < snapshot->narenas; i++) {
        all = merge_word(counter, all, counter_value(counter, stats_detail_row(&snapshot->arenas[i], record, row)));
    }
    if (counter_value(counter, stats_detail_row(&snapshot->merged, record, row)) != all) {
        fail_msg("record %u, row %u: %s is not the merger of the arenas'", (unsigned)record, row, counter->name);
    }
}

/* Every counter of the merged arenas is made of those of the arenas. */
static void
assert_all_merged(const stats_snapshot_t *snapshot) {
    static const record_t records[] = {record_arena, record_lock, record_bin, record_large, record_extents};
    for (unsigned k = 0; k < sizeof records / sizeof records[0]; k++) {
        uint32_t n;
        const counter_row_t *counters = counters_of(records[k], &n);
        for (uint32_t row = 0; row < stats_nrows(records[k]); row++) {
            for (uint32_t i = 0; i < n; i++) {
                assert_merged(snapshot, records[k], row, &counters[i]);
            }
        }
    }
}

static void
assert_totals(const stats_snapshot_t *snapshot) {
    const lunalloc_stats_t *total = &snapshot->process.total;
    const stats_arena_t *sum = &snapshot->merged.arena;
    assert_true(total->allocated <= total->active);
    assert_true(total->active <= total->resident);
    assert_true(total->resident <= total->mapped);
    assert_int_equal(total->resident, sum->resident + total->metadata);
    assert_int_equal(total->mapped, sum->mapped + total->metadata);
    assert_int_equal(total->active, sum->active);
    assert_int_equal(total->cached, sum->tcache_bytes);
    assert_int_equal(total->narenas, snapshot->narenas);
    assert_int_equal(total->nrequests, sum->small.nrequests + sum->large.nrequests);
    assert_int_equal(total->allocated, sum->allocated);
}

static void
assert_bins(const stats_detail_t *detail) {
    stats_sizes_t small = {0};
    uint64_t nslabs = 0;
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        const stats_bin_t *bin = &detail->bins[i];
        assert_int_equal(bin->curregs, bin->nmalloc - bin->ndalloc);
        assert_true(bin->curslabs <= bin->nslabs && bin->nonfull_slabs <= bin->curslabs);
        small.allocated += bin->curregs * sc.size[i];
        small.nmalloc += bin->nmalloc;
        small.ndalloc += bin->ndalloc;
        small.nrequests += bin->nrequests;
        small.nfills += bin->nfills;
        small.nflushes += bin->nflushes;
        nslabs += bin->curslabs;
    }
    assert_true(detail->arena.small.allocated <= small.allocated);
    small.allocated = detail->arena.small.allocated;
    assert_memory_equal(&small, &detail->arena.small, sizeof small);
    assert_int_equal(nslabs, detail->arena.nslabs);
}

static void
assert_large(const stats_detail_t *detail) {
    uint64_t allocated = 0, nmalloc = 0, nrequests = 0;
    for (uint32_t i = 0; i < sc.nsizes - sc.nsmall; i++) {
        const stats_large_t *large = &detail->large[i];
        assert_int_equal(large->curlextents, large->nmalloc - large->ndalloc);
        allocated += large->curlextents * sc.size[sc.nsmall + i];
        nmalloc += large->nmalloc;
        nrequests += large->nrequests;
    }
    assert_true(detail->arena.large.allocated <= allocated);
    assert_int_equal(nmalloc, detail->arena.large.nmalloc);
    assert_int_equal(nrequests, detail->arena.large.nrequests);
}

static uint64_t
bytes_out(const stats_detail_t *detail) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < sc.nsizes; i++) {
        bytes += sc.size[i] * (sc_is_small(i) ? detail->bins[i].curregs : detail->large[i - sc.nsmall].curlextents);
    }
    return bytes;
}

/* Free extents by page class are all the free pages. */
static void
assert_extents(const stats_detail_t *detail) {
    stats_extents_t sum = {0};
    for (uint32_t i = 0; i < SC_NPAGE_CLASSES; i++) {
        counters_merge(record_extents, &sum, &detail->extents[i]);
    }
    assert_int_equal(sum.dirty_bytes, detail->arena.dirty.npages * sc.page);
    assert_int_equal(sum.muzzy_bytes, detail->arena.muzzy.npages * sc.page);
    assert_int_equal(sum.retained_bytes, detail->arena.retained);
    assert_int_equal(sum.ndirty + sum.nmuzzy + sum.nretained, detail->arena.nextents);
}

static void
assert_arena(const stats_detail_t *detail) {
    const stats_arena_t *arena = &detail->arena;
    assert_true(arena->allocated <= arena->active);
    assert_true(arena->active <= arena->resident && arena->resident <= arena->mapped);
    assert_int_equal(arena->allocated, arena->small.allocated + arena->large.allocated);
    assert_int_equal(arena->npurges, arena->dirty.npurge + arena->muzzy.npurge);
    assert_bins(detail);
    assert_large(detail);
    assert_extents(detail);
}

static void
assert_picture(const stats_snapshot_t *snapshot) {
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        assert_arena(&snapshot->arenas[i]);
    }
    assert_arena(&snapshot->merged);
    assert_all_merged(snapshot);
    assert_totals(snapshot);
}

/* ---- what is allocated ---- */

enum {
    NCACHED = 40
};

static void *cached[NCACHED];
static _Atomic bool cached_seen;
static _Atomic unsigned nwaiting;

/* Has allocated, so that it has an arena; frees what it is to free; and waits. */
static void *
free_here(void *arg) {
    lunalloc_free(lunalloc_malloc(64));
    for (unsigned i = 0; arg != NULL && i < NCACHED; i++) {
        lunalloc_free(cached[i]);
    }
    atomic_add(&nwaiting, 1);
    while (!atomic_get(&cached_seen)) {
        nap(1);
    }
    return NULL;
}

static void
start_one(pthread_t *thread, void *arg, unsigned n) {
    assert_int_equal(pthread_create(thread, NULL, free_here, arg), 0);
    while (atomic_get(&nwaiting) < n) {
        nap(1);
    }
}

/* One by one, too, none is below zero. */
static void
assert_each_is_allocated(void) {
    for (uint32_t i = 0; i < arenas_count(); i++) {
        stats_arena_t arena;
        if (stats_get(record_arena, i, 0, &arena) == 0) {
            assert_true(arena.small.allocated <= arena.active && arena.large.allocated <= arena.active);
        }
    }
}

/* Nothing that caches hold, whatever thread caches it: each arena has 0 or more, and all of them the process's sum. */
static void
test_allocated_is_one_sum(void **state) {
    (void)state;
    uint32_t nauto = arenas_nauto();
    pthread_t threads[2];
    arena_t *other = arenas_create();
    assert_non_null(mallocx(1000, MALLOCX_ARENA(other->index)));
    assert_non_null(mallocx(30000, MALLOCX_ARENA(other->index)));
    for (unsigned i = 0; i < NCACHED; i++) {
        cached[i] = lunalloc_malloc(i % 2 == 0 ? 1000 : 20000);
    }
    stats_snapshot_t *before = take();
    arenas_set_nauto(nauto + 1);
    start_one(&threads[0], NULL, 1);
    start_one(&threads[1], cached, 2); /* in an arena of its own, since the first one has two threads */
    stats_snapshot_t *after = take();
    assert_each_is_allocated();
    atomic_set(&cached_seen, true);
    assert_int_equal(pthread_join(threads[0], NULL), 0);
    assert_int_equal(pthread_join(threads[1], NULL), 0);
    assert_true(after->process.total.cached >= before->process.total.cached + NCACHED / 2 * sc.size[sc_index(1000)]);
    assert_picture(after);
    assert_int_equal(after->merged.arena.allocated + after->merged.arena.tcache_bytes, bytes_out(&after->merged));
    arenas_set_nauto(nauto);
    assert_int_equal(arenas_destroy(other->index), 0);
    stats_snapshot_free(before);
    stats_snapshot_free(after);
}

/* ---- how counters of several arenas become one ---- */

static arena_t *
arena_with_dirty(int64_t decay_ms) {
    arena_t *arena = arenas_create();
    bool zeroed = false;
    pa_set_decay_ms(&arena->pages, extent_dirty, decay_ms, clock_coarse_ns());
    arena_free(arena_malloc_large(arena, sc_index(1000 * sc.page), sc.page, &zeroed));
    return arena;
}

/* Pages add up; without a limit in one arena there is none in all; what is due first is due; the oldest's age. */
static void
test_kinds_of_mergers(void **state) {
    (void)state;
    arena_t *never = arena_with_dirty(-1), *soon = arena_with_dirty(100000), *late = arena_with_dirty(900000);
    stats_arena_t one[3], all;
    assert_int_equal(stats_get(record_arena, never->index, 0, &one[0]), 0);
    assert_int_equal(stats_get(record_arena, soon->index, 0, &one[1]), 0);
    assert_int_equal(stats_get(record_arena, late->index, 0, &one[2]), 0);
    assert_int_equal(stats_get(record_arena, STATS_MERGED, 0, &all), 0);
    assert_true(all.dirty.npages >= one[0].dirty.npages + one[1].dirty.npages + one[2].dirty.npages);
    assert_true(all.dirty.allowed == COUNTER_NEVER && all.dirty.decay_ms == COUNTER_NEVER);
    assert_true(one[1].dirty.due_ms < one[2].dirty.due_ms && all.dirty.due_ms <= one[1].dirty.due_ms);
    pa_set_decay_ms(&never->pages, extent_dirty, 500000, clock_coarse_ns());
    assert_int_equal(stats_get(record_arena, STATS_MERGED, 0, &all), 0);
    assert_true(all.dirty.allowed != COUNTER_NEVER &&
                all.dirty.allowed >= one[1].dirty.allowed + one[2].dirty.allowed / 2);
    assert_true(all.uptime >= one[0].uptime && all.uptime < one[0].uptime * 1000 + UINT64_C(600000000000));
    assert_int_equal(arenas_destroy(never->index), 0);
    assert_int_equal(arenas_destroy(soon->index), 0);
    assert_int_equal(arenas_destroy(late->index), 0);
}

/* ---- under load ---- */

static _Atomic bool stop;
static _Atomic unsigned nready;

/* Small, cached large and large sizes; resizing in place, both ways. */
static void *
churn(void *arg) {
    uint64_t seed = (uintptr_t)arg + 1;
    void *held[200] = {NULL};
    atomic_add(&nready, 1);
    while (!atomic_get(&stop)) {
        size_t k = rnd_below(&seed, 200);
        if (rnd_below(&seed, 4) == 0) {
            held[k] = lunalloc_realloc(held[k], rnd_size(&seed, 19) + 1);
        } else {
            lunalloc_free(held[k]);
            held[k] = lunalloc_malloc(rnd_size(&seed, 19));
        }
    }
    for (unsigned k = 0; k < 200; k++) {
        lunalloc_free(held[k]);
    }
    return NULL;
}

static void
test_equations_under_load(void **state) {
    (void)state;
    pthread_t threads[NTHREADS];
    uint64_t nrequests = 0;
    arena_t *manual = arenas_create();
    for (uintptr_t i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, (void *)i), 0);
    }
    while (atomic_get(&nready) < NTHREADS) {
        nap(1);
    }
    for (unsigned round = 0; round < 200; round++) {
        uint64_t began = clock_ns();
        stats_snapshot_t *snapshot = take();
        assert_picture(snapshot);
        assert_true(snapshot->process.total.nrequests >= nrequests);
        nrequests = snapshot->process.total.nrequests;
        stats_snapshot_free(snapshot);
        breathe(began);
    }
    atomic_set(&stop, true);
    for (unsigned i = 0; i < NTHREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(arenas_destroy(manual->index), 0);
}

/* ---- one arena, known to the object ---- */

static const stats_detail_t *
detail_of(const stats_snapshot_t *snapshot, const arena_t *arena) {
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        if (snapshot->arenas[i].index == arena->index) {
            return &snapshot->arenas[i];
        }
    }
    fail_msg("no arena %u in the picture", arena->index);
    return NULL;
}

/* Free extents of 1, 2, 2 and 5 pages, each between live ones, are in their classes. */
static void
test_extents_by_class(void **state) {
    (void)state;
    static const size_t sizes[] = {4, 4, 6, 4, 6, 4, 5, 4};
    arena_t *arena = arenas_create();
    pa_set_decay_ms(&arena->pages, extent_dirty, -1, clock_coarse_ns());
    void *blocks[sizeof sizes / sizeof sizes[0]];
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        bool zeroed = false;
        blocks[i] = arena_malloc_large(arena, sc_index(sizes[i] * sc.page), sc.page, &zeroed);
    }
    stats_snapshot_t *before = take();
    for (unsigned i = 0; i < 8; i += 2) {
        arena_free(blocks[i]);
    }
    stats_snapshot_t *after = take();
    for (unsigned npages = 4; npages <= 6; npages++) {
        uint32_t class = sc_page_class_floor(npages);
        const stats_extents_t *was = &detail_of(before, arena)->extents[class];
        const stats_extents_t *is = &detail_of(after, arena)->extents[class];
        unsigned more = npages == 6 ? 2 : 1;
        assert_int_equal(is->ndirty - was->ndirty, more);
        assert_int_equal(is->dirty_bytes - was->dirty_bytes, more * npages * sc.page);
        stats_extents_t one;
        assert_int_equal(stats_get(record_extents, arena->index, class, &one), 0);
        assert_memory_equal(&one, is, sizeof one);
    }
    assert_picture(after);
    stats_snapshot_free(before);
    stats_snapshot_free(after);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* What decay leaves, what is over and when, and that purges are counted where they happened. */
static void
test_decay(void **state) {
    (void)state;
    enum {
        NPAGES = 1000
    };
    arena_t *arena = arenas_create();
    page_alloc_t *pa = &arena->pages;
    stats_arena_t stats, old;
    bool zeroed = false;
    assert_int_equal(stats_get(record_arena, arena->index, 0, &old), 0);
    pa_set_decay_ms(pa, extent_dirty, -1, clock_coarse_ns());
    void *block = arena_malloc_large(arena, sc_index(NPAGES * sc.page), sc.page, &zeroed);
    arena_free(block);
    assert_int_equal(stats_get(record_arena, arena->index, 0, &stats), 0);
    size_t dirty = stats.dirty.npages;
    assert_true(dirty >= NPAGES);
    assert_true(stats.dirty.allowed == COUNTER_NEVER && stats.dirty.due_ms == COUNTER_NEVER);
    assert_int_equal((int64_t)stats.dirty.decay_ms, -1);
    assert_int_equal(stats.dirty.over, 0);
    pa_set_decay_ms(pa, extent_dirty, 1000000, clock_coarse_ns());
    assert_int_equal(stats_get(record_arena, arena->index, 0, &stats), 0);
    assert_int_equal(stats.dirty.decay_ms, 1000000);
    assert_true(stats.dirty.allowed <= dirty * sc.page && stats.dirty.allowed > dirty * sc.page / 2);
    assert_true(stats.dirty.due_ms > 0 && stats.dirty.due_ms < 1000000);
    assert_int_equal(stats.dirty.npurge, old.dirty.npurge);
    pa_set_decay_ms(pa, extent_muzzy, -1, clock_coarse_ns());
    pa_set_decay_ms(pa, extent_dirty, 0, clock_coarse_ns());
    assert_int_equal(stats_get(record_arena, arena->index, 0, &stats), 0);
    assert_int_equal(stats.dirty.purged - old.dirty.purged, dirty);
    assert_int_equal(stats.dirty.npurge - old.dirty.npurge, 1);
    assert_true(stats.dirty.nmadvise > old.dirty.nmadvise);
    assert_int_equal(stats.muzzy.npurge, old.muzzy.npurge);
    assert_int_equal(stats.muzzy.purged, old.muzzy.purged);
    uint64_t muzzy = stats.muzzy.npages;
    pa_purge_all(pa);
    assert_int_equal(stats_get(record_arena, arena->index, 0, &stats), 0);
    assert_int_equal(stats.muzzy.purged - old.muzzy.purged, muzzy);
    assert_int_equal(stats.muzzy.npurge - old.muzzy.npurge, muzzy > 0);
    assert_int_equal(stats.purged - old.purged, dirty * sc.page);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* Slabs: made, present, and taken up again. */
static void
test_slabs(void **state) {
    (void)state;
    static void *ptrs[4096];
    const uint32_t szind = sc_index(1024);
    arena_t *arena = arenas_create();
    uint32_t nregs = sc_nregs(szind, atomic_get(&sc.slab_size[szind]));
    uint32_t n = 3 * nregs;
    assert_int_equal(arena_fill(arena, szind, 0, n, ptrs), n);
    stats_bin_t bin;
    assert_int_equal(stats_get(record_bin, arena->index, szind, &bin), 0);
    assert_true(bin.nslabs == 3 && bin.curslabs == 3 && bin.nreslabs == 0 && bin.nmalloc == n);
    arena_flush(ptrs, 1); /* the first slab is not full any more, and is the only one */
    void *again;
    assert_int_equal(arena_fill(arena, szind, 0, 1, &again), 1);
    assert_int_equal(stats_get(record_bin, arena->index, szind, &bin), 0);
    assert_int_equal(bin.nreslabs, nregs > 1);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* The counters of destroyed arenas are found under 4097, and with all others under 4096. */
static void
test_destroyed(void **state) {
    (void)state;
    stats_bin_t before, after, all;
    arena_t *arena = arenas_create();
    void *ptr;
    assert_int_equal(arena_fill(arena, 0, 0, 1, &ptr), 1);
    assert_int_equal(stats_get(record_bin, STATS_DESTROYED, 0, &before), 0);
    assert_int_equal(arenas_destroy(arena->index), 0);
    assert_int_equal(stats_get(record_bin, STATS_DESTROYED, 0, &after), 0);
    assert_true(after.nmalloc > before.nmalloc);
    assert_int_equal(stats_get(record_bin, STATS_MERGED, 0, &all), 0);
    assert_true(all.nmalloc >= after.nmalloc);
    stats_snapshot_t *snapshot = take();
    assert_true(snapshot->ndestroyed > 0);
    assert_int_equal(snapshot->destroyed.bins[0].nmalloc, after.nmalloc);
    stats_snapshot_free(snapshot);
}

static void
test_unknown(void **state) {
    (void)state;
    stats_arena_t out;
    static const size_t bad[] = {4095, 4098, UINT32_MAX, (size_t)UINT32_MAX + 1, SIZE_MAX};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_not_equal(stats_get(record_arena, bad[i], 0, &out), 0);
    }
    assert_int_not_equal(stats_get(record_bin, 0, sc.nsmall, &out), 0);
    assert_int_not_equal(stats_get(record_large, 0, SIZE_MAX, &out), 0);
    assert_int_not_equal(stats_get(record_extents, 0, SC_NPAGE_CLASSES, &out), 0);
}

/* ---- requests ---- */

static uint64_t
requests_in(uint32_t szind, size_t arena) {
    stats_bin_t bin;
    assert_int_equal(stats_get(record_bin, arena, szind, &bin), 0);
    return bin.nrequests;
}

/* A thread asks 1000 times, here and then bound to another arena. */
static void *
ask_in_two_arenas(void *arg) {
    for (unsigned i = 0; i < 1000; i++) {
        lunalloc_free(lunalloc_malloc(24));
    }
    thread_bind(thread_get(), arg);
    for (unsigned i = 0; i < 10; i++) {
        lunalloc_free(lunalloc_malloc(24));
    }
    return NULL;
}

/* Requests are those of the arena that the thread belonged to, and stay there after it has moved, or ended. */
static void
test_requests_of_arenas(void **state) {
    (void)state;
    uint32_t szind = sc_index(24);
    arena_t *arena = arenas_create();
    uint64_t all = requests_in(szind, STATS_MERGED);
    run_thread(ask_in_two_arenas, arena);
    assert_int_equal(requests_in(szind, STATS_MERGED) - all, 1010);
    assert_int_equal(requests_in(szind, arena->index), 10);
    assert_int_equal(arenas_destroy(arena->index), 0);
}

/* 1 - slow / all. */
static void
test_hit_ratio(void **state) {
    (void)state;
    if (config_torture) {
        skip(); /* caches of one object hit by chance */
    }
    uint32_t szind = sc_index(3000);
    stats_cache_t before, after;
    stats_read_cache(szind, &before);
    for (unsigned i = 0; i < 100000; i++) {
        lunalloc_free(lunalloc_malloc(3000));
    }
    stats_read_cache(szind, &after);
    assert_int_equal(after.nrequests - before.nrequests, 100000);
    assert_true(after.hit_ratio > 990000 && after.hit_ratio <= 1000000);
    assert_int_equal(after.hit_ratio, (after.nrequests - after.nfills) * 1000000 / after.nrequests);
    stats_snapshot_t *snapshot = take();
    assert_memory_equal(&snapshot->caches[szind], &after, sizeof after);
    stats_snapshot_free(snapshot);
}

static void
test_zero_reallocs(void **state) {
    (void)state;
    uint64_t before = resize_zero_reallocs();
    lunalloc_free(lunalloc_realloc(lunalloc_malloc(10), 0));
    lunalloc_free(lunalloc_realloc(NULL, 0));
    assert_int_equal(resize_zero_reallocs() - before, 1);
}

int
main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_extents_by_class),
        cmocka_unit_test(test_decay),
        cmocka_unit_test(test_slabs),
        cmocka_unit_test(test_destroyed),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_hit_ratio),
        cmocka_unit_test(test_requests_of_arenas),
        cmocka_unit_test(test_allocated_is_one_sum),
        cmocka_unit_test(test_kinds_of_mergers),
        cmocka_unit_test(test_zero_reallocs),
        cmocka_unit_test(test_equations_under_load),
    };
    return cmocka_run_group_tests_name("snapshot", tests, boot_allocator, NULL);
}
