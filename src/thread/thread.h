/*
 * thread.h -- what each thread has: a cache, and an arena that it allocates from.
 *
 * The only thread-local variable of the fast path is the 8-byte pointer thread_self (initial-exec, so that reading
 * it is one instruction and a dlopen'ed library still finds room). It starts at thread_uninitialised, whose zeroed bins are
 * empty and full: the first call of a thread takes the slow path and thread_get makes it a thread of its own. After
 * thread exit it is thread_exited: allocation still works, uncached.
 *
 * A thread whose every call must be seen (thread_see_calls) has thread_self at a *front*: zeroed bins, and behind them
 * the owner, as a cache begins. Each call then takes a slow path, which finds the thread through the owner and serves
 * from its cache as the fast path would have. So only slow paths tell fronts and threads apart, by one load.
 */
#ifndef LUNALLOC_THREAD_THREAD_H
#define LUNALLOC_THREAD_THREAD_H

#include "arena/arenas.h"
#include "thread/cache.h"
#include "thread/byte_counters.h"

typedef struct thread {
    cache_t cache;                      /* Synchronization: the owner; see cache.h. First: offset 0 on the fast path. */
    arena_t *_Atomic arena;             /* Synchronization: the owner writes. */
    uint32_t most_cached;               /* Synchronization: the owner; most classes that its cache may cover. */
    uint32_t arenas_generation;         /* Synchronization: the owner; arenas_generation() as it saw it last. */
    uint32_t bin_shard;                 /* Synchronization: the owner; in its arena (arena_assign_bin_shard). */
    uint32_t id;                        /* Synchronization: constant (a fork sets it anew); the system's number. */
    uint32_t ticks;                     /* Synchronization: the owner; slow-path events so far. */
    uint32_t flushed;                   /* Synchronization: the owner; refresh.c's count of flushes that it has done. */
    bool uncached;                      /* Synchronization: the owner; its cache is turned off. */
    bool chose;                         /* Synchronization: the owner; it has named its arena. */
    _Atomic uint32_t config_generation; /* Synchronization: the owner writes, any thread reads; as seen last. */
    struct quarantine *_Atomic quarantine; /* Synchronization: the owner writes, any thread reads; see quarantine.h;
                                              NULL until there is one. */
    byte_counters_t bytes;                 /* Synchronization: the owner; see byte_counters.h. */
    void *front;                           /* Synchronization: the owner; where thread_self is instead, or NULL. */
    void *prof; /* Synchronization: the owner; what the profiler keeps for it, NULL until there is any. */
    _Atomic bool
        unsampled; /* Synchronization: the owner (of thread_uninitialised, any thread); profiling leaves it out. */
    list_t link GUARDED_BY(role_threads);
} thread_t;

extern __thread thread_t *thread_self __attribute__((tls_model("initial-exec"), visibility("hidden")));
extern thread_t thread_uninitialised, thread_exited;
/* As threads are born; thread_uninitialised has the same. Any thread writes. */
extern _Atomic bool thread_born_unsampled;

/* The calling thread; thread_uninitialised before its first call. */
static inline thread_t *
thread_here(void) {
    thread_t *owner = atomic_get(&thread_self->cache.owner);
    return LIKELY(owner != NULL) ? owner : &thread_uninitialised;
}

/* The calling thread, made on its first call. Never NULL: without memory it is thread_exited, uncached. Boot has
 * finished. */
thread_t *thread_get(void);
/* From now on each call of the calling thread's takes a slow path, as all do after its end. False without memory. */
bool thread_see_calls(thread_t *thread);
/* The calling thread has allocated and freed so many bytes: for its meter, if it is watched. */
static inline void
byte_counters_note(thread_t *thread, uint64_t allocated, uint64_t freed) {
    if (UNLIKELY(thread->bytes.watched)) {
        byte_counters_note_watched(thread, allocated, freed);
    }
}
/* Once, at boot, by the first thread. */
void thread_boot(void);

/* Binds the calling thread to the arena that it names, which is alive and stays so; a manual one switches its cache
 * off. */
void thread_bind(thread_t *thread, arena_t *arena);
/* Where the calling thread's allocations of a class come from now: the arena that it wants (NULL: its own, or that for
 * oversize ones), or, inside of a hook, one without hooks. NULL without memory. */
arena_t *thread_source(thread_t *thread, arena_t *wanted, uint32_t szind);
/* Turns the calling thread's cache on or off. */
void thread_set_cached(thread_t *thread, bool on);
/* Lets the calling thread's cache cover the first n > 0 classes, as far as caches cover them at all. */
void thread_set_most_cached(thread_t *thread, uint32_t n);
/* How many classes its cache covers while it is on. */
uint32_t thread_nclasses(const thread_t *thread);
/* Is it on? Also where a mode (modes.h) keeps it empty. */
bool thread_is_cached(const thread_t *thread);
/* Was it switched off, for this thread or for all? In a manual arena, a thread has none without that. */
bool thread_has_no_cache(const thread_t *thread);
/* Fits the calling thread's cache to what it may cover and hold by now; it holds nothing while a mode is on. */
void thread_refit(thread_t *thread);
/* Moves the calling thread to another automatic arena, if their number has changed and it should. True if it moved; its
 * cache is to be flushed then. */
bool thread_rebind(thread_t *thread);

/* Empty (NULL) unless the layers above fill it: called when a thread has ended that allocated, and few are left that
 * did. No lock is held. */
extern void (*_Atomic threads_fewer)(void);
#define THREADS_FEW 128

/* Counts a slow-path event: from time to time decay moves on, here and in one other arena, and one bin of the cache
 * is looked at. */
void thread_event(thread_t *thread);

/*
 * While it is held, no thread comes or goes, or changes its arena. Then the requests of a class by the threads of an
 * arena are, modulo 2^64, what their caches count and what the arena does (arena_t's nrequests): a thread that moves
 * takes what its cache has counted from the new arena's and adds it to the old one's.
 */
void threads_lock(void) ACQUIRE(role_threads);
void threads_unlock(void) RELEASE(role_threads);
/* Calls visit for each thread. */
void thread_each(void (*visit)(const thread_t *thread, void *context), void *context) REQUIRES(role_threads);
/* A call of realloc with a pointer and size 0; and how many there were. */
void thread_count_zero_realloc(void);
uint64_t thread_zero_reallocs(void);

/* For its figures. */
lock_t *threads_mutex(void);

void thread_prefork(void);
void thread_postfork(bool child);

#endif
