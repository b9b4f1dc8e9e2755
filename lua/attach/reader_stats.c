/* reader_stats.c -- reads all arenas, then sums, in the steps of observe/snapshot.c and arena_stats.c. */
#include "attach/reader_stats.h"

#include "attach/reader_past.h"
#include "extent/stage.h"
#include "observe/arena_stats.h"
#include "observe/requests.h"
#include "thread/quarantine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The expressions of the list say sc: the target's, which each function here calls `classes`. */
#define sc (*classes)

uint32_t
reader_nrows(const reader_t *reader, record_t record) {
    const sc_t *classes = &reader->classes;
    switch (record) {
    case record_bin:
        return sc.nsmall;
    case record_large:
        return sc.nsizes - sc.nsmall;
    case record_extents:
        return SC_NPAGE_CLASSES;
    case record_cache:
        return reader_ncached(reader);
    case record_lock:
        return STATS_LOCKS;
    default:
        return 1;
    }
}

/* ---- caches ---- */

uint32_t
reader_cached(const cache_t *cache, uint32_t szind) {
    const cache_cold_t *cold = &cache->cold[szind + 1];
    uint32_t n = cache_bin_count(&cache->bins[szind + 1]);
    uint32_t most = cold->slots == NULL || cold->lg_slots > 12 ? 0 : 1U << cold->lg_slots;
    return n < most ? n : most;
}

/* In count_at_end, while a countdown starts again (thread/tcache_count.c). */
#define RESTARTING (UINT64_C(1) << 63)

uint64_t
reader_requests(const cache_t *cache, uint32_t szind) {
    uint64_t at_end = atomic_get(&cache->cold[szind + 1].count_at_end);
    return (at_end & RESTARTING) != 0 ? at_end & ~RESTARTING : at_end - cache->bins[szind + 1].remain;
}

bool
reader_quarantine(reader_t *reader, const thread_t *thread, uint32_t held[SC_MAX_SIZES]) {
    quarantine_t quarantine;
    uint64_t addr = (uintptr_t)atomic_get(&thread->quarantine);
    if (addr == 0 || !reader_struct(reader, layout_quarantine, addr, &quarantine)) {
        return false;
    }
    for (uint32_t i = 0; i < SC_MAX_SIZES; i++) {
        uint32_t n = atomic_get(&quarantine.held[i]);
        held[i] = n <= QUARANTINE_MAX_OBJECTS ? n : 0;
    }
    return true;
}

/* Counts by arena, in the order of the snapshot's. */
typedef struct {
    requests_t *of; /* `arena` is an address of the target */
    uint32_t n;
} counts_t;

static void
counts_begin(void *context) {
    counts_t *counts = context;
    for (uint32_t i = 0; i < counts->n; i++) {
        counts->of[i] = (requests_t){.arena = counts->of[i].arena};
    }
}

static void
add_cached(const sc_t *classes, uint32_t szind, uint64_t n, requests_t *requests) {
    requests->cached[szind] += n;
    requests->cached_bytes += n * sc.size[szind];
}

static void
add_cache(const reader_t *reader, const cache_t *cache, requests_t *requests) {
    for (uint32_t i = 0; i + 1 < CACHE_BINS && i < reader->classes.nsizes; i++) {
        requests->n[i] += reader_requests(cache, i);
        add_cached(&reader->classes, i, reader_cached(cache, i), requests);
    }
}

static void
count_thread(reader_t *reader, const thread_t *thread, void *context) {
    counts_t *counts = context;
    uint32_t held[SC_MAX_SIZES];
    for (uint32_t i = 0; i < counts->n; i++) {
        requests_t *requests = &counts->of[i];
        if (atomic_get(&thread->arena) != requests->arena) {
            continue;
        }
        requests->nthreads++;
        add_cache(reader, &thread->cache, requests);
        if (reader_quarantine(reader, thread, held)) {
            for (uint32_t k = 0; k < reader->classes.nsizes; k++) {
                add_cached(&reader->classes, k, held[k], requests);
            }
        }
    }
}

/* Explicit caches count as arena 0's. */
static void
count_cache(reader_t *reader, const cache_t *cache, void *context) {
    const counts_t *counts = context;
    if (counts->n > 0) {
        add_cache(reader, cache, &counts->of[0]);
    }
}

/* ---- one arena ---- */

