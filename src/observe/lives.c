/*
 * lives.c -- an index of arenas is used again: what earlier arenas of it have counted is taken off the present one's
 * figures, and is told with those of the destroyed ones. Part of stats.h's contract.
 *
 * Counters of arenas never go back. So when an index is used again they are copied, and the copy is subtracted. What
 * locks have counted is theirs, and can be reset: it is left as it is.
 */
#include "base/atomic.h"
#include "extent/metadata.h"
#include "observe/stats.h"

#include <string.h>

#define LG_BLOCK 15
#define NWORDS   (sizeof(stats_detail_t) / sizeof(uint64_t))

typedef struct {
    _Atomic uint64_t words[NWORDS]; /* Synchronization: any thread, each for itself; a stats_detail_t, word by word. */
} block_t;

_Static_assert(sizeof(block_t) <= 1 << LG_BLOCK, "a picture fits its block");

static block_t *_Atomic blocks[ARENAS_MAX]; /* Synchronization: set once from NULL. */

static bool
is_of_lives(record_t record, const counter_row_t *figure) {
    return figure->kind == counter_cumulative &&
           !(record == record_bin && figure->offset >= offsetof(stats_bin_t, mutex));
}

static _Atomic uint64_t *
kept_row(block_t *block, record_t record, uint32_t row) {
    const char *at = stats_detail_row((const stats_detail_t *)(const void *)block, record, row);
    return &block->words[(size_t)(at - (const char *)block) / sizeof(uint64_t)];
}

/* Calls change for each counter of a row: `words` is the record's, `kept` the block's. */
static void
each_counter(record_t record, uint64_t *words, _Atomic uint64_t *kept, void (*change)(uint64_t *, _Atomic uint64_t *)) {
    uint32_t n;
    const counter_row_t *figures = counters_of(record, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (is_of_lives(record, &figures[i])) {
            change(&words[i], &kept[i]);
        }
    }
}

static void
take_off(uint64_t *word, _Atomic uint64_t *kept) {
    *word -= atomic_get(kept);
}

static void
put_on(uint64_t *word, _Atomic uint64_t *kept) {
    *word += atomic_get(kept);
}

static void
keep(uint64_t *word, _Atomic uint64_t *kept) {
    atomic_set(kept, atomic_get(kept) + *word);
}

static void
change_row(uint32_t index, record_t record, uint32_t row, void *out, void (*change)(uint64_t *, _Atomic uint64_t *)) {
    block_t *block = index < ARENAS_MAX ? atomic_get_acquire(&blocks[index]) : NULL;
    if (block != NULL && record != record_lock && record != record_extents) {
        each_counter(record, out, kept_row(block, record, row), change);
    }
}

void
stats_take_off_earlier(uint32_t index, record_t record, uint32_t row, void *out) {
    change_row(index, record, row, out, take_off);
}

void
stats_put_on_earlier(uint32_t index, record_t record, uint32_t row, void *out) {
    change_row(index, record, row, out, put_on);
}

static void
change_detail(stats_detail_t *detail, uint32_t index, void (*change)(uint64_t *, _Atomic uint64_t *)) {
    change_row(index, record_arena, 0, &detail->arena, change);
    for (uint32_t i = 0; i < stats_nrows(record_bin); i++) {
        change_row(index, record_bin, i, &detail->bins[i], change);
    }
    for (uint32_t i = 0; i < stats_nrows(record_large); i++) {
        change_row(index, record_large, i, &detail->large[i], change);
    }
}

void
stats_share_lives(stats_snapshot_t *snapshot) {
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        stats_detail_t *detail = &snapshot->arenas[i];
        if (detail->alive && atomic_get_acquire(&blocks[detail->index]) != NULL) {
            change_detail(&snapshot->destroyed, detail->index, put_on);
            change_detail(detail, detail->index, take_off);
        }
    }
}

static block_t *
block_of(uint32_t index) {
    block_t *block = atomic_get_acquire(&blocks[index]);
    if (block == NULL) {
        block = metadata_block_alloc(LG_BLOCK);
    }
    if (block != NULL && atomic_get_acquire(&blocks[index]) == NULL) {
        memset(block, 0, sizeof *block);
        atomic_set_release(&blocks[index], block);
    }
    return block;
}

void
stats_begin_life(uint32_t index) {
    stats_arena_t arena;
    bool new = stats_get(record_arena, index, 0, &arena) != 0 || arena.small.nmalloc + arena.large.nmalloc == 0;
    stats_snapshot_t *snapshot = new || block_of(index) == NULL ? NULL : stats_snapshot();
    for (uint32_t i = 0; snapshot != NULL && i < snapshot->narenas; i++) {
        if (snapshot->arenas[i].index == index) {
            change_detail(&snapshot->arenas[i], index, keep);
        }
    }
    if (snapshot != NULL) {
        stats_snapshot_free(snapshot);
    }
}
