/*
 * modes.h -- the modes that change memory as it is allocated and freed: junk, zeros, quarantine. Modes change at any
 * time, for all threads (modes_set in refresh.h); use this header to ask which are on.
 *
 *   junk        allocated memory holds JUNK_ALLOCATED, freed memory JUNK_FREED, in all of its usable size
 *   zero        allocated memory reads as zeros; it takes precedence over junk
 *   quarantine  freed objects wait before they are used again (quarantine.h)
 *
 * While any mode is on, threads' caches are off (thread_refit): every call then takes a slow path, which applies the
 * modes (dispatch.c). While all are off, no hit costs anything. A thread sees a change within the bound of refresh.h.
 * Explicit tcaches stay on: calls that name one always take a slow path.
 *
 * An allocation that grows in place gets its new part filled as a new one would. Nothing shrinks in place in a mode of
 * frees: it moves, so that the old block is freed whole.
 */
#ifndef LUNALLOC_THREAD_MODES_H
#define LUNALLOC_THREAD_MODES_H

#include "base/options.h"

#define JUNK_ALLOCATED 0xa5
#define JUNK_FREED     0x5a

#define MODES_ALL      UINT64_MAX
#define MODES_OF_ALLOC ((uint64_t)(MODE_JUNK_ALLOC | MODE_ZERO))
#define MODES_OF_FREE  (~MODES_OF_ALLOC)

/* The modes of the mask that are on; 0 for none. For MODES_QUARANTINE: the limit of a thread's quarantine in bytes. */
static inline uint64_t
modes_on(uint64_t mask) {
    return atomic_get(&options.modes) & mask;
}

#endif
