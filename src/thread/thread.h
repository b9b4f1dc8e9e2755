/*
 * thread.h -- the state of a thread: its cache, the arena that it allocates from, its counters; and the list of all
 * threads. Use thread_self on fast paths, thread_here or thread_get (thread_life.h) elsewhere.
 *
 * The only thread-local variable of the fast path is the 8-byte pointer thread_self (initial-exec: reading it is one
 * instruction, and a dlopen'ed library still finds room). It starts at thread_uninitialised, whose zeroed bins are
 * empty and full: a thread's first call takes the slow path, and thread_get gives the thread a state of its own. After
 * the thread's exit it is thread_exited: allocation still works, uncached.
 *
 * A thread whose every call must be seen (front.h) has thread_self at a *front*: zeroed bins, and behind them
 * the owner, laid out as a cache begins. Each call then takes a slow path, which finds the thread through the owner and
 * serves from its cache as the fast path would have. So only slow paths tell fronts from threads, by one load.
 *
 * A thread that is bound to a manual arena is *isolated* (isolated.h): its cache holds objects of that arena alone, so
 * it has a front, too.
 *
 *   thread_self -> thread_uninitialised   owner NULL
 *   thread_self -> thread                 owner = thread; likewise for thread_exited
 *   thread_self -> front                  owner = thread, thread->front = front
 *
 * Synchronization: functions that take a thread_t * are the calling thread's own, unless said otherwise.
 */
#ifndef LUNALLOC_THREAD_THREAD_H
#define LUNALLOC_THREAD_THREAD_H

#include "arena/arenas.h"
#include "thread/byte_counters.h"
#include "thread/cache.h"

typedef struct thread {
    cache_t cache;              /* Synchronization: the owner; see cache.h. First: offset 0 on the fast path. */
    arena_t *_Atomic arena;     /* Synchronization: the owner writes, any thread reads. */
    uint32_t most_cached;       /* Synchronization: the owner; most classes that its cache may cover. */
    uint32_t arenas_generation; /* Synchronization: the owner; generation of the number of arenas as seen last. */
    uint32_t bin_shard;         /* Synchronization: the owner; index in its arena (arena_assign_bin_shard). */
    uint32_t id;                /* Synchronization: constant (a fork sets it anew); the system's number. */
    uint32_t ticks;             /* Synchronization: the owner; slow-path events so far. */
    uint32_t flushed;           /* Synchronization: the owner; refresh.c's count of flushes that it has done. */
    _Atomic uint32_t flushes;   /* Synchronization: any thread adds; how often this thread alone was asked to flush. */
    bool uncached;              /* Synchronization: the owner; its cache is turned off. */
    bool chose;                 /* Synchronization: the owner; it has named its arena. */
    bool isolated;              /* Synchronization: the owner; its cache holds objects of its manual arena alone. It
                                   has a front. */
    uint32_t hit_owner;         /* Synchronization: the owner; of an isolated thread whose hits need no note: the
                                   extents (extent_owner) whose objects it caches; else HIT_OWNER_NONE. */

    _Atomic uint64_t config_generation;    /* Synchronization: the owner writes, any thread reads; as seen last. */
    struct quarantine *_Atomic quarantine; /* Synchronization: the owner writes, any thread reads; NULL until first
                                              used (quarantine.h). */
    byte_counters_t bytes;                 /* Synchronization: the owner; see byte_counters.h. */
    void *front;                           /* Synchronization: the owner; thread_self points there, unless NULL. */
    void *prof;                            /* Synchronization: the owner; the profiler's state of it, or NULL. */
    struct recorder *record;               /* Synchronization: the owner; where its calls are recorded, or NULL. */
    struct recorder *record_pages;         /* Synchronization: the owner; the same of its extents; one is NULL. */
    _Atomic bool unsampled;                /* Synchronization: the owner writes (any thread, in thread_uninitialised);
                                              profiling leaves the thread out. */
    _Atomic uint64_t ticked_at; /* Synchronization: the owner writes, any thread reads; coarse clock, ns, at its last
                                   tick or its birth. */
    uint64_t serial GUARDED_BY(role_threads);    /* counts births, from 1: the list is in this order */
    uint64_t seen_work GUARDED_BY(role_threads); /* what observe/threads.h saw of its counts last; 0: nothing yet */
    uint64_t seen_at GUARDED_BY(role_threads);   /* when these counts were last found changed, coarse clock, ns; or 0 */
    list_t link GUARDED_BY(role_threads);
} thread_t;

