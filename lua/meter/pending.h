/*
 * pending.h -- free mixed blocks (mixed.h) that are in no list yet. For long runs of frees, as when a state closes: most
 * of these blocks will never be allocated again, so they are not worth a miss of the cache each.
 *
 * A block that is pending is *noted*: its address and size. Notes lie in pending blocks, too. So one of several blocks
 * is written to, and no memory is needed.
 *
 * Synchronization: the thread that uses the state.
 */
#ifndef LUNALLOC_METER_PENDING_H
#define LUNALLOC_METER_PENDING_H

#include "meter/heap.h"

/* Notes a block of so many bytes, a multiple of 8 and at least 24. False if there is no room: call pending_begin(). */
static inline bool
pending_note(mixed_t *mixed, const void *block, uint32_t bytes) {
    notes_t *notes = mixed->notes;
    bool ok = notes != NULL && notes->n < notes->room;
    if (ok) {
        notes->entries[notes->n++] = (uint64_t)(uintptr_t)block / 8 * 512 + bytes / 8;
        mixed->pending += bytes;
    }
    return ok;
}

/* Further notes lie in this block, which is pending, too. */
static inline void
pending_begin(mixed_t *mixed, void *block, uint32_t bytes) {
    notes_t *before = mixed->notes;
    mixed->notes = block;
    *mixed->notes = (notes_t){before, 0, (bytes - (uint32_t)sizeof(notes_t)) / 8};
    mixed->pending += bytes;
}

/* A pending block, and its bytes. */
typedef struct {
    uintptr_t address;
    uint32_t bytes;
} pending_t;

/* The entry i of notes; or, if there is no such one, the block that they lie in. */
static inline pending_t
pending_at(const notes_t *notes, uint32_t i) {
    return i < notes->n ? (pending_t){(uintptr_t)(notes->entries[i] / 512 * 8), (uint32_t)(notes->entries[i] % 512 * 8)}
                        : (pending_t){(uintptr_t)notes, (uint32_t)sizeof(*notes) + notes->room * 8};
}

/* Takes a pending block; there is one. */
static inline pending_t
pending_take(mixed_t *mixed) {
    notes_t *notes = mixed->notes;
    pending_t taken = pending_at(notes, notes->n == 0 ? 0 : notes->n - 1);
    if (notes->n == 0) {
        mixed->notes = notes->before;
    } else {
        notes->n--;
    }
    mixed->pending -= taken.bytes;
    return taken;
}

#endif
