/*
 * purger.h -- the background thread that makes the passes of decay: a slot for its functions, and when it is started
 * and woken.
 *
 * The thread itself is control/background.c's. After a pass over an arena it knows when time alone makes more pages
 * due, and sleeps until then. Pages that become free meanwhile may be due earlier: the arena is *armed* with a wake
 * threshold, in decaying pages. The first thread that finds more than that disarms the arena and wakes the background
 * thread. So a wake costs nothing while few pages are free, and there is one at most between two passes.
 *
 * While no thread runs, an arena *rests*: its threshold is the number of decaying pages that are worth a thread. The
 * first thread that finds more starts it. So there is none in a process that frees little.
 */
#ifndef LUNALLOC_EXTENT_PURGER_H
#define LUNALLOC_EXTENT_PURGER_H

#include "extent/page_state.h"

/* Decaying bytes of an arena that are worth a background thread. In a process that has just started, which will most
 * likely end soon, it takes more. */
#define PURGER_WORTH       ((size_t)1 << 20)
#define PURGER_WORTH_YOUNG ((size_t)8 << 20)

/*
 * The background thread's functions. They are called at any time while the slot is filled, without locks of the core,
 * and may still run when it has been emptied.
 */
typedef struct {
    bool (*runs)(void);           /* true: the application's threads need not purge */
    bool (*hooks)(void);          /* its threads may call extent hooks, and so purge arenas that have them */
    bool (*young)(void);          /* the process has just started */
    void (*wake)(uint32_t arena); /* pages of this arena may be due earlier than pa_background said; starts a thread */
    void (*grow)(size_t bytes);   /* an arena takes pages; resident bytes, PURGER_WORTH or more (pa_purger_grows) */
} pa_purger_t;

/* Empty (NULL) unless the layers above fill it, with a structure that stays valid forever. */
extern const pa_purger_t *_Atomic pa_purger;
/* Is the purger to be told where pages are taken? It asks for it where its thread cannot be started by a free: a thread
 * may free inside of the C library's thread management, whose locks that start would need. Synchronization: any thread.
 */
extern _Atomic bool pa_purger_grows;

/* Is there a background thread that purges the arena? */
bool pa_purger_runs(page_alloc_t *pa);
/* Tells the purger that pages of `size` bytes are taken. */
COLD void pa_purger_grow(page_alloc_t *pa, size_t size);
/* Wakes the background thread: what it knows of the arena is out of date. If none runs, the arena rests. */
void pa_purger_wake(page_alloc_t *pa);
/* Arms the arena after a pass. Returns when time makes the next pass worthwhile; UINT64_MAX: not before a wake. */
uint64_t pa_purger_arm(page_alloc_t *pa, uint64_t now) EXCLUDES(role_decay);
/* Lets the arena rest: `more` further decaying bytes start a thread, where that is 0: the usual number in all. True if
 * there are more than that already, so that a thread is to run. */
bool pa_purger_rest(page_alloc_t *pa, size_t more);
/* Starts a thread for pages that stayed free since the process was young, and for `more` bytes that age inside of
 * slabs. Call it now and then. */
void pa_purger_offer(page_alloc_t *pa, size_t more);
/* There are more free pages than the wake threshold: if they decay, disarms the arena and wakes the background thread,
 * or starts it if that is worthwhile. */
COLD void pa_purger_note_excess(page_alloc_t *pa);

/*
 * Call it after pages became free. The background thread, when it arms an arena, writes the threshold and then counts
 * the pages; here pages were counted, and then the threshold is read. So one of the two sees the other, if each orders
 * its two steps. Here the release of the collection's lock does: it is an exchange, a full barrier on x86.
 */
static inline void
pa_purger_note_pages(page_alloc_t *pa) {
#if !defined(__x86_64__)
    atomic_thread_fence(memory_order_seq_cst);
#endif
    size_t npages = atomic_get(&pa->dirty.extents.npages) + atomic_get(&pa->muzzy.extents.npages);
    if (UNLIKELY(npages > atomic_get(&pa->wake_threshold))) {
        pa_purger_note_excess(pa);
    }
}

#endif
