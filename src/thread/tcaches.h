/*
 * tcaches.h -- explicit tcaches ("tcache.create", MALLOCX_TCACHE): an application creates one, gets its number, and any
 * thread may name that number in a call. Use one to keep a task's objects together, whatever thread runs it.
 *
 * The table of caches is thread-safe. A cache itself is not: the application sees to it that one call at a time
 * allocates from it, frees into it, flushes or destroys it. It may hold objects of any arena; those of a manual arena
 * must be flushed before that arena is reset or destroyed. After a fork, the child may use each cache that no thread
 * was using then.
 */
#ifndef LUNALLOC_THREAD_TCACHES_H
#define LUNALLOC_THREAD_TCACHES_H

#include "os/lock.h"
#include "thread/cache.h"

/* Numbers are below this: an allocation's flags have room for no more (flags.h). */
#define TCACHES_MAX 4094

/* Creates an empty cache. Returns its number; TCACHES_MAX if there is no memory or no free number. */
uint32_t tcaches_create(void) EXCLUDES(role_tcaches);
/* A cache by its number, which may be any; NULL if there is none. */
cache_t *tcaches_get(uint32_t id);
/* Gives back all that a cache holds. False if there is no such cache. */
bool tcaches_flush(uint32_t id);
/* Flushes a cache and deletes it; a new one may get its number. False if there is no such cache. */
bool tcaches_destroy(uint32_t id) EXCLUDES(role_tcaches);

/* Calls visit for each cache, under the table's lock. */
void tcaches_each(void (*visit)(const cache_t *cache, void *context), void *context) EXCLUDES(role_tcaches);

void tcaches_prefork(void);
void tcaches_postfork(bool child);

#endif
