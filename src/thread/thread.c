/* thread.c -- birth, binding, events and exit of threads. */
#include "thread/thread.h"

#include "arena/arenas_bind.h"
#include "arena/arenas_special.h"
#include "arena/sample.h"
#include "extent/metadata.h"
#include "os/clock.h"
#include "os/thread.h"
#include "thread/modes.h"
#include "thread/quarantine.h"
#include "thread/tcache.h"

#include <string.h>

#define LG_THREAD 12
_Static_assert(sizeof(thread_t) <= 1U << LG_THREAD, "a thread fits its block");
/* A front: bins, and the owner behind them. */
#define LG_FRONT 11
_Static_assert(offsetof(cache_t, owner) + sizeof(void *) <= 1U << LG_FRONT, "a front fits its block");
/* Slow-path events between two looks at the clock, and at one bin of the cache. */
#define EVENTS_PER_TICK 16

/* Seldom written, and so behind the variables that every process writes: common symbols come last. */
__attribute__((common)) thread_t thread_uninitialised, thread_exited;
__thread thread_t *thread_self __attribute__((tls_model("initial-exec"), visibility("hidden"))) = &thread_uninitialised;

_Atomic bool thread_born_unsampled;

static lock_t lock = LOCK_INITIALIZER(RANK_THREADS);
static list_t threads GUARDED_BY(role_threads) = {&threads, &threads};
static uint32_t nthreads GUARDED_BY(role_threads);
void (*_Atomic threads_fewer)(void);
/* Any thread adds. */
static _Atomic uint64_t zero_reallocs;

void
threads_lock(void) NO_THREAD_SAFETY {
    lock_acquire(&lock);
}

void
threads_unlock(void) NO_THREAD_SAFETY {
    lock_release(&lock);
}

static void
enlist(thread_t *thread) {
    threads_lock();
    list_push_back(&threads, &thread->link);
    nthreads++;
    threads_unlock();
}

/* What the thread's cache has counted becomes one arena's, and, unless NULL, no longer the other's. */
static void
hand_over_requests(const thread_t *thread, arena_t *to, arena_t *from) REQUIRES(role_threads) {
    for (uint32_t i = 0; i + 1 < CACHE_BINS; i++) {
        uint64_t n = tcache_requests(&thread->cache, i);
        atomic_add(&to->nrequests[i], n);
        if (from != NULL) {
            atomic_sub(&from->nrequests[i], n);
        }
    }
}

/* Returns how many are left. */
static uint32_t
delist(thread_t *thread) {
    threads_lock();
    list_remove(&thread->link);
    uint32_t left = --nthreads;
    hand_over_requests(thread, atomic_get(&thread->arena), NULL);
    threads_unlock();
    return left;
}

static void
tell_fewer(uint32_t left) {
    void (*told)(void) = atomic_get_acquire(&threads_fewer);
    if (left <= THREADS_FEW && told != NULL) {
        told();
    }
}

static void
set_arena(thread_t *thread, arena_t *arena) {
    threads_lock();
    hand_over_requests(thread, atomic_get(&thread->arena), arena);
    atomic_set(&thread->arena, arena);
    thread->bin_shard = arena_assign_bin_shard(arena);
    threads_unlock();
}

/* It serves any number of threads, all from arena 0. */
static thread_t *
gone(void) {
    atomic_set(&thread_exited.arena, arenas_get(0));
    atomic_set(&thread_exited.cache.owner, &thread_exited);
    return &thread_exited;
}

/* `value` is the thread; runs when it ends, and frees that come later find thread_exited. */
static void
on_exit_of_thread(void *value) {
    thread_t *thread = value;
    thread_set_cached(thread, false);
    quarantine_flush(thread);
    uint32_t left = delist(thread);
    quarantine_delete(thread);
    arenas_unbind(atomic_get(&thread->arena));
    thread_self = gone();
    if (thread->prof != NULL) {
        sampler_get()->thread_ended(thread->prof);
    }
    if (thread->front != NULL) {
        metadata_block_free(thread->front, LG_FRONT);
    }
    metadata_block_free(thread, LG_THREAD);
    tell_fewer(left);
}

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
    thread->id = os_thread_id();
    atomic_set(&thread->unsampled, atomic_get(&thread_born_unsampled));
    thread->arenas_generation = arenas_generation();
    thread->most_cached = CACHE_BINS;
    thread->uncached = !options.tcache;
    thread->bytes.watched = byte_counters_reports();
    thread_refit(thread);
    return thread;
}

/* thread_self first: what follows may allocate. */
static void
begin(thread_t *thread) {
    thread_self = thread;
    enlist(thread);
    os_thread_at_exit(thread);
}

/* From the first thread's birth on its own calls of the allocator work: os_thread_exit_boot may make some. */
void
thread_boot(void) {
    thread_t *first = thread_new(arenas_bind_auto());
    if (first != NULL) {
        thread_self = first;
    }
    os_thread_exit_boot(on_exit_of_thread);
    if (first != NULL) {
        begin(first);
    }
}

static COLD thread_t *
thread_begin(void) {
    arena_t *arena = arenas_bind_auto();
    thread_t *thread = thread_new(arena);
    if (thread == NULL) {
        arenas_unbind(arena);
        return gone();
    }
    begin(thread);
    return thread;
}

