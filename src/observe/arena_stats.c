/* arena_stats.c -- locks an arena and reads it, by the expressions of counters.def. */
#include "observe/arena_stats.h"

#include "extent/decay_pass.h"
#include "observe/requests.h"
#include "os/clock.h"

/* ---- locks ---- */

void
stats_read_lock(const lock_t *lock, stats_lock_t *out) {
    lock_stats_t stats;
    lock_stats(lock, &stats);
    *out = (stats_lock_t){
#define LOCK(name, type, unit, kind, merge, column, from, ...) .name = from,
#include "observe/counters.def"
    };
}

void
stats_read_locks(const arena_t *arena, stats_lock_t out[STATS_LOCKS]) {
    const page_alloc_t *pa = &arena->pages;
    stats_read_lock(&pa->decay_lock, &out[stats_lock_decay]);
    stats_read_lock(&pa->dirty.extents.lock, &out[stats_lock_dirty]);
    stats_read_lock(&pa->muzzy.extents.lock, &out[stats_lock_muzzy]);
    stats_read_lock(&pa->retained.lock, &out[stats_lock_retained]);
}

void
stats_reset_locks(arena_t *arena) {
    page_alloc_t *pa = &arena->pages;
    pa_lock_decay(pa);
    lock_stats_reset(&pa->decay_lock);
    pa_unlock_decay(pa);
    stats_lock_arena(arena);
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        bin_t *bin;
        for (uint32_t k = 0; (bin = shards_next(&arena->bins[i], &k)) != NULL;) {
            lock_stats_reset(&bin->lock);
        }
    }
    lock_stats_reset(&pa->dirty.extents.lock);
    lock_stats_reset(&pa->muzzy.extents.lock);
    lock_stats_reset(&pa->retained.lock);
    stats_unlock_arena(arena);
}

/* ---- one arena, locked ---- */

void
stats_lock_arena(arena_t *arena) {
    arena_lock_bins(arena);
    pa_lock_layout(&arena->pages);
}

void
stats_unlock_arena(arena_t *arena) {
    pa_unlock_layout(&arena->pages);
    arena_unlock_bins(arena);
}

static void
add_shard(const bin_t *bin, stats_bin_t *out) {
#define BIN(name, type, unit, kind, column, reading, from, ...) out->name += from;
#include "observe/counters.def"
}

/* Extents of one class: large allocations, and sampled small ones, which are extents of their own. */
typedef struct {
    uint64_t taken, returned;
} class_extents_t;

/*
 * Counted without a lock, but an extent is counted as taken after it became active, and as returned before it ceases to
 * be: with the layout locked, and returned ones read first, these are no more than there are.
 */
static class_extents_t
count_extents(const arena_t *arena, uint32_t szind) {
    uint64_t returned = atomic_get(&arena->ndalloc_large[szind]);
    return (class_extents_t){atomic_get(&arena->nmalloc_large[szind]), returned};
}

static bool
extents_were_taken(const arena_t *arena, uint32_t szind) {
    return atomic_get(&arena->nmalloc_large[szind]) != 0;
}

void
stats_read_bin_counts(arena_t *arena, uint32_t szind, stats_bin_t *out) {
    bin_t *bin;
    class_extents_t sampled = count_extents(arena, szind);
    *out = (stats_bin_t){
#define BIN(name, type, unit, kind, column, reading, from, from_sampled, ...) .name = from_sampled,
#include "observe/counters.def"
    };
    for (uint32_t k = 0; (bin = shards_next(&arena->bins[szind], &k)) != NULL;) {
        add_shard(bin, out);
    }
}

void
stats_read_bin_locks(arena_t *arena, uint32_t szind, stats_lock_t *out) {
    const bin_t *bin;
    bin_t *first = &arena->bins[szind];
    stats_read_lock(&first->lock, out);
    for (uint32_t k = 1; (bin = shards_next(first, &k)) != NULL;) {
        stats_lock_t other;
        stats_read_lock(&bin->lock, &other);
        counters_merge(record_lock, out, &other);
    }
}

void
stats_read_bin(arena_t *arena, uint32_t szind, stats_bin_t *out) {
    stats_read_bin_counts(arena, szind, out);
    stats_read_bin_locks(arena, szind, &out->mutex);
}

void
stats_read_large(const arena_t *arena, uint32_t szind, stats_large_t *out) {
    class_extents_t extents = count_extents(arena, szind);
    *out = (stats_large_t){
#define LARGE(name, type, unit, kind, reading, from, ...) .name = from,
#include "observe/counters.def"
    };
}

