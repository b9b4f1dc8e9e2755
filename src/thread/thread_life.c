/* thread_life.c -- birth and end of threads, and fork. */
#include "thread/thread_life.h"

#include "arena/arenas_bind.h"
#include "arena/sample.h"
#include "base/options.h"
#include "extent/metadata.h"
#include "os/clock.h"
#include "os/thread.h"
#include "thread/front.h"
#include "thread/quarantine.h"
#include "thread/refresh.h"
#include "thread/tcache.h"

#include <string.h>

#define LG_THREAD 12
_Static_assert(sizeof(thread_t) <= 1U << LG_THREAD, "a thread fits its block");

_Atomic bool thread_born_unsampled;
void (*_Atomic threads_fewer)(void);
void (*_Atomic threads_gone)(void);

/* ---- the end ---- */

static void
call_threads_fewer(uint32_t left) {
    void (*fewer)(void) = atomic_get_acquire(&threads_fewer);
    void (*gone)(void) = atomic_get_acquire(&threads_gone);
    if (left <= THREADS_FEW && fewer != NULL) {
        fewer();
    }
    if (left <= THREADS_FEW && gone != NULL) {
        gone();
    }
}

/* thread_exited, which any number of threads share; all use arena 0. */
static thread_t *
exited(void) {
    atomic_set(&thread_exited.arena, arenas_get(0));
    atomic_set(&thread_exited.cache.owner, &thread_exited);
    return &thread_exited;
}

/* Runs when a thread exits; `value` is its state. Later calls of the thread find thread_exited. */
static void
thread_end(void *value) {
    thread_t *thread = value;
    if (thread->record != NULL || thread->record_pages != NULL) {
        atomic_get_acquire (&threads_recorded)(thread, true);
    }
    thread_set_cached(thread, false);
    quarantine_flush(thread);
    uint32_t left = threads_remove(thread);
    quarantine_delete(thread);
    arenas_unbind(atomic_get(&thread->arena));
    thread_self = exited();
    if (thread->prof != NULL) {
        sampler_get()->thread_ended(thread->prof);
    }
    thread_delete_front(thread);
    metadata_block_free(thread, LG_THREAD);
    call_threads_fewer(left);
}

/* ---- birth ---- */

/* The state of a thread, not listed yet. NULL if there is no memory. Its config generation is 0: it is to refresh. */
static thread_t *
thread_new(arena_t *arena) {
    thread_t *thread = metadata_block_alloc(LG_THREAD);
    if (thread == NULL) {
        return NULL;
    }
    memset(thread, 0, sizeof *thread);
    tcache_open(&thread->cache);
    atomic_set(&thread->cache.owner, thread);
    atomic_set(&thread->arena, arena);
    thread->bin_shard = arena_assign_bin_shard(arena);
    atomic_set(&thread->ticked_at, atomic_get(&arena->created));
    thread->id = os_thread_id();
    atomic_set(&thread->unsampled, atomic_get(&thread_born_unsampled));
    thread->arenas_generation = arenas_generation();
    thread->most_cached = CACHE_BINS;
    thread->hit_owner = HIT_OWNER_NONE;
    thread->uncached = !options.tcache;
    thread->bytes.tracked = byte_counters_reports;
    thread_refit(thread);
    return thread;
}

/* Sets thread_self first: the other steps may allocate. */
static void
thread_start(thread_t *thread) {
    thread_self = thread;
    threads_add(thread);
    os_thread_at_exit(thread);
}

/* From the birth of the first thread on, its own calls of the allocator work: os_thread_exit_boot may make some. */
void
thread_boot(void) {
    thread_t *first = thread_new(arenas_bind_auto());
    if (first != NULL) {
        thread_self = first;
    }
    os_thread_exit_boot(thread_end);
    if (first != NULL) {
        thread_start(first);
    }
}

/* It refreshes at once, so that a recording has its first call. Without memory the present call runs as thread_exited;
 * the next one tries again. */
thread_t *
thread_begin(void) {
    arena_t *arena = arenas_bind_auto();
    thread_t *thread = thread_new(arena);
    if (thread == NULL) {
        arenas_unbind(arena);
        return exited();
    }
    atomic_set(&thread->ticked_at, clock_coarse_ns());
    thread_start(thread);
    thread_refresh(thread);
    return thread;
}

/* ---- fork ---- */

void
thread_prefork(void) {
    threads_prefork();
}

/* In the child, the caches and quarantines of the other threads are lost. */
static thread_t *
forget_others(void) {
    arenas_unbind_all();
    byte_counters_forget_report();
    thread_t *self = thread_here();
    if (self == &thread_uninitialised || self == &thread_exited) {
        return NULL;
    }
    self->id = os_thread_id();
    arenas_bind(atomic_get(&self->arena));
    return self;
}

void
thread_postfork(bool child) {
    threads_postfork(child, child ? forget_others() : NULL);
}
