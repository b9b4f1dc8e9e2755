/* stats.c -- the records of one arena, and of several merged. Pictures of everything are snapshot.c's. */
#include "observe/stats.h"

#include "extent/decay_pass.h"
#include "extent/metadata.h"
#include "observe/requests.h"
#include "os/clock.h"
#include "thread/tcache.h"

#include <errno.h>
#include <string.h>

#define NS_PER_MS 1000000U

/* ---- locks ---- */

const char stats_lock_names[STATS_LOCKS][20] = {"decay_dirty", "extents_dirty", "extents_muzzy", "extents_retained"};

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

/* ---- one arena, whose locks are held ---- */

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
#define BIN(name, type, unit, kind, column, from, ...) out->name += from;
#include "observe/counters.def"
}

/* With samples, which are extents of their own: deallocations first (stats_read_large). Each count is right by itself;
 * those of one instant, and differences of them, need the bins' locks. */
static void
read_counts(arena_t *arena, uint32_t szind, stats_bin_t *out) {
    bin_t *bin;
    *out = (stats_bin_t){.ndalloc = atomic_get(&arena->ndalloc_large[szind])};
    out->nmalloc = atomic_get(&arena->nmalloc_large[szind]);
    for (uint32_t k = 0; (bin = shards_next(&arena->bins[szind], &k)) != NULL;) {
        add_shard(bin, out);
    }
    out->curregs = out->nmalloc - out->ndalloc;
}

static void
read_shard_locks(bin_t *first, stats_lock_t *out) {
    const bin_t *bin;
    stats_read_lock(&first->lock, out);
    for (uint32_t k = 1; (bin = shards_next(first, &k)) != NULL;) {
        stats_lock_t other;
        stats_read_lock(&bin->lock, &other);
        counters_merge(record_lock, out, &other);
    }
}

void
stats_read_bin(arena_t *arena, uint32_t szind, stats_bin_t *out) {
    read_counts(arena, szind, out);
    read_shard_locks(&arena->bins[szind], &out->mutex);
}

/*
 * Counted without a lock, but an extent is counted as allocated after it became active and as given back before it
 * ceases to be: with the layout locked, and deallocations read first, these are no more than there are.
 */
void
stats_read_large(const arena_t *arena, uint32_t szind, stats_large_t *out) {
    uint64_t ndalloc = atomic_get(&arena->ndalloc_large[szind]);
    uint64_t nmalloc = atomic_get(&arena->nmalloc_large[szind]);
    *out = (stats_large_t){
#define LARGE(name, type, unit, kind, from, ...) .name = from,
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
        if (rows != NULL) {
            bin.nrequests = rows[i].nrequests;
            rows[i] = bin;
        }
    }
}

/* Rows of classes that nobody has used are not touched. */
static void
read_all_large(const arena_t *arena, stats_arena_t *out, stats_large_t *rows) REQUIRES(role_extents) {
    for (uint32_t i = sc.nsmall; i < sc.nsizes; i++) {
        stats_large_t large;
        stats_read_large(arena, i, &large);
        add_large(large, i, &out->large);
        if (rows != NULL && large.nmalloc != 0) {
            large.nrequests = rows[i - sc.nsmall].nrequests;
            rows[i - sc.nsmall] = large;
        }
    }
}

static uint64_t
free_pages(const page_alloc_t *pa) {
    return atomic_get(&pa->dirty.extents.npages) + atomic_get(&pa->muzzy.extents.npages) +
           atomic_get(&pa->retained.npages);
}

