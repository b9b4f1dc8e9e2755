/* slab_pages.c -- slabs one at a time: free pages are found in the bitmap, taken, purged, and given back. */
#include "arena/slab_pages.h"

#include "base/witness.h"
#include "extent/hooks.h"

enum {
    HELD = 512, /* the most regions of a slab that are taken together; a slab with more is purged in part */
    RUNS = 32   /* the most runs of pages of a slab */
};

/* A run of pages of which no byte is in use. */
typedef struct {
    uintptr_t start, end;
} page_run_t;

/* What was taken from a slab: its regions, and the pages that they cover. */
typedef struct {
    uint32_t nregs, nruns;
    void *regs[HELD];
    page_run_t runs[RUNS];
} taken_t;

/* ---- finding pages ---- */

static bool
is_free(const extent_t *slab, uint32_t i) REQUIRES(role_bin) {
    return (slab->free_regs[i / 64] >> (i % 64) & 1) != 0;
}

/* The end of the run of free regions that begins at region i. */
static uint32_t
end_of_free(const extent_t *slab, uint32_t i) REQUIRES(role_bin) {
    while (i < slab->nregs && is_free(slab, i)) {
        i++;
    }
    return i;
}

/* The whole pages in regions from .. to - 1. What is left over behind the last region is never used. */
static page_run_t
pages_of(const extent_t *slab, uint32_t from, uint32_t to) {
    size_t size = sc.size[slab->szind];
    size_t end = to == slab->nregs ? extent_usable(slab) : to * size;
    return (page_run_t){align_up(slab->addr + from * size, sc.page), align_down(slab->addr + end, sc.page)};
}

/* ---- taking and giving back ---- */

/* Takes the regions that overlap the pages. False if there is no room for them. */
static bool
take_run(extent_t *slab, page_run_t run, taken_t *taken) REQUIRES(role_bin) {
    size_t size = sc.size[slab->szind];
    uint32_t from = slab_regind(slab, run.start), to = slab_regind(slab, run.end - 1) + 1;
    to = to < slab->nregs ? to : slab->nregs;
    if (taken->nruns == RUNS || to - from > HELD - taken->nregs) {
        return false;
    }
    for (uint32_t i = from; i < to; i++) {
        slab->free_regs[i / 64] &= ~(UINT64_C(1) << (i % 64));
        taken->regs[taken->nregs++] = (void *)(slab->addr + i * size);
    }
    counter_add(&slab->nfree, from - to);
    taken->runs[taken->nruns++] = run;
    return true;
}

/* Takes all free pages of a slab, as far as there is room. */
static void
take_pages(extent_t *slab, taken_t *taken) REQUIRES(role_bin) {
    taken->nregs = taken->nruns = 0;
    for (uint32_t from = 0; from < slab->nregs;) {
        uint32_t to = end_of_free(slab, from);
        page_run_t run = pages_of(slab, from, to);
        if (to > from && run.start < run.end && !take_run(slab, run, taken)) {
            return;
        }
        from = to + 1;
    }
}

/* The pages are the calling thread's. */
static size_t
purge_runs(arena_t *arena, const taken_t *taken) {
    size_t bytes = 0;
    for (uint32_t i = 0; i < taken->nruns; i++) {
        size_t size = taken->runs[i].end - taken->runs[i].start;
        bool done = hook_purge_forced(pa_hooks(&arena->pages), (void *)taken->runs[i].start, size, arena->index);
        bytes += done ? size : 0;
    }
    return bytes;
}

/* ---- slabs in turn ---- */

/* Purges the slab that waits longest in a bucket. Returns it, for comparison only: another thread may delete it. NULL
 * if the bucket is empty. */
static const extent_t *
purge_oldest(arena_t *arena, bin_t *bin, uint32_t bucket, size_t *bytes) EXCLUDES(role_bin) {
    taken_t taken;
    taken.nregs = 0;
    bin_lock(bin);
    extent_t *slab = bin_oldest_of(bin, bucket);
    if (slab != NULL) {
        take_pages(slab, &taken);
        bin_requeue(bin, slab, taken.nregs);
    }
    bin_unlock(bin);
    if (slab != NULL && taken.nregs > 0) {
        *bytes += purge_runs(arena, &taken);
        arena_flush(taken.regs, taken.nregs);
    }
    return slab;
}

/* Slabs return to the front of their bucket, so the first one ends the round, or, if it has left, their number. */
static size_t
purge_bucket(arena_t *arena, bin_t *bin, uint32_t bucket) EXCLUDES(role_bin) {
    size_t bytes = 0;
    uint64_t most = atomic_get(&bin->nnonfull);
    const extent_t *first = most == 0 ? NULL : purge_oldest(arena, bin, bucket, &bytes);
    for (uint64_t i = 1; first != NULL && i < most; i++) {
        if (bin_is_oldest(bin, bucket, first) || purge_oldest(arena, bin, bucket, &bytes) == NULL) {
            break;
        }
    }
    return bytes;
}

size_t
arena_purge_slabs(arena_t *arena) {
    witness_no_core_lock();
    size_t bytes = 0;
    for (uint32_t szind = 0; szind < sc.nsmall; szind++) {
        bin_t *bin;
        for (uint32_t k = 0; (bin = shards_next(&arena->bins[szind], &k)) != NULL;) {
            for (uint32_t bucket = 0; bucket < BIN_BUCKETS; bucket++) {
                bytes += purge_bucket(arena, bin, bucket);
            }
        }
    }
    atomic_add(&arena->pages.purged_bytes, bytes);
    return bytes;
}
