/*
 * arena_stats.h -- reads the counters of one arena from the layers below.
 *
 * Private to observe/, but for locks. To read an arena at one instant: stats_read_times, then, under stats_lock_arena,
 * the other functions. While an arena is locked, no page and no region of a slab changes hands, so in what is read
 * allocated <= active <= resident. Requests and thread caches are read before (requests.h).
 */
#ifndef LUNALLOC_OBSERVE_ARENA_STATS_H
#define LUNALLOC_OBSERVE_ARENA_STATS_H

#include "arena/arenas.h"
#include "observe/detail.h"

/* ---- locks ---- */

/* Without the lock: each counter is exact; together they are not of one instant. */
void stats_read_lock(const lock_t *lock, stats_lock_t *out);
void stats_read_locks(const arena_t *arena, stats_lock_t out[STATS_LOCKS]);
/* Sets all counters of the arena's locks to 0. */
void stats_reset_locks(arena_t *arena) EXCLUDES(role_decay, role_bin, role_extents);

/* ---- one arena ---- */

/* Expressions of counters.def. Pure: the module reads copies of another process by them. */
static inline uint64_t
free_pages(const page_alloc_t *pa) {
    return atomic_get(&pa->dirty.extents.npages) + atomic_get(&pa->muzzy.extents.npages) +
           atomic_get(&pa->retained.npages);
}

static inline uint64_t
free_extents(const page_alloc_t *pa) {
    return atomic_get(&pa->dirty.extents.count) + atomic_get(&pa->muzzy.extents.count) +
           atomic_get(&pa->retained.count);
}

/* Locks its bins and its page layout. */
void stats_lock_arena(arena_t *arena) ACQUIRE(role_bin, role_extents);
void stats_unlock_arena(arena_t *arena) RELEASE(role_bin, role_extents);

/* Decay: what the curves allow and when pages are due. */
void stats_read_times(arena_t *arena, stats_arena_t *out) EXCLUDES(role_decay, role_bin, role_extents);
/* The same of one stage, from a forecast; pure: the module does the same with copies of another process. */
static inline void
stats_fill_decay(int64_t decay_ms, const stage_forecast_t *forecast, size_t page, uint64_t now, stats_decay_t *out) {
    const uint64_t ms = 1000000, due = forecast->due;
    out->decay_ms = (uint64_t)decay_ms;
    out->allowed = forecast->allowed == SIZE_MAX ? COUNTER_NEVER : forecast->allowed * page;
    out->over = forecast->over * page;
    out->due_ms = due == UINT64_MAX ? COUNTER_NEVER : due > now ? (due - now + ms - 1) / ms : 0;
}

/* Each fills a row, but for its requests. */
void stats_read_bin(arena_t *arena, uint32_t szind, stats_bin_t *out) REQUIRES(role_bin);
void stats_read_large(const arena_t *arena, uint32_t szind, stats_large_t *out) REQUIRES(role_extents);
void stats_read_extents(arena_t *arena, uint32_t class, stats_extents_t *out) REQUIRES(role_extents);
/* Adds everything but times and requests to *out, which has those or zeros. Unless NULL, bins and large get their rows,
 * which keep the requests that they have. */
void stats_read_sums(arena_t *arena, stats_arena_t *out, stats_bin_t *bins, stats_large_t *large)
    REQUIRES(role_bin, role_extents);

/* A bin's counts without its locks' counters. Without the shards' locks, each count but curregs is right by itself. */
void stats_read_bin_counts(arena_t *arena, uint32_t szind, stats_bin_t *out);
void stats_read_bin_locks(arena_t *arena, uint32_t szind, stats_lock_t *out);

#endif
