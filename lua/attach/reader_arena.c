/* reader_arena.c -- reads one arena, in the steps of observe/arena_stats.c. */
#include "attach/reader_arena.h"

#include "attach/reader_past.h"
#include "extent/stage.h"
#include "observe/arena_stats.h"

/* The expressions of the list say sc: the target's, which each function here calls `classes`. */
#define sc (*classes)

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
    out->arena.discarded += atomic_get(&reader->bins[szind].discarded);
    bool several = atomic_get(&reader->bins[szind].others) != NULL;
    for (uint32_t k = 1; several && k < SHARDS_MAX; k++) {
        if (reader_shard(reader, &reader->bins[szind], k, &shard)) {
            add_shard(&shard, &bin);
            out->arena.nslabs += atomic_get(&shard.nslabs);
            out->arena.discarded += atomic_get(&shard.discarded);
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

void
reader_extents_stats(reader_t *reader, stats_detail_t *out) {
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

int
reader_arena_stats(reader_t *reader, const requests_t *requests, stats_detail_t *out) {
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
