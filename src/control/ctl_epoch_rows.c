/*
 * ctl_epoch_rows.c -- figures of classes, free extents and locks as mallctl gives them: those of the last epoch.
 *
 * A block for each arena, for all merged and for the destroyed ones: a picture of 25 KiB, which is taken when the first
 * such figure is asked for, and with each epoch from then on. Processes that read sums alone have none.
 */
#include "control/ctl_epoch.h"

#include "base/atomic.h"
#include "extent/metadata.h"

#include <string.h>

#define LG_BLOCK 15
#define NWORDS   (sizeof(stats_detail_t) / sizeof(uint64_t))

typedef struct {
    _Atomic uint64_t words[NWORDS]; /* Synchronization: any thread, each for itself; a stats_detail_t, word by word. */
} block_t;

_Static_assert(sizeof(stats_detail_t) % sizeof(uint64_t) == 0, "it is words");
_Static_assert(sizeof(block_t) <= 1 << LG_BLOCK, "a picture fits its block");

static block_t *_Atomic blocks[STATS_DESTROYED + 1]; /* Synchronization: set once from NULL. */
static _Atomic bool asked;                           /* Synchronization: any thread; never becomes false. */

static void
fill(block_t *block, const stats_detail_t *detail) {
    const char *from = (const char *)detail;
    for (size_t i = 0; i < NWORDS; i++, from += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, from, sizeof word);
        atomic_set(&block->words[i], word);
    }
}

static void
make_block(uint32_t index, const stats_detail_t *detail) {
    block_t *other = NULL, *block = metadata_block_alloc(LG_BLOCK);
    if (block != NULL) {
        fill(block, detail);
        if (!atomic_compare_exchange_strong(&blocks[index], &other, block)) {
            metadata_block_free(block, LG_BLOCK);
        }
    }
}

/* Fills the block; one that is there already only if it is to be filled again. */
static void
keep(uint32_t index, const stats_detail_t *detail, bool again) {
    block_t *block = atomic_get_acquire(&blocks[index]);
    if (block == NULL) {
        make_block(index, detail);
    } else if (again) {
        fill(block, detail);
    }
}

static void
keep_all(const stats_snapshot_t *snapshot, bool again) {
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        keep(snapshot->arenas[i].index, &snapshot->arenas[i], again);
    }
    keep(STATS_MERGED, &snapshot->merged, again);
    keep(STATS_DESTROYED, &snapshot->destroyed, again);
}

void
ctl_epoch_keep_rows(const stats_snapshot_t *snapshot) {
    if (atomic_get(&asked)) {
        keep_all(snapshot, true);
    }
}

void
ctl_epoch_renew_rows(uint32_t index) {
    stats_snapshot_t *snapshot = atomic_get_acquire(&blocks[index]) == NULL ? NULL : stats_snapshot();
    for (uint32_t i = 0; snapshot != NULL && i < snapshot->narenas; i++) {
        if (snapshot->arenas[i].index == index) {
            keep(index, &snapshot->arenas[i], true);
        }
    }
    if (snapshot != NULL) {
        stats_snapshot_free(snapshot);
    }
}

/* The block of an arena that was there when the epoch began, or that was made since; NULL without memory. */
static const block_t *
block_of(uint32_t index) {
    if (UNLIKELY(atomic_get_acquire(&blocks[index]) == NULL)) {
        atomic_set(&asked, true);
        stats_snapshot_t *snapshot = stats_snapshot();
        if (snapshot != NULL) {
            keep_all(snapshot, false);
            stats_snapshot_free(snapshot);
        }
    }
    return atomic_get_acquire(&blocks[index]);
}

bool
ctl_epoch_row(record_t record, uint32_t index, uint32_t row, size_t offset, uint64_t *out) {
    const block_t *block = block_of(index);
    if (block != NULL) {
        const stats_detail_t *detail = (const stats_detail_t *)(const void *)block;
        size_t at = (size_t)((const char *)stats_detail_row(detail, record, row) - (const char *)block) + offset;
        *out = atomic_get(&block->words[at / sizeof(uint64_t)]);
    }
    return block != NULL;
}
