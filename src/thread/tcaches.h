/*
 * tcaches.h -- explicit caches: made by request, known by a number, used by whichever thread names them.
 *
 * The table is thread-safe; a cache itself is not: one call at a time allocates from it, frees into it, flushes or
 * destroys it, and that is the application's duty. It may hold objects of any arena, manual ones too, which are to be
 * flushed before such an arena is reset or destroyed. A cache that no thread was using during a fork serves the child,
 * too.
 */
#ifndef LUNALLOC_THREAD_TCACHES_H
#define LUNALLOC_THREAD_TCACHES_H

#include "os/lock.h"
#include "thread/cache.h"

/* Numbers are below this: what the flags of an allocation have room for (flags.h). */
#define TCACHES_MAX 4094

/* A new, empty cache; its number, TCACHES_MAX without memory or a free number. */
uint32_t caches_create(void) EXCLUDES(role_tcaches);
/* A cache by its number; NULL if there is none. Any number may be asked. */
cache_t *tcaches_get(uint32_t id);
/* Gives back what it holds. False if there is none. */
bool tcaches_flush(uint32_t id);
/* The same, and its number may be given to a new one. */
bool caches_destroy(uint32_t id) EXCLUDES(role_tcaches);

/* Calls visit for each, under the lock. */
void caches_each(void (*visit)(const cache_t *cache, void *context), void *context) EXCLUDES(role_tcaches);

void tcaches_prefork(void);
void tcaches_postfork(bool child);

#endif
