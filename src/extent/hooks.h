/*
 * hooks.h -- the nine operations of the provider of an arena's memory: the system (os/pages.h), or an application's
 * extent_hooks_t (lunalloc.h).
 *
 * Call these functions wherever an arena's pages are mapped, committed, purged, split or merged. hooks == NULL means
 * the system, for which splits and merges need no call. They return true if the operation was done, unlike an
 * application's hooks, which return true if they refuse.
 *
 * No lock of the core is held during a call; debug builds assert that. The extents concerned are busy or the caller's
 * meanwhile.
 */
#ifndef LUNALLOC_EXTENT_HOOKS_H
#define LUNALLOC_EXTENT_HOOKS_H

#include "base/config.h"
#include "lunalloc.h"

/*
 * Is the calling thread in an application's hook? Its allocations must then be served by an arena without hooks: its
 * own arena would call the same hooks again, for the slab or region that they are just providing.
 */
bool hooks_running(void);

/* The system's operations as hooks, for applications that read, call or wrap them. */
extern extent_hooks_t hooks_system;

void *hook_alloc(extent_hooks_t *hooks, size_t size, size_t alignment, bool *zeroed, bool *committed, uint32_t arena);
/* Gives a whole region back. */
bool hook_dalloc(extent_hooks_t *hooks, void *addr, size_t size, bool committed, uint32_t arena);
/* The same for an arena that is being destroyed: calls the destroy hook, or dalloc if there is none. Cannot be refused:
 * a region that dalloc does not take is left to the application. */
void hook_destroy(extent_hooks_t *hooks, void *addr, size_t size, bool committed, uint32_t arena);
bool hook_commit(extent_hooks_t *hooks, void *addr, size_t size, uint32_t arena);
bool hook_decommit(extent_hooks_t *hooks, void *addr, size_t size, uint32_t arena);
bool hook_purge_lazy(extent_hooks_t *hooks, void *addr, size_t size, uint32_t arena);
bool hook_purge_forced(extent_hooks_t *hooks, void *addr, size_t size, uint32_t arena);
bool hook_split(extent_hooks_t *hooks, void *addr, size_t size, size_t size_a, bool committed, uint32_t arena);
bool hook_merge(extent_hooks_t *hooks, void *a, size_t size_a, void *b, size_t size_b, bool committed, uint32_t arena);

#endif
