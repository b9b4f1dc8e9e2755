/* ctl_epoch.c -- the last epoch: a slot of sums and, if they are read, a block of rows for each arena. */
#include "control/ctl_epoch.h"

#include "base/atomic.h"
#include "control/ctl_arena.h"
#include "extent/metadata.h"

#include <errno.h>
#include <string.h>

/* Not static: another process finds it (control/layout.def). */
_Atomic uint64_t ctl_epoch_number = 1; /* Synchronization: any thread. */

/* Bit i: arena i was alive when the epoch began. Synchronization: any thread. */
static _Atomic uint64_t begun_with[ARENAS_MAX / 64];

/* ---- sums ---- */

#define NSUMS   (sizeof(stats_arena_t) / sizeof(uint64_t))
#define LG_SLOT 9
/* Behind the slots of arenas: all arenas merged, and the totals. */
#define SLOT_MERGED STATS_MERGED
#define SLOT_TOTAL  (STATS_MERGED + 1)

typedef struct {
    _Atomic uint64_t sums[NSUMS]; /* Synchronization: any thread, word by word; a stats_arena_t, or the totals. */
} slot_t;

_Static_assert(sizeof(slot_t) <= 1 << LG_SLOT, "a slot fits its block");
_Static_assert(sizeof(lunalloc_stats_t) <= sizeof(stats_arena_t), "and so do the totals");

static slot_t *_Atomic slots[SLOT_TOTAL + 1]; /* Synchronization: set once from NULL. */

static void
slot_fill(slot_t *slot, const void *record, size_t size) {
    uint64_t sums[NSUMS];
    memcpy(sums, record, size);
    for (size_t i = 0; i < size / sizeof sums[0]; i++) {
        atomic_set(&slot->sums[i], sums[i]);
    }
}

/* Fills the slot. It is allocated at first; without memory there is none. */
static void
slot_keep(uint32_t index, const void *record, size_t size) {
    slot_t *slot = atomic_get_acquire(&slots[index]);
    slot_t *other = NULL;
    if (slot != NULL) {
        slot_fill(slot, record, size);
        return;
    }
    slot = metadata_block_alloc(LG_SLOT);
    if (slot != NULL) {
        slot_fill(slot, record, size);
        if (!atomic_compare_exchange_strong(&slots[index], &other, slot)) {
            metadata_block_free(slot, LG_SLOT);
        }
    }
}

/* ---- rows ---- */

#define LG_BLOCK 15
#define NWORDS   (sizeof(stats_detail_t) / sizeof(uint64_t))

typedef struct {
    _Atomic uint64_t words[NWORDS]; /* Synchronization: any thread, word by word; a stats_detail_t. */
} block_t;

_Static_assert(sizeof(stats_detail_t) % sizeof(uint64_t) == 0, "it is words");
_Static_assert(sizeof(block_t) <= 1 << LG_BLOCK, "a block fits");

static block_t *_Atomic blocks[STATS_DESTROYED + 1]; /* Synchronization: set once from NULL. */
static _Atomic bool rows_are_read;                   /* Synchronization: any thread; never becomes false. */

static void
block_fill(block_t *block, const stats_detail_t *detail) {
    const char *from = (const char *)detail;
    for (size_t i = 0; i < NWORDS; i++, from += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, from, sizeof word);
        atomic_set(&block->words[i], word);
    }
}

static void
block_alloc(uint32_t index, const stats_detail_t *detail) {
    block_t *other = NULL, *block = metadata_block_alloc(LG_BLOCK);
    if (block != NULL) {
        block_fill(block, detail);
        if (!atomic_compare_exchange_strong(&blocks[index], &other, block)) {
            metadata_block_free(block, LG_BLOCK);
        }
    }
}

/* Fills the block; one that exists only if `again`. */
static void
block_keep(uint32_t index, const stats_detail_t *detail, bool again) {
    block_t *block = atomic_get_acquire(&blocks[index]);
    if (block == NULL) {
        block_alloc(index, detail);
    } else if (again) {
        block_fill(block, detail);
    }
}

static void
keep_rows(const stats_snapshot_t *snapshot, bool again) {
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        block_keep(snapshot->arenas[i].index, &snapshot->arenas[i], again);
    }
    block_keep(STATS_MERGED, &snapshot->merged, again);
    block_keep(STATS_DESTROYED, &snapshot->destroyed, again);
}

/* Replaces what is kept of one arena's rows by the present ones. */
static void
renew_rows(uint32_t index) {
    stats_snapshot_t *snapshot = atomic_get_acquire(&blocks[index]) == NULL ? NULL : stats_snapshot();
    for (uint32_t i = 0; snapshot != NULL && i < snapshot->narenas; i++) {
        if (snapshot->arenas[i].index == index) {
            block_keep(index, &snapshot->arenas[i], true);
        }
    }
    if (snapshot != NULL) {
        stats_snapshot_free(snapshot);
    }
}

