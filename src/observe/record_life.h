/*
 * record_life.h -- recordings: their beginning and end (record_life.c), which one runs (record_present.c), and the
 * rings that threads have in it (record_threads.c). Private to record*.c; the public part is record.h.
 *
 *   begin    maps the area, claims it for this process, and asks all threads to refresh (thread/refresh.h)
 *   a thread refreshes: it leaves a recording that has ended, and joins the present one
 *   end      puts private memory in the place of the area: threads that have not noticed yet write to nobody. The last
 *            thread that leaves frees everything
 *
 * Synchronization: one lock, of rank RANK_RECORD. Threads take it when they join and leave, never for an event.
 */
#ifndef LUNALLOC_OBSERVE_RECORD_LIFE_H
#define LUNALLOC_OBSERVE_RECORD_LIFE_H

#include "base/list.h"
#include "observe/record.h"
#include "os/lock.h"
#include "os/shared.h"

/* The calling thread has no ring in this recording: takes one, if there is one now. Never waits. */
typedef void record_try_again_t(struct recording *recording);
/* Nobody reads any more: ends the recording, if no other thread is about to. May be called in the middle of an event,
 * and with any lock of the core held; never waits. Threads leave as they refresh. */
typedef void record_give_up_t(struct recording *recording);

/* Longer paths are not kept. */
#define RECORD_PATH 128

typedef struct recording {
    /* Synchronization: constant while a thread can reach it: these fields. */
    record_head_t *head; /* the area's first byte */
    size_t area_size;
    size_t size; /* bytes of this structure, with its recorders */
    record_shape_t shape;
    uint64_t number;
    record_try_again_t *try_again;
    record_give_up_t *give_up;
    char path[RECORD_PATH]; /* where the area was opened; "": it was handed over */
    shared_id_t id;         /* of the area's file */

    _Atomic uint32_t nfree; /* Synchronization: written under the lock, read by any thread; rings that nobody has. */
    /* Synchronization: written and read by any thread: these fields. */
    _Atomic uint64_t beat;  /* of the recorder, as it was seen last */
    _Atomic uint64_t heard; /* ns; when it was first seen */
    /* Synchronization: record_lock: these fields. */
    list_t link;
    uint32_t njoined; /* threads whose recorder is one of these, and those that begin, end or borrow */
    bool ended;

    recorder_t ringless;    /* Synchronization: constant: what threads without a ring have. */
    recorder_t recorders[]; /* Synchronization: each its ring's thread. */
} recording_t;

void record_lock(void) ACQUIRE(role_record);
bool record_lock_try(void) TRY_ACQUIRE(true, role_record);
void record_unlock(void) RELEASE(role_record);

/* The recording that runs, or NULL: not the parent's, of which the child of a fork has nothing but zeros. It stays
 * while the caller has joined it, or holds the lock. */
recording_t *record_running(void);
/* Is there one, be it the parent's? */
bool record_is_present(void);
/* The recording runs from now on, and gets its number. NULL: none does. */
void record_set_present(recording_t *recording) REQUIRES(role_record);
/* The caller, one of njoined, leaves; it has no ring. The last one of a recording that has ended deletes it. */
void record_life_unhold(recording_t *recording) EXCLUDES(role_record);

void record_lock_prefork(void);
void record_lock_postfork(bool child);
/* In the child, with the lock: there is no recording; the area of the parent's is unmapped. */
void record_forget(void);

/* threads_recorded (thread/refresh.h): a thread refreshes, or ends. */
void record_thread_follow(thread_t *thread, bool ends);
/* recording_t.try_again */
void record_thread_try_again(recording_t *recording);

/* Finds out whether the system tells which pages are resident, for record_touched (record_touched.c). */
void record_probe_residency(void);

/* A ring for a caller that is no thread of the application's, under a name; NULL: there is none. And gives it back. */
recorder_t *record_life_borrow(recording_t *recording, const char *name);
void record_life_return(recorder_t *r);

/* The same in a recording of pages, for one event; NULL: there is none, or no ring. */
recorder_t *record_life_borrow_for_pages(void);
void record_life_return_for_pages(recorder_t *r);

/* Writes a RECORD_LIVE for each large block (record_live.c). */
void record_live(recorder_t *r);
/* The same of pages (record_pages.c): decay times, and a RECORD_LIVE for each active extent. */
void record_pages_live(recorder_t *r);
/* An event of a kind RECORD_PAGE_PURGE, RECORD_DIRTY_MS or RECORD_MUZZY_MS. */
void record_pages_put_setting(recorder_t *r, record_kind_t kind, uint32_t arena, int64_t ms);
/* Fills the slot of page_watch.h, or empties it. */
void record_pages_watch(bool on);

#endif
