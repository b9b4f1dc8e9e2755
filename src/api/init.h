/* init.h -- boot: everything that must be there before the first allocation, once, on the first thread that calls. */
#ifndef LUNALLOC_API_INIT_H
#define LUNALLOC_API_INIT_H

#include "base/atomic.h"

extern _Atomic bool init_done; /* Synchronization: written under the lock of boot, read at any time. */

bool init_boot_once(void);

/* True when the allocator is ready; thread-safe. Ends the process with a message if the system has no memory at all.
 * False if it is boot itself that calls, which allocates by early.h. */
static inline bool
init_boot(void) {
    return LIKELY(atomic_get_acquire(&init_done)) || init_boot_once();
}

/* Writes the report of opt.stats_interval. */
void print_in_passing(void);
/* Registers the fork handlers, on systems that fork. Once: calls after the first do nothing. */
void fork_boot(void);
void init_prefork(void);
void init_postfork(bool child);

#endif
