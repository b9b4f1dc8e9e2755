/*
 * modes.h -- what may be done to memory as it is allocated and freed: junk, zeros, quarantine. Live for all threads.
 *
 * While any mode is on, threads' caches are off (thread_refit): every call then takes a slow path, which sees to it;
 * with all modes off, nothing of them is left on any path of a hit. A thread follows a change within the bound of
 * refresh.h. Explicit caches stay on: all of their calls come here anyway.
 *
 *   junk        what is allocated holds JUNK_ALLOCATED, what is freed JUNK_FREED, in all of its usable size
 *   zero        what is allocated reads as zeros; it goes before junk
 *   quarantine  what is freed waits before it is used again (quarantine.h)
 *
 * What grows in place gets its new part as an allocation would; nothing shrinks in place in a mode of frees, so that
 * what is given up is freed whole.
 */
#ifndef LUNALLOC_THREAD_MODES_H
#define LUNALLOC_THREAD_MODES_H

#include "base/options.h"

#define JUNK_ALLOCATED 0xa5
#define JUNK_FREED     0x5a

#define MODES_ALL      UINT64_MAX
#define MODES_OF_ALLOC ((uint64_t)(MODE_JUNK_ALLOC | MODE_ZERO))
#define MODES_OF_FREE  (~MODES_OF_ALLOC)

/* Of those in the mask, which are on; 0 for none. */
static inline uint64_t
modes_on(uint64_t mask) {
    return atomic_get(&options.modes) & mask;
}

COLD void modes_fill(void *at, size_t size, bool *zeroed);

/* Fills what was just allocated, or has been gained; *zeroed tells whether it reads as zeros. */
static inline void
modes_allocated(void *at, size_t size, bool *zeroed) {
    if (UNLIKELY(modes_on(MODES_OF_ALLOC) != 0)) {
        modes_fill(at, size, zeroed);
    }
}

/* Sets those of the mask, for all threads: the calling one at once. May be called before boot. */
void modes_set(uint64_t mask, uint64_t modes);

#endif
