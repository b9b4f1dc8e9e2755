/*
 * purger.h -- the background thread that makes the passes of decay: a slot for its functions, and when it is woken.
 *
 * The thread itself is control/background.c's. After a pass over an arena it knows when time alone makes more pages
 * due, and sleeps until then. Pages that become free meanwhile may be due earlier: the arena is *armed* with a wake
 * threshold, in decaying pages. The first thread that finds more than that disarms the arena and wakes the background
 * thread. So a wake costs nothing while few pages are free, and there is one at most between two passes.
 */
#ifndef LUNALLOC_EXTENT_PURGER_H
#define LUNALLOC_EXTENT_PURGER_H

#include "extent/page_state.h"

/*
 * The background thread's functions. They are called at any time while the slot is filled, without locks of the core,
 * and may still run when it has been emptied.
 */
typedef struct {
    bool (*runs)(void);           /* true: the application's threads need not purge */
    void (*start)(void);          /* pages are allocated, and a mebibyte or more may become free; called often */
    void (*wake)(uint32_t arena); /* pages of this arena may be due earlier than pa_background said */
} pa_purger_t;

/* Empty (NULL) unless the layers above fill it, with a structure that stays valid forever. */
extern const pa_purger_t *_Atomic pa_purger;

/* Is there a background thread that purges? */
bool pa_purger_runs(void);
/* Starts the background thread if `size` bytes more make it worthwhile. Called where pages are allocated, not where
 * they are freed: a thread may free inside of the system's thread management, whose locks a thread's start would need.
 */
void pa_purger_start(page_alloc_t *pa, size_t size);
/* Wakes the background thread: what it knows of the arena is out of date. */
void pa_purger_wake(page_alloc_t *pa);
/* Arms the arena after a pass. Returns when time makes the next pass worthwhile; UINT64_MAX: not before a wake. */
uint64_t pa_purger_arm(page_alloc_t *pa, uint64_t now) EXCLUDES(role_decay);
/* Call it after pages became free: if there are more than the wake threshold, disarms the arena and wakes the
 * background thread. */
void pa_purger_note_pages(page_alloc_t *pa);

#endif
