/*
 * hooks.h -- the nine things that an arena asks of whoever provides its memory: the system (os/pages.h), or an
 * application's extent_hooks_t (lunalloc.h).
 *
 * The sense here is "true: done". No lock of the core is held during a call; debug builds assert it. The extents
 * concerned are busy or owned by the caller meanwhile. hooks == NULL means the system, to which splitting and merging
 * are nothing.
 */
#ifndef LUNALLOC_EXTENT_HOOKS_H
#define LUNALLOC_EXTENT_HOOKS_H

#include "base/config.h"
#include "lunalloc.h"

/*
 * Is the calling thread inside of an application's hook? Whatever it allocates then must come from an arena without
 * hooks: its own arena would ask the same hooks again, for the slab or region that it is just being given.
 */
bool hooks_running(void);

/* The system as an application may read, call and wrap it. */
extern extent_hooks_t hooks_system;

void *hook_alloc(extent_hooks_t *hooks, size_t size, size_t alignment, bool *zeroed, bool *committed, uint32_t arena);
/* Gives a whole region back. */
bool hook_dalloc(extent_hooks_t *hooks, void *addr, size_t size, bool committed, uint32_t arena);
/* The same for an arena that is being destroyed: by the hook for that, or dalloc if there is none. Cannot be refused:
 * what is not taken is the application's. */
void hook_destroy(extent_hooks_t *hooks, void *addr, size_t size, bool committed, uint32_t arena);
bool hook_commit(extent_hooks_t *hooks, void *addr, size_t size, uint32_t arena);
bool hook_decommit(extent_hooks_t *hooks, void *addr, size_t size, uint32_t arena);
bool hook_purge_lazy(extent_hooks_t *hooks, void *addr, size_t size, uint32_t arena);
bool hook_purge_forced(extent_hooks_t *hooks, void *addr, size_t size, uint32_t arena);
bool hook_split(extent_hooks_t *hooks, void *addr, size_t size, size_t size_a, bool committed, uint32_t arena);
bool hook_merge(extent_hooks_t *hooks, void *a, size_t size_a, void *b, size_t size_b, bool committed, uint32_t arena);

#endif
