/*
 * quarantine.h -- freed objects that wait, oldest first, before they may be used again: of each thread, up to the
 * bytes that options.modes says and QUARANTINE_MOST objects.
 *
 * What enters is an allocation that lives: the caller has checked it (arena_expect_live). It is filled with JUNK_FREED
 * and must still be when it leaves: else it was written to after it was freed, which is misuse; so is a second free
 * while it waits. Not for objects that are larger than the limit, of manual arenas (which may be reset at any time),
 * samples of the profiler, or what is freed inside of a hook.
 *
 * What waits counts as cached. It goes back to its arena when the thread's cache is flushed, when the limit falls,
 * when the thread ends, and when the thread finds no memory.
 */
#ifndef LUNALLOC_THREAD_QUARANTINE_H
#define LUNALLOC_THREAD_QUARANTINE_H

#include "thread/thread.h"

#define QUARANTINE_MOST 8192

/* Takes what the calling thread frees. False: it does not. */
bool quarantine_enter(thread_t *thread, const extent_t *e, void *ptr);
/* Lets those leave that are too many for the present limit. */
void quarantine_fit(thread_t *thread);
/* Lets all leave. */
void quarantine_flush(thread_t *thread);
/* Of a thread that has ended, and whose quarantine is empty. */
void quarantine_delete(thread_t *thread);

/* Objects of a class that wait. Any thread may ask while the threads' lock is held. */
uint32_t quarantine_count(const thread_t *thread, uint32_t szind);

#endif
