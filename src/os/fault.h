/*
 * fault.h -- the slot through which a test refuses memory. It is asked before each call to the system that may fail
 * and before each piece of metadata is handed out; true means: fail now, as if there were no memory. Empty outside
 * of tests.
 *
 * Synchronization: set while no other thread allocates. What is in it may be asked by any thread, with any lock held,
 * and must not allocate.
 */
#ifndef LUNALLOC_OS_FAULT_H
#define LUNALLOC_OS_FAULT_H

#include "base/atomic.h"

typedef enum {
    fault_map,
    fault_commit,
    fault_decommit,
    fault_purge,
    fault_forget,   /* purging seems to succeed, and does nothing */
    fault_move,     /* memory is not moved, */
    fault_stranded, /* or not after its target has been unmapped, */
    fault_refill,   /* and the hole cannot be filled */
    fault_guard,
    fault_unguard,
    fault_metadata,
    fault_kinds
} fault_kind_t;

typedef bool (*fault_fn_t)(fault_kind_t kind);
extern _Atomic(fault_fn_t) fault_slot;

static inline bool
fault(fault_kind_t kind) {
    fault_fn_t ask = atomic_get_acquire(&fault_slot);
    return UNLIKELY(ask != NULL) && ask(kind);
}

#endif