void
reader_lock(const lock_t *lock, stats_lock_t *out) {
    lock_stats_t stats = {
        .nops = atomic_get(&lock->nops),
        .nwaits = atomic_get(&lock->nwaits),
        .nspins = atomic_get(&lock->nspins),
        .nswitches = atomic_get(&lock->nswitches),
        .wait_ns = atomic_get(&lock->wait_ns),
        .max_wait_ns = atomic_get(&lock->max_wait_ns),
        .max_sleepers = atomic_get(&lock->max_sleepers),
    };
    *out = (stats_lock_t){
#define LOCK(name, type, unit, kind, merge, column, from, ...) .name = from,
#include "observe/counters.def"
    };
}

static void
add_shard(const bin_t *bin, stats_bin_t *out) {
    stats_lock_t lock;
#define BIN(name, type, unit, kind, column, reading, from, ...) out->name += from;
#include "observe/counters.def"
    reader_lock(&bin->lock, &lock);
    counters_merge(record_lock, &out->mutex, &lock);
}

/* Extents of one class. Returned ones were counted first. */
typedef struct {
    uint64_t taken, returned;
} class_extents_t;

static class_extents_t
count_extents(const arena_t *arena, uint32_t szind) {
    uint64_t taken = atomic_get(&arena->nmalloc_large[szind]), returned = atomic_get(&arena->ndalloc_large[szind]);
    return (class_extents_t){taken, returned < taken ? returned : taken};
}

static void
add_bin(const sc_t *classes, stats_bin_t bin, uint32_t szind, stats_sizes_t *out) {
#define SIZES(name, type, unit, kind, column, from_bin, ...) out->name += from_bin;
#include "observe/counters.def"
}

static void
add_large(const sc_t *classes, stats_large_t large, uint32_t szind, stats_sizes_t *out) {
#define SIZES(name, type, unit, kind, column, from_bin, from_large, ...) out->name += from_large;
#include "observe/counters.def"
}

static void
read_bin(reader_t *reader, const arena_t *arena, uint32_t szind, stats_detail_t *out) {
    stats_bin_t bin = out->bins[szind];
    class_extents_t sampled = count_extents(arena, szind);
    bin_t shard;
#define BIN(name, type, unit, kind, column, reading, from, from_sampled, ...) bin.name += from_sampled;
#include "observe/counters.def"
    add_shard(&reader->bins[szind], &bin);
    out->arena.nslabs += atomic_get(&reader->bins[szind].nslabs);
    bool several = atomic_get(&reader->bins[szind].others) != NULL;
    for (uint32_t k = 1; several && k < SHARDS_MAX; k++) {
        if (reader_shard(reader, &reader->bins[szind], k, &shard)) {
            add_shard(&shard, &bin);
            out->arena.nslabs += atomic_get(&shard.nslabs);
        }
    }
    add_bin(&reader->classes, bin, szind, &out->arena.small);
    requests_copy_bin(&out->bins[szind], &bin);
    out->bins[szind] = bin;
}

static void
read_large(const reader_t *reader, const arena_t *arena, uint32_t szind, stats_detail_t *out) {
    stats_large_t *row = &out->large[szind - reader->classes.nsmall];
    class_extents_t extents = count_extents(arena, szind);
    stats_large_t large = {
#define LARGE(name, type, unit, kind, reading, from, ...) .name = from,
#include "observe/counters.def"
    };
    add_large(&reader->classes, large, szind, &out->arena.large);
    requests_copy_large(row, &large);
    *row = large;
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

static void
add_stage(const extents_t *pages, const purge_counters_t *purges, stats_decay_t *out) {
    out->npages = atomic_get(&pages->npages);
#define STAGE(name, control, type, unit, kind, merge, column, from, ...) out->name += from;
#include "observe/counters.def"
}

/* As stage_forecast (extent/stage.c), which knows only the sizes of its own process. */
static void
read_decay(const sc_t *classes, const stage_t *stage, uint64_t now, stats_decay_t *out) NO_THREAD_SAFETY {
    decay_t decay = stage->decay;
    size_t half = (atomic_get(&stage->extents.hugepage) >> sc.config.lg_page) / 2;
    size_t least = half > STAGE_LEAST_PAGES ? half : STAGE_LEAST_PAGES;
    size_t pages = half == 0 ? atomic_get(&stage->extents.npages) : atomic_get(&stage->extents.nwhole);
    decay.interval = decay.interval == 0 ? 1 : decay.interval;
    decay_advance(&decay, now, pages);
    size_t allowed = decay_limit(&decay);
    stage_forecast_t forecast = {
        .allowed = allowed,
        .over = decay.last > allowed ? decay.last - allowed : 0,
        .due = decay_due(&decay, least),
    };
    stats_fill_decay(atomic_get(&stage->decay_ms), &forecast, sc.page, now, out);
}

typedef struct {
    uint64_t now, shards; /* ns; bytes of metadata */
} moment_t;

static void
read_sums(const sc_t *classes, const arena_t *arena, moment_t moment, stats_arena_t *out) NO_THREAD_SAFETY {
    const page_alloc_t *pa = &arena->pages;
    uint64_t created = atomic_get(&arena->created);
    add_stage(&pa->dirty.extents, &pa->dirty.purges, &out->dirty);
    add_stage(&pa->muzzy.extents, &pa->muzzy.purges, &out->muzzy);
#define age_of(arena)                                       (moment.now > created ? moment.now - created : 0)
#define bytes_of_shards(arena)                              moment.shards
#define ARENA_AGE(name, type, unit, kind, merge, from, ...) out->name += from;
#define ARENA(name, type, unit, kind, merge, from, ...)     out->name += from;
#include "observe/counters.def"
}

static uint64_t
bytes_of_shards_read(reader_t *reader) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < reader->classes.nsmall; i++) {
        bin_t shard;
        bool several = atomic_get(&reader->bins[i].others) != NULL;
        bytes += several ? sizeof(struct shards) : 0;
        for (uint32_t k = 1; several && k < SHARDS_MAX; k++) {
            bytes += reader_shard(reader, &reader->bins[i], k, &shard) ? sizeof(bin_t) : 0;
        }
    }
    return bytes;
}