thread_t *
thread_get(void) {
    thread_t *thread = atomic_get(&thread_self->cache.owner);
    return LIKELY(thread != NULL) ? thread : thread_begin();
}

bool
thread_see_calls(thread_t *thread) {
    if (thread == &thread_exited || thread->front != NULL) {
        return true;
    }
    thread_t *front = metadata_block_alloc(LG_FRONT);
    if (front == NULL) {
        return false;
    }
    memset(front, 0, 1U << LG_FRONT);
    atomic_set(&front->cache.owner, thread);
    thread->front = front;
    thread_self = front;
    return true;
}

uint32_t
thread_nclasses(const thread_t *thread) {
    uint32_t n = tcache_nclasses();
    return n < thread->most_cached ? n : thread->most_cached;
}

bool
thread_is_cached(const thread_t *thread) {
    bool able = thread != &thread_exited && !atomic_get(&atomic_get(&thread->arena)->manual);
    return able && !thread->uncached;
}

bool
thread_has_no_cache(const thread_t *thread) {
    return thread->uncached || !options.tcache;
}

void
thread_refit(thread_t *thread) {
    bool on = thread_is_cached(thread) && modes_on(MODES_ALL) == 0;
    tcache_fit(&thread->cache, on ? thread_nclasses(thread) : 0);
}

void
thread_set_cached(thread_t *thread, bool on) {
    if (thread != &thread_exited) {
        thread->uncached = !on;
        thread_refit(thread);
    }
}

void
thread_set_most_cached(thread_t *thread, uint32_t n) {
    if (thread != &thread_exited) {
        thread->most_cached = n;
        thread_refit(thread);
    }
}

void
thread_bind(thread_t *thread, arena_t *arena) {
    arena_t *old = atomic_get(&thread->arena);
    if (thread == &thread_exited) {
        return;
    }
    thread->chose = true;
    if (arena == old) {
        return;
    }
    arenas_bind(arena);
    tcache_fit(&thread->cache, 0);
    set_arena(thread, arena);
    arenas_unbind(old);
    thread_refit(thread);
}

/* Threads that chose an arena stay with it. */
static COLD arena_t *
oversize_source(arena_t *own) {
    arena_t *arena = atomic_get(&own->manual) ? NULL : arenas_oversize();
    return arena == NULL ? own : arena;
}

arena_t *
thread_source(thread_t *thread, arena_t *wanted, uint32_t szind) {
    if (UNLIKELY(hooks_running())) {
        return arenas_fallback();
    }
    if (wanted != NULL) {
        return wanted;
    }
    arena_t *own = atomic_get(&thread->arena);
    return LIKELY(szind < arenas_oversize_from) ? own : oversize_source(own);
}

/* Threads of quiet arenas do not tick: each event also visits one other arena in turn. */
static void
tick(thread_t *thread) {
    arena_t *own = atomic_get(&thread->arena);
    arena_t *other = arenas_get(thread->ticks / EVENTS_PER_TICK % arenas_count());
    if (pa_is_timed(&own->pages)) {
        pa_tick(&own->pages, clock_coarse_ns());
    }
    if (other != NULL && other != own && pa_is_timed(&other->pages)) {
        pa_tick(&other->pages, clock_coarse_ns());
    }
}

bool
thread_rebind(thread_t *thread) {
    arena_t *old = atomic_get(&thread->arena);
    uint32_t generation = arenas_generation();
    if (thread->arenas_generation == generation) {
        return false;
    }
    thread->arenas_generation = generation;
    arena_t *arena = arenas_rebind(old);
    if (arena != old) {
        thread->chose = false;
        set_arena(thread, arena);
    }
    return arena != old;
}

void
thread_event(thread_t *thread) {
    if (thread == &thread_exited || UNLIKELY(hooks_running())) {
        return;
    }
    if (++thread->ticks % EVENTS_PER_TICK == 0) {
        tick(thread);
        if (thread->cache.ncached > 0) {
            tcache_collect(&thread->cache);
        }
    }
}

void
thread_each(void (*visit)(const thread_t *thread, void *context), void *context) {
    for (list_t *at = threads.next; at != &threads; at = at->next) {
        visit(container_of(at, thread_t, link), context);
    }
}

void
thread_count_zero_realloc(void) {
    atomic_add(&zero_reallocs, 1);
}

uint64_t
thread_zero_reallocs(void) {
    return atomic_get(&zero_reallocs);
}

lock_t *
threads_mutex(void) {
    return &lock;
}

void
thread_prefork(void) {
    lock_prefork(&lock);
}

/* In the child only the forking thread lives on; what the others had cached is lost to it. */
static void
forget_others(void) NO_THREAD_SAFETY {
    list_init(&threads);
    nthreads = 0;
    arenas_unbind_all();
    byte_counters_forget_report();
    thread_t *self = thread_here();
    if (self != &thread_uninitialised && self != &thread_exited) {
        self->id = os_thread_id();
        list_push_back(&threads, &self->link);
        nthreads = 1;
        arenas_bind(atomic_get(&self->arena));
    }
}

void
thread_postfork(bool child) {
    if (child) {
        forget_others();
    }
    lock_postfork(&lock, child);
}