static uint64_t
free_extents(const page_alloc_t *pa) {
    return atomic_get(&pa->dirty.extents.count) + atomic_get(&pa->muzzy.extents.count) +
           atomic_get(&pa->retained.count);
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

/* ---- what is allocated ---- */

/* Below zero is 0. */
static void
clamp(uint64_t *bytes) {
    *bytes = (int64_t)*bytes < 0 ? 0 : *bytes;
}

/* Caches of an arena's threads may hold another arena's objects, and were read before the arena. */
void
stats_finish_allocated(stats_arena_t *arena) {
    clamp(&arena->small.allocated);
    clamp(&arena->large.allocated);
    arena->allocated = arena->small.allocated + arena->large.allocated;
}

/* ---- decay, before these locks are taken ---- */

static uint64_t
ms_until(uint64_t due, uint64_t now) {
    return due == UINT64_MAX ? COUNTER_NEVER : due > now ? (due - now + NS_PER_MS - 1) / NS_PER_MS : 0;
}

static void
read_decay(arena_t *arena, extent_state_t state, uint64_t now, stats_decay_t *out) {
    stage_forecast_t forecast = pa_forecast(&arena->pages, state, now);
    out->decay_ms = (uint64_t)atomic_get(&pa_stage(&arena->pages, state)->decay_ms);
    out->allowed = forecast.allowed == SIZE_MAX ? COUNTER_NEVER : forecast.allowed * sc.page;
    out->over = forecast.over * sc.page;
    out->due_ms = ms_until(forecast.due, now);
}

void
stats_read_times(arena_t *arena, stats_arena_t *out) {
    uint64_t now = clock_coarse_ns();
    uint64_t created = atomic_get(&arena->created);
    out->uptime = now > created ? now - created : 0;
    read_decay(arena, extent_dirty, now, &out->dirty);
    read_decay(arena, extent_muzzy, now, &out->muzzy);
}

/* ---- one record ---- */

typedef union {
    stats_arena_t arena;
    stats_bin_t bin;
    stats_large_t large;
    stats_extents_t extents;
    stats_lock_t locks[STATS_LOCKS];
} any_record_t;

uint32_t
stats_nrows(record_t record) {
    switch (record) {
    case record_bin:
        return sc.nsmall;
    case record_large:
        return sc.nsizes - sc.nsmall;
    case record_extents:
        return SC_NPAGE_CLASSES;
    case record_cache:
        return tcache_nclasses();
    case record_lock:
        return STATS_LOCKS;
    default:
        return 1;
    }
}

const void *
stats_detail_row(const stats_detail_t *detail, record_t record, uint32_t row) {
    switch (record) {
    case record_arena:
        return &detail->arena;
    case record_lock:
        return &detail->locks[row];
    case record_bin:
        return &detail->bins[row];
    case record_large:
        return &detail->large[row];
    default:
        return &detail->extents[row];
    }
}

static void
read_record(record_t record, arena_t *arena, uint32_t row, any_record_t *out) {
    requests_t requests;
    threads_lock();
    requests_of(arena, &requests);
    threads_unlock();
    memset(out, 0, sizeof *out);
    if (record == record_arena) {
        stats_read_times(arena, &out->arena);
        requests_add(&requests, &out->arena);
    }
    stats_lock_arena(arena);
    switch (record) {
    case record_arena:
        stats_read_sums(arena, &out->arena, NULL, NULL);
        break;
    case record_bin:
        stats_read_bin(arena, row, &out->bin);
        out->bin.nrequests = requests.n[row];
        break;
    case record_large:
        stats_read_large(arena, sc.nsmall + row, &out->large);
        out->large.nrequests = requests.n[sc.nsmall + row];
        break;
    case record_lock:
        stats_read_locks(arena, out->locks);
        out->locks[0] = out->locks[row];
        break;
    default:
        stats_read_extents(arena, row, &out->extents);
        break;
    }
    stats_unlock_arena(arena);
}

/* Does an index (of one arena, or of several) mean this arena? */
static bool
is_meant(size_t index, uint32_t arena) {
    return index == STATS_MERGED || index == arena || (index == STATS_DESTROYED && !arenas_alive(arena));
}

/* Earlier arenas of an index that is used again belong to the destroyed ones. */
static void
share_lives(record_t record, size_t index, uint32_t row, void *out) {
    if (index < ARENAS_MAX) {
        stats_take_off_earlier((uint32_t)index, record, row, out);
    }
    for (uint32_t i = 0; index == STATS_DESTROYED && i < arenas_count(); i++) {
        if (arenas_alive(i)) {
            stats_put_on_earlier(i, record, row, out);
        }
    }
}

int
stats_get(record_t record, size_t index, size_t row, void *out) {
    uint32_t n, found = 0;
    any_record_t one;
    const counter_row_t *last = counters_of(record, &n) + n - 1;
    size_t size = last->offset + sizeof(uint64_t);
    bool several = index == STATS_MERGED || index == STATS_DESTROYED;
    if (row >= stats_nrows(record) || (!several && index >= ARENAS_MAX)) {
        return ENOENT;
    }
    memset(out, 0, size);
    for (uint32_t i = several ? 0 : (uint32_t)index; i < (several ? arenas_count() : index + 1); i++) {
        if (arenas_get(i) != NULL && is_meant(index, i)) {
            read_record(record, arenas_get(i), (uint32_t)row, &one);
            found++ == 0 ? (void)memcpy(out, &one, size) : counters_merge(record, out, &one);
        }
    }
    if (record == record_arena) {
        stats_finish_allocated(out);
    }
    share_lives(record, index, (uint32_t)row, out);
    return found > 0 || several ? 0 : ENOENT;
}

static void
read_bin_counter(arena_t *arena, uint32_t szind, size_t offset, stats_bin_t *out) {
    if (offset >= offsetof(stats_bin_t, mutex)) {
        read_shard_locks(&arena->bins[szind], &out->mutex);
    } else if (offset == offsetof(stats_bin_t, curregs)) {
        shards_lock_all(&arena->bins[szind]);
        read_counts(arena, szind, out);
        shards_unlock_all(&arena->bins[szind]);
    } else {
        read_counts(arena, szind, out);
    }
}

/* Requests are counted elsewhere, and extents need the layout: false. */
static bool
read_cheaply(record_t record, arena_t *arena, uint32_t row, size_t offset, any_record_t *out) {
    if (record == record_bin && offset != offsetof(stats_bin_t, nrequests)) {
        read_bin_counter(arena, row, offset, &out->bin);
        return true;
    }
    if (record == record_large && offset != offsetof(stats_large_t, nrequests)) {
        pa_lock_layout(&arena->pages);
        stats_read_large(arena, sc.nsmall + row, &out->large);
        pa_unlock_layout(&arena->pages);
        return true;
    }
    return false;
}

int
stats_get_counter(record_t record, size_t index, size_t row, size_t offset, uint64_t *out) {
    any_record_t any;
    arena_t *arena = index < ARENAS_MAX && row < stats_nrows(record) ? arenas_get((uint32_t)index) : NULL;
    if (arena == NULL || !read_cheaply(record, arena, (uint32_t)row, offset, &any)) {
        int error = stats_get(record, index, row, &any);
        if (error != 0) {
            return error;
        }
    } else {
        stats_take_off_earlier((uint32_t)index, record, (uint32_t)row, &any);
    }
    *out = *(const uint64_t *)(const void *)((const char *)&any + offset);
    return 0;
}

/* ---- the public structures ---- */

void
stats_total(const stats_arena_t *arena, lunalloc_stats_t *out) {
    *out = (lunalloc_stats_t){
#define TOTAL(name, type, unit, kind, merge, from, ...) .name = from,
#include "observe/counters.def"
    };
}

void
stats_finish_total(uint64_t cached, uint64_t narenas, uint64_t nthreads, lunalloc_stats_t *out) {
    out->cached = cached;
    out->narenas = narenas;
    out->nthreads = nthreads;
    out->metadata = metadata_bytes();
    out->resident += out->metadata;
    out->mapped += out->metadata;
}

static uint64_t
count_arenas(void) {
    uint64_t n = 0;
    for (uint32_t i = 0; i < arenas_count(); i++) {
        n += arenas_get(i) != NULL;
    }
    return n;
}

int
stats_read(uint32_t index, lunalloc_stats_t *out) {
    bool all = index == LUNALLOC_ALL;
    requests_t requests = {0};
    stats_arena_t arena;
    if (!all && index >= ARENAS_MAX) {
        return ENOENT;
    }
    if (all) {
        requests_of_all(&requests);
    }
    if (stats_get(record_arena, all ? STATS_MERGED : index, 0, &arena) != 0) {
        return ENOENT;
    }
    stats_total(&arena, out);
    if (all) {
        stats_finish_total(requests.cached_bytes, count_arenas(), requests.nthreads, out);
    }
    return 0;
}

static int
read_bin_class(size_t index, uint32_t szind, lunalloc_class_stats_t *out) {
    stats_bin_t bin;
    int error = stats_get(record_bin, index, szind, &bin);
    *out = (lunalloc_class_stats_t){
#define CLASS(name, unit, kind, from_bin, ...) .name = from_bin,
#include "observe/counters.def"
    };
    return error;
}

static int
read_large_class(size_t index, uint32_t szind, lunalloc_class_stats_t *out) {
    stats_large_t large;
    int error = stats_get(record_large, index, szind - sc.nsmall, &large);
    *out = (lunalloc_class_stats_t){
#define CLASS(name, unit, kind, from_bin, from_large, ...) .name = from_large,
#include "observe/counters.def"
    };
    return error;
}

int
stats_read_class(uint32_t index, uint32_t szind, lunalloc_class_stats_t *out) {
    bool all = index == LUNALLOC_ALL;
    requests_t requests = {0};
    if (szind >= sc.nsizes || (!all && index >= ARENAS_MAX)) {
        return ENOENT;
    }
    if (all) {
        requests_of_all(&requests);
    }
    size_t arena = all ? STATS_MERGED : index;
    int error = sc_is_small(szind) ? read_bin_class(arena, szind, out) : read_large_class(arena, szind, out);
    if (error == 0 && all) {
        out->cached = requests.cached[szind];
    }
    return error;
}