#define HIT_OWNER_NONE UINT32_MAX

extern __thread thread_t *thread_self __attribute__((tls_model("initial-exec"), visibility("hidden")));
extern thread_t thread_uninitialised, thread_exited;

/* realloc to a size of the block's own class takes no slow path up to this size, bytes: SC_LOOKUP_MAX, or 0 while all
 * calls are to be seen. Synchronization: any thread. */
extern _Atomic size_t realloc_fast_max;

/* The calling thread; thread_uninitialised before its first call. */
static inline thread_t *
thread_here(void) {
    thread_t *owner = atomic_get(&thread_self->cache.owner);
    return LIKELY(owner != NULL) ? owner : &thread_uninitialised;
}

/* ---- the thread's arena ---- */

/* Binds the thread to a live arena that it names, and that lives on. The cache is emptied first; a manual arena
 * isolates the thread. */
void thread_bind(thread_t *thread, arena_t *arena);
/* Moves the thread to another automatic arena, if their number has changed and the load asks for it. True if it moved:
 * its cache is to be flushed then. */
bool thread_rebind(thread_t *thread);

/* ---- the thread's cache ---- */

/* Turns the cache on or off. */
void thread_set_cached(thread_t *thread, bool on);
/* Lets the cache cover the first n > 0 classes, as far as caches cover them at all. */
void thread_set_most_cached(thread_t *thread, uint32_t n);
/* How many classes the cache covers while it is on. */
uint32_t thread_nclasses(const thread_t *thread);
/* Is the cache on? Yes also where a mode (modes.h) keeps it empty. */
bool thread_is_cached(const thread_t *thread);
/* Was it turned off, for this thread or for all? */
bool thread_has_no_cache(const thread_t *thread);
/* Fits the cache to the present limits, and isolates the thread or ends that, as its arena wants. The cache holds
 * nothing while a mode is on. */
void thread_refit(thread_t *thread);

/* ---- all threads ---- */

/*
 * While the lock is held, no thread begins, ends or changes its arena. Then the requests of a class by the threads of
 * an arena are, modulo 2^64, the sum of what their caches count and what the arena does (arena_t's requests): a thread
 * that moves subtracts what its cache has counted from the new arena's and adds it to the old one's.
 */
void threads_lock(void) ACQUIRE(role_threads);
void threads_unlock(void) RELEASE(role_threads);
/* The first thread whose serial number is larger, and the one behind another in the list; NULL at its end. */
thread_t *threads_after(uint64_t serial) REQUIRES(role_threads);
thread_t *threads_next(const thread_t *thread) REQUIRES(role_threads);
/* Calls visit for each thread. */
void thread_each(void (*visit)(const thread_t *thread, void *context), void *context) REQUIRES(role_threads);
/* The lock, for its statistics. */
lock_t *threads_mutex(void);

/* Makes an arena the thread's, and takes the requests that its cache has counted along. */
void threads_set_arena(thread_t *thread, arena_t *arena) EXCLUDES(role_threads);
/* Adds a new thread to the list. */
void threads_add(thread_t *thread) EXCLUDES(role_threads);
/* Removes a thread that ends; its arena inherits its requests. Returns how many threads are left. */
uint32_t threads_remove(thread_t *thread) EXCLUDES(role_threads);

void threads_prefork(void);
/* In the child, `only`, the forking thread, is the one thread that lives on; NULL if it has no state of its own. */
void threads_postfork(bool child, thread_t *only);

#endif