static void
fill_requests(const requests_t *requests, const arena_t *arena, const sc_t *classes, stats_detail_t *out) {
    requests_t all = *requests;
    for (uint32_t i = 0; i < sc.nsizes; i++) {
        all.n[i] += atomic_get(&arena->requests[i]);
        if (i < sc.nsmall) {
            requests_add_bin(&all, i, &out->bins[i]);
        } else {
            requests_add_large(&all, i, &out->large[i - sc.nsmall]);
        }
    }
    requests_add(&all, classes, &out->arena);
}

/* Free extents by page class, from a walk. */
static void
read_extents(reader_t *reader, stats_detail_t *out) {
    const reader_walk_t *walk = &reader->walk;
    for (size_t i = 0; i < walk->n; i++) {
        const lunalloc_extent_t *e = &walk->all[i];
        uint32_t class = reader_page_class(reader, e->size >> reader->classes.config.lg_page);
        if (class < SC_NPAGE_CLASSES) {
            struct {
                uint64_t count, bytes;
            } dirty = {e->state == LUNALLOC_DIRTY, e->state == LUNALLOC_DIRTY ? e->size : 0},
              muzzy = {e->state == LUNALLOC_MUZZY, e->state == LUNALLOC_MUZZY ? e->size : 0},
              retained = {e->state == LUNALLOC_RETAINED, e->state == LUNALLOC_RETAINED ? e->size : 0};
            stats_extents_t *row = &out->extents[class];
#define EXTENTS(name, type, unit, kind, column, from, ...) row->name += from;
#include "observe/counters.def"
        }
    }
}

static int
read_arena(reader_t *reader, const requests_t *requests, stats_detail_t *out) {
    reader_arena_t copy;
    const page_alloc_t *pa = &copy.arena.pages;
    int error = reader_arena(reader, out->index, &copy);
    if (error != 0) {
        return error;
    }
    out->alive = atomic_get(&copy.arena.life) == arena_living;
    fill_requests(requests, &copy.arena, &reader->classes, out);
    uint64_t now = reader_clock(reader);
    read_decay(&reader->classes, &pa->dirty, now, &out->arena.dirty);
    read_decay(&reader->classes, &pa->muzzy, now, &out->arena.muzzy);
    reader_lock(&pa->decay_lock, &out->locks[stats_lock_decay]);
    reader_lock(&pa->dirty.extents.lock, &out->locks[stats_lock_dirty]);
    reader_lock(&pa->muzzy.extents.lock, &out->locks[stats_lock_muzzy]);
    reader_lock(&pa->retained.lock, &out->locks[stats_lock_retained]);
    for (uint32_t i = 0; i < reader->classes.nsmall; i++) {
        read_bin(reader, &copy.arena, i, out);
    }
    for (uint32_t i = reader->classes.nsmall; i < reader->classes.nsizes; i++) {
        read_large(reader, &copy.arena, i, out);
    }
    read_sums(&reader->classes, &copy.arena, (moment_t){now, bytes_of_shards_read(reader)}, &out->arena);
    return 0;
}

/* ---- sums ---- */

