/*
 * init.h -- boot: sets the allocator up, once, on the first thread that calls it; and a small allocator of its own for
 * the time until then. Each entry point that may be the first calls init_boot.
 *
 * Early blocks. Boot itself may bring allocations about: a function of the C library that it calls may be a preloaded
 * library's, and the application's malloc_message may do anything. These blocks come from one region of addresses,
 * front to back, each with its size before it. Freed memory is reused only if it was the last block. Early blocks
 * outlive boot and may be freed at any time: after boot, a free leaves them alone.
 *
 * Synchronization: init_boot is thread-safe. The thread that boots allocates and frees early blocks; later, any thread
 * may ask for their sizes.
 */
#ifndef LUNALLOC_API_INIT_H
#define LUNALLOC_API_INIT_H

#include "os/lock.h"

extern _Atomic bool init_done; /* Synchronization: written under the lock of boot, read at any time. */

bool init_boot_once(void);

/* Boots the allocator, unless that has been done; true when it is ready. False if boot itself calls: allocate early
 * blocks then. Ends the process with a message if the system has no memory at all. */
static inline bool
init_boot(void) {
    return LIKELY(atomic_get_acquire(&init_done)) || init_boot_once();
}

/* Has `then` called as soon as boot has finished: at once if it has. One function only; called when the libraries that
 * this one needs have been loaded. */
void init_when_booted(void (*then)(void));

/* ---- early blocks ---- */

/* Zeroed memory. alignment: a power of two. NULL and ENOMEM if there is none. */
void *early_alloc(size_t size, size_t alignment);
/* Is it an early block? */
bool early_has(const void *ptr);
/* Bytes of an early block. */
size_t early_size(const void *ptr);
/* Copies the contents of an early block, at most `size` bytes, to a new block; returns that. NULL for NULL. */
void *early_copy(void *to, const void *ptr, size_t size);
/* Frees an early block, while boot runs. */
void early_free(void *ptr);

/* ---- fork ---- */

/* Registers the handlers of fork, unless that has been done. Boot does, and fork_first_*.c before other handlers. */
void init_at_fork(void);
/* fork.c: the same, for init_at_fork; the handlers take the lock of boot first. */
void fork_boot(lock_t *boot_lock);

#endif
