/* ctl_epoch.c -- the sums of the last epoch: a slot for each arena that was there, one for all, made on first use. */
#include "control/ctl_epoch.h"

#include "base/atomic.h"
#include "control/ctl_arena.h"
#include "extent/metadata.h"

#include <errno.h>
#include <string.h>

#define NSUMS   (sizeof(stats_arena_t) / sizeof(uint64_t))
#define LG_SLOT 9
/* Behind the arenas: all of them merged, and the totals. */
#define SLOT_MERGED STATS_MERGED
#define SLOT_TOTAL  (STATS_MERGED + 1)

typedef struct {
    _Atomic uint64_t sums[NSUMS]; /* Synchronization: any thread, each for itself; a record, word by word. */
} slot_t;

_Static_assert(sizeof(slot_t) <= 1 << LG_SLOT, "a slot fits its block");
_Static_assert(sizeof(lunalloc_stats_t) <= sizeof(stats_arena_t), "and so do the totals");

static _Atomic uint64_t epoch = 1;            /* Synchronization: any thread. */
static slot_t *_Atomic slots[SLOT_TOTAL + 1]; /* Synchronization: set once from NULL. */

/* Bit i: arena i was alive when the epoch began. Synchronization: any thread. */
static _Atomic uint64_t begun_with[ARENAS_MAX / 64];

static void
fill(slot_t *slot, const void *record, size_t size) {
    uint64_t sums[NSUMS];
    memcpy(sums, record, size);
    for (size_t i = 0; i < size / sizeof sums[0]; i++) {
        atomic_set(&slot->sums[i], sums[i]);
    }
}

/* Fills the slot, made on first use; without memory there is none. */
static void
keep(uint32_t index, const void *record, size_t size) {
    slot_t *slot = atomic_get_acquire(&slots[index]);
    slot_t *other = NULL;
    if (slot != NULL) {
        fill(slot, record, size);
        return;
    }
    slot = metadata_block_alloc(LG_SLOT);
    if (slot != NULL) {
        fill(slot, record, size);
        if (!atomic_compare_exchange_strong(&slots[index], &other, slot)) {
            metadata_block_free(slot, LG_SLOT);
        }
    }
}

static void
begin_epoch(void) {
    stats_snapshot_t *snapshot = stats_snapshot();
    if (snapshot == NULL) {
        return;
    }
    for (uint32_t i = 0; i < snapshot->narenas; i++) {
        uint32_t index = snapshot->arenas[i].index;
        keep(index, &snapshot->arenas[i].arena, sizeof(stats_arena_t));
        if (snapshot->arenas[i].alive) {
            atomic_fetch_or_explicit(&begun_with[index / 64], UINT64_C(1) << index % 64, memory_order_relaxed);
        }
    }
    keep(SLOT_MERGED, &snapshot->merged.arena, sizeof(stats_arena_t));
    keep(SLOT_TOTAL, &snapshot->process.total, sizeof(lunalloc_stats_t));
    ctl_epoch_keep_rows(snapshot);
    stats_snapshot_free(snapshot);
}

static void
begin_first(void) {
    if (UNLIKELY(atomic_get_acquire(&slots[SLOT_TOTAL]) == NULL)) {
        begin_epoch();
    }
}

bool
ctl_epoch_began_with(uint32_t index) {
    begin_first();
    return (atomic_get(&begun_with[index / 64]) >> index % 64 & 1) != 0;
}

void
ctl_epoch_forget(uint32_t index) {
    stats_arena_t arena;
    begin_first();
    atomic_fetch_and_explicit(&begun_with[index / 64], ~(UINT64_C(1) << index % 64), memory_order_relaxed);
    if (atomic_get_acquire(&slots[index]) != NULL && stats_get(record_arena, index, 0, &arena) == 0) {
        keep(index, &arena, sizeof arena);
    }
    ctl_epoch_renew_rows(index);
}

/* The slot of an arena that was there when the epoch began, or that was made since; NULL without memory. */
static slot_t *
slot_of(uint32_t index) {
    stats_arena_t arena;
    begin_first();
    if (UNLIKELY(atomic_get_acquire(&slots[index]) == NULL) && stats_get(record_arena, index, 0, &arena) == 0) {
        keep(index, &arena, sizeof arena);
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

int
read_epoch(ctl_call_t *call) {
    call->value.v.u = atomic_get(&epoch);
    return 0;
}

int
write_epoch(ctl_call_t *call) {
    (void)call;
    begin_epoch();
    atomic_add(&epoch, 1);
    return 0;
}

int
read_pactivep(ctl_call_t *call) {
    const arena_t *arena = ctl_one_arena(call);
    slot_t *slot = arena == NULL ? NULL : slot_of(arena->index);
    call->value.v.p = slot == NULL ? NULL : (void *)&slot->sums[offsetof(stats_arena_t, pactive) / sizeof(uint64_t)];
    return arena == NULL ? ENOENT : slot == NULL ? EAGAIN : 0;
}