/* Adds what one arena has; counters_merge() knows how. */
static void
merge(const reader_t *reader, stats_detail_t *into, uint32_t n, const stats_detail_t *from) {
    if (n == 0) {
        into->arena = from->arena;
    } else {
        counters_merge(record_arena, &into->arena, &from->arena);
    }
    for (uint32_t i = 0; i < STATS_LOCKS; i++) {
        counters_merge(record_lock, &into->locks[i], &from->locks[i]);
    }
    for (uint32_t i = 0; i < reader->classes.nsmall; i++) {
        counters_merge(record_bin, &into->bins[i], &from->bins[i]);
    }
    for (uint32_t i = 0; i < reader_nrows(reader, record_large); i++) {
        counters_merge(record_large, &into->large[i], &from->large[i]);
    }
    for (uint32_t i = 0; i < SC_NPAGE_CLASSES; i++) {
        counters_merge(record_extents, &into->extents[i], &from->extents[i]);
    }
}

static stats_sizes_t *
sizes_of(stats_detail_t *detail, bool large) {
    return large ? &detail->arena.large : &detail->arena.small;
}

/* Caches of one arena's threads may hold others' objects: what one arena has below zero is taken off the others. */
static void
share_sizes(stats_snapshot_t *snapshot, bool large) {
    uint64_t below = 0;
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        int64_t allocated = (int64_t)sizes_of(&snapshot->arenas[i], large)->allocated;
        below += allocated < 0 ? (uint64_t)-allocated : 0;
    }
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        uint64_t *allocated = &sizes_of(&snapshot->arenas[i], large)->allocated;
        uint64_t has = (int64_t)*allocated < 0 ? 0 : *allocated, taken = below < has ? below : has;
        *allocated = has - taken;
        below -= taken;
    }
}

static void
sum_up(reader_t *reader, stats_snapshot_t *snapshot) {
    share_sizes(snapshot, false);
    share_sizes(snapshot, true);
    snapshot->merged.index = STATS_MERGED;
    snapshot->destroyed.index = STATS_DESTROYED;
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        stats_detail_t *one = &snapshot->arenas[i];
        one->arena.allocated = one->arena.small.allocated + one->arena.large.allocated;
        merge(reader, &snapshot->merged, i, one);
        if (!one->alive) {
            merge(reader, &snapshot->destroyed, snapshot->ndestroyed++, one);
        }
    }
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        if (snapshot->arenas[i].alive) {
            reader_share_past(reader, &snapshot->arenas[i], &snapshot->destroyed);
        }
    }
}

/* ---- the process ---- */

static uint64_t
ratio_of_hits(uint64_t all, uint64_t misses) {
    uint64_t hits = all > misses ? all - misses : 0;
    return all == 0 ? 0 : hits * 1000000 / all;
}

static void
fill_caches(const reader_t *reader, const uint64_t *held, stats_snapshot_t *snapshot) {
    for (uint32_t i = 0; i < reader_ncached(reader); i++) {
        uint64_t cached = held[i];
        if (i < reader->classes.nsmall) {
            stats_bin_t bin = snapshot->merged.bins[i];
            snapshot->caches[i] = (stats_cache_t){
#define CACHE(name, type, unit, kind, from_bin, ...) .name = from_bin,
#include "observe/counters.def"
            };
        } else {
            stats_large_t large = snapshot->merged.large[i - reader->classes.nsmall];
            snapshot->caches[i] = (stats_cache_t){
#define CACHE(name, type, unit, kind, from_bin, from_large, ...) .name = from_large,
#include "observe/counters.def"
            };
        }
    }
}

static void
total_of(const sc_t *classes, uint64_t now, const stats_arena_t *arena, lunalloc_stats_t *out) {
#define clock_ns() now
    *out = (lunalloc_stats_t){
#define TOTAL(name, type, unit, kind, merge, from, ...) .name = from,
#include "observe/counters.def"
    };
#undef clock_ns
}

static int
fill_process(reader_t *reader, const requests_t *all, stats_snapshot_t *snapshot) {
    lunalloc_stats_t *total = &snapshot->process.total;
    size_t metadata = 0, most = 0;
    uint64_t resizes = 0;
    int error = reader_variable(reader, metadata_used, &metadata);
    error = error == 0 ? reader_variable(reader, highwater_most, &most) : error;
    error = error == 0 ? reader_variable(reader, resize_zero_count, &resizes) : error;
    total_of(&reader->classes, reader_clock(reader), &snapshot->merged.arena, total);
    total->cached = all->cached_bytes;
    total->narenas = snapshot->narenas;
    total->nthreads = all->nthreads;
    total->metadata = align_up(metadata, reader->classes.page);
    total->resident += total->metadata;
    total->mapped += total->metadata;
#define highwater_mark()                                 most
#define resize_zero_reallocs()                           resizes
#define PROCESS(name, type, unit, kind, read, from, ...) snapshot->process.name = from;
#include "observe/counters.def"
    return error;
}