/* What a collection holds of one page class. */
typedef struct {
    uint64_t count, bytes;
} class_holding_t;

static class_holding_t
holding_of(extents_t *x, uint32_t class) REQUIRES(role_extents) {
    size_t n, npages;
    extents_of_class(x, class, &n, &npages);
    return (class_holding_t){n, npages * sc.page};
}

void
stats_read_extents(arena_t *arena, uint32_t class, stats_extents_t *out) {
    page_alloc_t *pa = &arena->pages;
    class_holding_t dirty = holding_of(&pa->dirty.extents, class);
    class_holding_t muzzy = holding_of(&pa->muzzy.extents, class);
    class_holding_t retained = holding_of(&pa->retained, class);
    *out = (stats_extents_t){
#define EXTENTS(name, type, unit, kind, column, from, ...) .name = from,
#include "observe/counters.def"
    };
}

/* Adds a class to the sums of small allocations; then of large ones. */
static void
add_bin(stats_bin_t bin, uint32_t szind, stats_sizes_t *out) {
#define SIZES(name, type, unit, kind, column, from_bin, ...) out->name += from_bin;
#include "observe/counters.def"
}

static void
add_large(stats_large_t large, uint32_t szind, stats_sizes_t *out) {
#define SIZES(name, type, unit, kind, column, from_bin, from_large, ...) out->name += from_large;
#include "observe/counters.def"
}

static void
read_small(arena_t *arena, stats_arena_t *out, stats_bin_t *rows) REQUIRES(role_bin) {
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        stats_bin_t bin;
        stats_read_bin(arena, i, &bin);
        add_bin(bin, i, &out->small);
        out->nslabs += bin.curslabs;
        out->discarded += bin.discarded;
        if (rows != NULL) {
            requests_copy_bin(&rows[i], &bin);
            rows[i] = bin;
        }
    }
}

/* Rows of classes that were never used are not touched. */
static void
read_all_large(const arena_t *arena, stats_arena_t *out, stats_large_t *rows) REQUIRES(role_extents) {
    for (uint32_t i = sc.nsmall; i < sc.nsizes; i++) {
        stats_large_t large;
        stats_read_large(arena, i, &large);
        add_large(large, i, &out->large);
        if (rows != NULL && extents_were_taken(arena, i)) {
            requests_copy_large(&rows[i - sc.nsmall], &large);
            rows[i - sc.nsmall] = large;
        }
    }
}

static uint64_t
age_of(const arena_t *arena) {
    uint64_t now = clock_coarse_ns();
    uint64_t created = atomic_get(&arena->created);
    return now > created ? now - created : 0;
}

static uint64_t
bytes_of_shards(arena_t *arena) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < sc.nsmall; i++) {
        bytes += shards_bytes(&arena->bins[i]);
    }
    return bytes;
}

static void
add_stage(const extents_t *pages, const purge_counters_t *purges, stats_decay_t *out) {
    out->npages = atomic_get(&pages->npages);
#define STAGE(name, control, type, unit, kind, merge, column, from, ...) out->name += from;
#include "observe/counters.def"
}

void
stats_read_sums(arena_t *arena, stats_arena_t *out, stats_bin_t *bins, stats_large_t *large) {
    page_alloc_t *pa = &arena->pages;
    read_small(arena, out, bins);
    read_all_large(arena, out, large);
    add_stage(&pa->dirty.extents, &pa->dirty.purges, &out->dirty);
    add_stage(&pa->muzzy.extents, &pa->muzzy.purges, &out->muzzy);
#define ARENA_AGE(name, type, unit, kind, merge, from, ...) out->name += from;
#define ARENA(name, type, unit, kind, merge, from, ...)     out->name += from;
#include "observe/counters.def"
}

/* ---- decay: takes locks of its own ---- */

static void
read_decay(arena_t *arena, extent_state_t state, uint64_t now, stats_decay_t *out) {
    stage_forecast_t forecast = pa_forecast(&arena->pages, state, now);
    stats_fill_decay(atomic_get(&pa_stage(&arena->pages, state)->decay_ms), &forecast, sc.page, now, out);
}

void
stats_read_times(arena_t *arena, stats_arena_t *out) {
    uint64_t now = clock_coarse_ns();
    read_decay(arena, extent_dirty, now, &out->dirty);
    read_decay(arena, extent_muzzy, now, &out->muzzy);
}