/* The block of an arena that existed when the epoch began, or was created since; NULL without memory. */
static const block_t *
block_of(uint32_t index) {
    if (UNLIKELY(atomic_get_acquire(&blocks[index]) == NULL)) {
        atomic_set(&rows_are_read, true);
        stats_snapshot_t *snapshot = stats_snapshot();
        if (snapshot != NULL) {
            keep_rows(snapshot, false);
            stats_snapshot_free(snapshot);
        }
    }
    return atomic_get_acquire(&blocks[index]);
}

/* ---- epochs ---- */

static void
begin_epoch(void) {
    stats_snapshot_t *snapshot = stats_snapshot();
    if (snapshot == NULL) {
        return;
    }
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        uint32_t index = snapshot->arenas[i].index;
        slot_keep(index, &snapshot->arenas[i].arena, sizeof(stats_arena_t));
        if (snapshot->arenas[i].alive) {
            atomic_fetch_or_explicit(&begun_with[index / 64], UINT64_C(1) << index % 64, memory_order_relaxed);
        }
    }
    slot_keep(SLOT_MERGED, &snapshot->merged.arena, sizeof(stats_arena_t));
    slot_keep(SLOT_TOTAL, &snapshot->process.total, sizeof(lunalloc_stats_t));
    if (atomic_get(&rows_are_read)) {
        keep_rows(snapshot, true);
    }
    stats_snapshot_free(snapshot);
}

static void
begin_first_epoch(void) {
    if (UNLIKELY(atomic_get_acquire(&slots[SLOT_TOTAL]) == NULL)) {
        begin_epoch();
    }
}

bool
ctl_epoch_began_with(uint32_t index) {
    begin_first_epoch();
    return (atomic_get(&begun_with[index / 64]) >> index % 64 & 1) != 0;
}

void
ctl_epoch_forget(uint32_t index) {
    stats_arena_t arena;
    begin_first_epoch();
    atomic_fetch_and_explicit(&begun_with[index / 64], ~(UINT64_C(1) << index % 64), memory_order_relaxed);
    if (atomic_get_acquire(&slots[index]) != NULL && stats_get(record_arena, index, 0, &arena) == 0) {
        slot_keep(index, &arena, sizeof arena);
    }
    renew_rows(index);
}

/* ---- reading ---- */

/* The slot of an arena that existed when the epoch began, or was created since; NULL without memory. */
static slot_t *
slot_of(uint32_t index) {
    stats_arena_t arena;
    begin_first_epoch();
    if (UNLIKELY(atomic_get_acquire(&slots[index]) == NULL) && stats_get(record_arena, index, 0, &arena) == 0) {
        slot_keep(index, &arena, sizeof arena);
    }
    return atomic_get_acquire(&slots[index]);
}

uint64_t
ctl_arena_sum(const ctl_call_t *call, uint32_t index, size_t offset) {
    stats_arena_t arena;
    const slot_t *slot = call->typed && index <= SLOT_MERGED ? slot_of(index) : NULL;
    if (slot != NULL) {
        return atomic_get(&slot->sums[offset / sizeof(uint64_t)]);
    }
    stats_get(record_arena, index, 0, &arena);
    return ctl_field_at(&arena, offset);
}

uint64_t
ctl_total(const ctl_call_t *call, size_t offset) {
    lunalloc_stats_t stats;
    const slot_t *slot = call->typed ? slot_of(SLOT_TOTAL) : NULL;
    if (slot != NULL) {
        return atomic_get(&slot->sums[offset / sizeof(uint64_t)]);
    }
    stats_read(LUNALLOC_ALL, &stats);
    return ctl_field_at(&stats, offset);
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

/* ---- controls ---- */

int
read_epoch(ctl_call_t *call) {
    call->value.v.u = atomic_get(&ctl_epoch_number);
    return 0;
}

int
write_epoch(ctl_call_t *call) {
    (void)call;
    begin_epoch();
    atomic_add(&ctl_epoch_number, 1);
    return 0;
}

int
read_pactivep(ctl_call_t *call) {
    const arena_t *arena = ctl_one_arena(call);
    slot_t *slot = arena == NULL ? NULL : slot_of(arena->index);
    call->value.v.p = slot == NULL ? NULL : (void *)&slot->sums[offsetof(stats_arena_t, pactive) / sizeof(uint64_t)];
    return arena == NULL ? ENOENT : slot == NULL ? EAGAIN : 0;
}
