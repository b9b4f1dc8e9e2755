/* past.c -- a copy of the counters for each index that is used again. */
#include "observe/past.h"

#include "arena/arenas.h"
#include "base/atomic.h"
#include "extent/metadata.h"

#include <string.h>

#define LG_BLOCK 15
#define NWORDS   (sizeof(stats_detail_t) / sizeof(uint64_t))

typedef struct {
    _Atomic uint64_t words[NWORDS]; /* Synchronization: any thread, word by word; a stats_detail_t. */
} block_t;

_Static_assert(sizeof(block_t) <= 1 << LG_BLOCK, "a copy fits its block");

/* Not static: another process finds it (control/layout.def). */
block_t *_Atomic past_blocks[ARENAS_MAX]; /* Synchronization: set once from NULL. */

typedef void change_t(uint64_t *word, _Atomic uint64_t *kept);

static void
subtract(uint64_t *word, _Atomic uint64_t *kept) {
    *word -= atomic_get(kept);
}

static void
add(uint64_t *word, _Atomic uint64_t *kept) {
    *word += atomic_get(kept);
}

static void
keep(uint64_t *word, _Atomic uint64_t *kept) {
    atomic_set(kept, atomic_get(kept) + *word);
}

static bool
is_kept(record_t record, const counter_row_t *counter) {
    bool of_lock = record == record_bin && counter->offset >= offsetof(stats_bin_t, mutex);
    return counter->kind == counter_cumulative && !of_lock;
}

static _Atomic uint64_t *
kept_row(block_t *block, record_t record, uint32_t row) {
    const char *at = stats_detail_row((const stats_detail_t *)(const void *)block, record, row);
    return &block->words[(size_t)(at - (const char *)block) / sizeof(uint64_t)];
}

static block_t *
block_of(uint32_t index) {
    return index < ARENAS_MAX ? atomic_get_acquire(&past_blocks[index]) : NULL;
}

/* Calls change for each counter of a row. */
static void
change_row(block_t *block, record_t record, uint32_t row, void *out, change_t *change) {
    uint32_t n;
    uint64_t *words = out;
    _Atomic uint64_t *kept = kept_row(block, record, row);
    const counter_row_t *counters = counters_of(record, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (is_kept(record, &counters[i])) {
            change(&words[i], &kept[i]);
        }
    }
}

/* Locks and free extents have no counters of past arenas. */
static void
change_all(block_t *block, stats_detail_t *detail, change_t *change) {
    change_row(block, record_arena, 0, &detail->arena, change);
    for (uint32_t i = 0; i < stats_nrows(record_bin); i++) {
        change_row(block, record_bin, i, &detail->bins[i], change);
    }
    for (uint32_t i = 0; i < stats_nrows(record_large); i++) {
        change_row(block, record_large, i, &detail->large[i], change);
    }
}

static void
change_one(uint32_t index, record_t record, uint32_t row, void *out, change_t *change) {
    block_t *block = block_of(index);
    if (block != NULL && record != record_lock && record != record_extents) {
        change_row(block, record, row, out, change);
    }
}

bool
past_exists(uint32_t index) {
    return block_of(index) != NULL;
}

void
past_subtract(uint32_t index, record_t record, uint32_t row, void *out) {
    change_one(index, record, row, out, subtract);
}

void
past_add(uint32_t index, record_t record, uint32_t row, void *out) {
    change_one(index, record, row, out, add);
}

void
past_subtract_all(uint32_t index, stats_detail_t *detail) {
    change_all(block_of(index), detail, subtract);
}

void
past_add_all(uint32_t index, stats_detail_t *detail) {
    change_all(block_of(index), detail, add);
}

bool
past_counted(const stats_arena_t *arena) {
    uint32_t n;
    const counter_row_t *counters = counters_of(record_arena, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (is_kept(record_arena, &counters[i]) && counter_value(&counters[i], arena) != 0) {
            return true;
        }
    }
    return false;
}

static block_t *
make_block(uint32_t index) {
    block_t *block = metadata_block_alloc(LG_BLOCK);
    if (block != NULL) {
        memset(block, 0, sizeof *block);
        atomic_set_release(&past_blocks[index], block);
    }
    return block;
}

bool
past_keep(stats_detail_t *detail) {
    block_t *block = block_of(detail->index);
    block = block != NULL ? block : make_block(detail->index);
    if (block != NULL) {
        change_all(block, detail, keep);
    }
    return block != NULL;
}