/* ---- the snapshot ---- */

static stats_snapshot_t *
new_snapshot(const reader_t *reader) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < reader->narenas; i++) {
        n += reader->table[i] != 0;
    }
    stats_snapshot_t *snapshot = calloc(1, sizeof *snapshot + n * sizeof snapshot->arenas[0]);
    for (uint32_t i = 0; snapshot != NULL && i < reader->narenas; i++) {
        if (reader->table[i] != 0) {
            snapshot->arenas[snapshot->narenas++].index = i;
        }
    }
    return snapshot;
}

static int
fill(reader_t *reader, bool extents, counts_t *counts, stats_snapshot_t *snapshot) {
    static const reader_visit_t visit = {.begin = counts_begin, .thread = count_thread, .cache = count_cache};
    requests_t all = {0};
    int error = reader_threads(reader, &visit, counts);
    for (uint32_t i = 0; error == 0 && i < snapshot->narenas; i++) {
        all.cached_bytes += counts->of[i].cached_bytes;
        all.nthreads += counts->of[i].nthreads;
        for (uint32_t k = 0; k < SC_MAX_SIZES; k++) {
            all.cached[k] += counts->of[i].cached[k];
        }
        error = read_arena(reader, &counts->of[i], &snapshot->arenas[i]);
    }
    for (uint32_t i = 0; extents && error == 0 && i < snapshot->narenas; i++) {
        error = reader_walk(reader, snapshot->arenas[i].index);
        read_extents(reader, &snapshot->arenas[i]);
    }
    if (error == 0) {
        sum_up(reader, snapshot);
        fill_caches(reader, all.cached, snapshot);
        error = fill_process(reader, &all, snapshot);
    }
    return error;
}

int
reader_snapshot(reader_t *reader, bool extents, stats_snapshot_t **out) {
    stats_snapshot_t *snapshot = new_snapshot(reader);
    counts_t counts = {.n = snapshot == NULL ? 0 : snapshot->narenas};
    counts.of = calloc(counts.n + 1, sizeof *counts.of);
    for (uint32_t i = 0; counts.of != NULL && i < counts.n; i++) {
        counts.of[i].arena = (const arena_t *)(uintptr_t)reader->table[snapshot->arenas[i].index];
    }
    int error = snapshot == NULL || counts.of == NULL ? reader_fail(reader, ENOMEM, "no memory")
                                                      : fill(reader, extents, &counts, snapshot);
    free(counts.of);
    if (error != 0) {
        free(snapshot);
        snapshot = NULL;
    }
    *out = snapshot;
    return error;
}

const stats_detail_t *
reader_detail(const stats_snapshot_t *snapshot, size_t index) {
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        if (snapshot->arenas[i].index == index) {
            return &snapshot->arenas[i];
        }
    }
    return index == STATS_MERGED ? &snapshot->merged : index == STATS_DESTROYED ? &snapshot->destroyed : NULL;
}

void
reader_total(const reader_t *reader, const stats_snapshot_t *snapshot, const stats_detail_t *detail,
             lunalloc_stats_t *out) {
    if (detail == &snapshot->merged) {
        *out = snapshot->process.total;
    } else {
        total_of(&reader->classes, snapshot->process.total.time, &detail->arena, out);
    }
}

void
reader_class(const reader_t *reader, const stats_snapshot_t *snapshot, const stats_detail_t *detail, uint32_t szind,
             lunalloc_class_stats_t *out) {
    if (szind < reader->classes.nsmall) {
        stats_bin_t bin = detail->bins[szind];
        *out = (lunalloc_class_stats_t){
#define CLASS(name, unit, kind, from_bin, ...) .name = from_bin,
#include "observe/counters.def"
        };
    } else {
        stats_large_t large = detail->large[szind - reader->classes.nsmall];
        *out = (lunalloc_class_stats_t){
#define CLASS(name, unit, kind, from_bin, from_large, ...) .name = from_large,
#include "observe/counters.def"
        };
    }
    if (detail == &snapshot->merged && szind < CACHE_BINS) {
        out->cached = snapshot->caches[szind].cached;
    }
}
