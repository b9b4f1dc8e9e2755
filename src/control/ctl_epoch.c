/* ctl_epoch.c -- the sums of the last epoch: a slot for each arena that was there, one for all, made on first use. */
#include "control/ctl_epoch.h"

#include "base/atomic.h"
#include "control/ctl_arena.h"
#include "extent/metadata.h"
#include "observe/stats.h"

#include <errno.h>
#include <string.h>

#define NSUMS   (sizeof(lunalloc_stats_t) / sizeof(uint64_t))
#define LG_SLOT 9

typedef struct {
    _Atomic uint64_t sums[NSUMS]; /* Synchronization: any thread, each for itself; lunalloc_stats_t, field by field. */
    _Atomic size_t pactive;       /* Synchronization: any thread; sums' active, in pages. */
} slot_t;

_Static_assert(sizeof(slot_t) <= 1 << LG_SLOT, "a slot fits its block");

static _Atomic uint64_t epoch = 1;            /* Synchronization: any thread. */
static slot_t *_Atomic slots[ARENAS_MAX + 1]; /* Synchronization: set once from NULL; the last one is of all arenas. */

static uint32_t
slot_index(uint32_t arena) {
    return arena == LUNALLOC_ALL ? ARENAS_MAX : arena;
}

static void
fill(slot_t *slot, uint32_t arena) {
    uint64_t sums[NSUMS];
    lunalloc_stats_t stats;
    if (stats_read(arena, &stats) != 0) {
        return;
    }
    memcpy(sums, &stats, sizeof sums);
    for (size_t i = 0; i < NSUMS; i++) {
        atomic_set(&slot->sums[i], sums[i]);
    }
    atomic_set(&slot->pactive, stats.active >> sc.config.lg_page);
}

/* The slot, made and filled on first use. NULL without memory. */
static slot_t *
make_slot(uint32_t arena) {
    slot_t *slot = metadata_take(LG_SLOT);
    slot_t *other = NULL;
    if (slot == NULL) {
        return NULL;
    }
    memset(slot, 0, sizeof *slot);
    fill(slot, arena);
    if (atomic_compare_exchange_strong(&slots[slot_index(arena)], &other, slot)) {
        return slot;
    }
    metadata_give(slot, LG_SLOT);
    return other;
}

static slot_t *
slot_of(uint32_t arena) {
    slot_t *slot = atomic_get_acquire(&slots[slot_index(arena)]);
    return LIKELY(slot != NULL) ? slot : make_slot(arena);
}

static void
refresh(uint32_t arena) {
    slot_t *slot = atomic_get_acquire(&slots[slot_index(arena)]);
    if (slot == NULL) {
        make_slot(arena);
    } else {
        fill(slot, arena);
    }
}

static void
begin_epoch(void) {
    for (uint32_t i = 0; i < arenas_count(); i++) {
        if (arenas_get(i) != NULL) {
            refresh(i);
        }
    }
    refresh(LUNALLOC_ALL);
}

uint64_t
ctl_sum(const ctl_call_t *call, uint32_t arena, size_t offset) {
    lunalloc_stats_t stats;
    if (call->snapshot && UNLIKELY(atomic_get_acquire(&slots[ARENAS_MAX]) == NULL)) {
        begin_epoch();
    }
    const slot_t *slot = call->snapshot ? slot_of(arena) : NULL;
    if (slot != NULL) {
        return atomic_get(&slot->sums[offset / sizeof(uint64_t)]);
    }
    stats_read(arena, &stats);
    return ctl_field_at(&stats, offset);
}

int
read_epoch(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.u = atomic_get(&epoch);
    return 0;
}

int
write_epoch(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)value;
    (void)why;
    begin_epoch();
    atomic_add(&epoch, 1);
    return 0;
}

int
read_pactivep(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    const arena_t *arena = ctl_one_arena(call, why);
    slot_t *slot = arena == NULL ? NULL : slot_of(arena->index);
    value->v.p = slot == NULL ? NULL : (void *)&slot->pactive;
    return arena == NULL ? ENOENT : slot == NULL ? EAGAIN : 0;
}
