/*
 * quarantine.h -- freed objects that wait before they may be used again, so that writes after free and double frees are
 * detected. Each thread has a queue, oldest first, of at most as many bytes as options.modes says and
 * QUARANTINE_MAX_OBJECTS objects.
 *
 * An object enters when it is freed, once the caller has checked that it is live (arena_expect_live). It is filled with
 * JUNK_FREED. When it leaves, any other content is misuse, because it was written to after the free; a second free
 * while it waits is misuse, too. These do not enter: objects larger than the limit, objects of manual arenas (which may
 * be reset at any time), samples of the profiler, and objects freed inside of a hook.
 *
 * Waiting objects count as cached. They return to their arenas when the thread's cache is flushed, when the limit
 * falls, when the thread ends, and when it finds no memory.
 *
 * Synchronization: the owning thread; quarantine_count says otherwise.
 */
#ifndef LUNALLOC_THREAD_QUARANTINE_H
#define LUNALLOC_THREAD_QUARANTINE_H

#include "thread/thread.h"

#define QUARANTINE_MAX_OBJECTS 8192

/* One thread's queue: a ring of pointers. */
typedef struct quarantine {
    /* Synchronization: the owner alone: these fields. */
    void **ring;    /* 2^lg pointers; may be NULL while no object waits */
    uint32_t lg;    /* log2 of the ring's size */
    uint32_t first; /* index of the oldest object, modulo 2^lg */
    uint32_t n;     /* waiting objects */
    uint64_t bytes; /* their usable sizes */

    _Atomic uint32_t
        held[SC_MAX_SIZES]; /* Synchronization: the owner writes, any thread reads; waiting objects by szind. */
} quarantine_t;

/* Takes an object that the calling thread frees. False if it may not enter, or if there is no memory for the queue. */
bool quarantine_add(thread_t *thread, const extent_t *e, void *ptr);
/* Releases the oldest objects until the rest fits the present limit. */
void quarantine_fit(thread_t *thread);
/* Releases all. */
void quarantine_flush(thread_t *thread);
/* Deletes the empty quarantine of a thread that has ended. */
void quarantine_delete(thread_t *thread);

/* Waiting objects of a class. Any thread may ask while it holds the threads' lock. */
uint32_t quarantine_count(const thread_t *thread, uint32_t szind);

#endif
