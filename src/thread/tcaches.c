/* tcaches.c -- the table of explicit tcaches, created with the first one. */
#include "thread/tcaches.h"

#include "arena/arenas.h"
#include "base/witness.h"
#include "extent/metadata.h"
#include "thread/tcache.h"

#include <string.h>

#define LG_CACHE 12
_Static_assert(sizeof(cache_t) <= 1U << LG_CACHE, "a cache fits its block");

typedef cache_t *_Atomic entry_t;

static lock_t lock = LOCK_INITIALIZER(RANK_TCACHES);
/* Synchronization: written once, under the lock, as its entries are; read at any time. */
/* Not static: another process finds it (control/layout.def). */
entry_t *_Atomic tcaches_table;

static void
tcaches_lock(void) ACQUIRE(role_tcaches) NO_THREAD_SAFETY {
    lock_acquire(&lock);
}

static void
tcaches_unlock(void) RELEASE(role_tcaches) NO_THREAD_SAFETY {
    lock_release(&lock);
}

/* The table, created on first use. NULL if there is no memory. */
static entry_t *
table_get(void) REQUIRES(role_tcaches) {
    if (atomic_get(&tcaches_table) == NULL) {
        atomic_set_release(&tcaches_table, metadata_alloc(TCACHES_MAX * sizeof(entry_t), CACHELINE));
    }
    return atomic_get(&tcaches_table);
}

/* The lowest free number; TCACHES_MAX if there is none. */
static uint32_t
free_number(void) REQUIRES(role_tcaches) {
    const entry_t *entries = table_get();
    uint32_t id = entries == NULL ? TCACHES_MAX : 0;
    while (id < TCACHES_MAX && atomic_get(&entries[id]) != NULL) {
        id++;
    }
    return id;
}

static cache_t *
cache_new(void) {
    cache_t *cache = metadata_block_alloc(LG_CACHE);
    if (cache != NULL) {
        memset(cache, 0, sizeof *cache);
        tcache_open(cache);
        cache->ncached = tcache_nclasses();
    }
    return cache;
}

uint32_t
tcaches_create(void) {
    witness_no_core_lock();
    tcaches_lock();
    uint32_t id = free_number();
    cache_t *cache = id < TCACHES_MAX ? cache_new() : NULL;
    if (cache != NULL) {
        atomic_set_release(&atomic_get(&tcaches_table)[id], cache);
    }
    tcaches_unlock();
    return cache != NULL ? id : TCACHES_MAX;
}

cache_t *
tcaches_get(uint32_t id) {
    entry_t *entries = atomic_get_acquire(&tcaches_table);
    return entries != NULL && id < TCACHES_MAX ? atomic_get_acquire(&entries[id]) : NULL;
}

bool
tcaches_flush(uint32_t id) {
    witness_no_core_lock();
    cache_t *cache = tcaches_get(id);
    if (cache != NULL) {
        tcache_flush(cache);
        tcache_fit(cache, tcache_nclasses());
    }
    return cache != NULL;
}

/* Removes a cache from the table and adds its requests to arena 0's (arena_t's requests). NULL if there is none. */
static cache_t *
remove_from_table(uint32_t id) {
    tcaches_lock();
    cache_t *cache = tcaches_get(id);
    if (cache != NULL) {
        atomic_set(&atomic_get(&tcaches_table)[id], NULL);
        for (uint32_t i = 0; i + 1 < CACHE_BINS; i++) {
            atomic_add(&arenas_get(0)->requests[i], tcache_requests(cache, i));
        }
    }
    tcaches_unlock();
    return cache;
}

bool
tcaches_destroy(uint32_t id) {
    witness_no_core_lock();
    cache_t *cache = remove_from_table(id);
    if (cache != NULL) {
        tcache_fit(cache, 0);
        metadata_block_free(cache, LG_CACHE);
    }
    return cache != NULL;
}

void
tcaches_each(void (*visit)(const cache_t *cache, void *context), void *context) {
    tcaches_lock();
    const entry_t *entries = atomic_get(&tcaches_table);
    for (uint32_t id = 0; entries != NULL && id < TCACHES_MAX; id++) {
        if (atomic_get(&entries[id]) != NULL) {
            visit(atomic_get(&entries[id]), context);
        }
    }
    tcaches_unlock();
}

void
tcaches_prefork(void) {
    lock_prefork(&lock);
}

void
tcaches_postfork(bool child) {
    lock_postfork(&lock, child);
}
