/*
 * pending.h -- free mixed blocks (mixed.h) that are in no list yet. For long runs of frees, as when a state closes:
 * most of these blocks are never allocated again, so none is worth a miss of the cache.
 *
 * A block that is pending is *noted*: its address and size. Notes lie in pending blocks, too. So one of several blocks
 * is written to, and no memory is needed.
 *
 * Synchronization: the thread that uses the state.
 */
#ifndef LUNALLOC_METER_PENDING_H
#define LUNALLOC_METER_PENDING_H

#include "meter/heap.h"

/* A pending block. */
typedef struct {
    uintptr_t address;
    uint32_t bytes; /* a multiple of 8, and at least 24 */
    bool last;      /* it was the last one in use of its chunk */
} pending_t;

/* Notes a block. False if there is no room: call pending_begin(). */
static inline bool
pending_note(mixed_t *mixed, pending_t block) {
    notes_t *notes = mixed->notes;
    bool ok = notes != NULL && notes->n < notes->room;
    if (ok) {
        notes->entries[notes->n++] = (uint64_t)block.address / 8 * 512 + (block.bytes / 8 - 1) * 2 + block.last;
        mixed->pending += block.bytes;
    }
    return ok;
}

/* Further notes lie in this block, which is pending, too. */
static inline void
pending_begin(mixed_t *mixed, pending_t block) {
    notes_t *before = mixed->notes;
    mixed->notes = (notes_t *)block.address;
    *mixed->notes = (notes_t){before, 0, (uint16_t)((block.bytes - sizeof(notes_t)) / 8), block.last};
    mixed->pending += block.bytes;
}

/* The block that an entry is of, and the one in which notes lie. */
static inline pending_t
pending_of(uint64_t entry) {
    return (pending_t){(uintptr_t)(entry / 512 * 8), (uint32_t)(entry / 2 % 256 + 1) * 8, entry % 2 != 0};
}

static inline pending_t
pending_around(const notes_t *notes) {
    return (pending_t){(uintptr_t)notes, (uint32_t)sizeof(*notes) + notes->room * 8U, notes->last};
}

/* Takes all notes, and returns them in the order in which they were made: `before` is what follows. */
static inline notes_t *
pending_take_all(mixed_t *mixed) {
    notes_t *oldest = NULL, *notes = mixed->notes;
    while (notes != NULL) {
        notes_t *before = notes->before;
        notes->before = oldest;
        oldest = notes;
        notes = before;
    }
    mixed->notes = NULL;
    mixed->pending = 0;
    return oldest;
}

#endif
