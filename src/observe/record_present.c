/*
 * record_present.c -- which recording runs, and those that have ended, which stay until the last thread has left them.
 */
#include "observe/record_life.h"

static lock_t lock = LOCK_INITIALIZER(RANK_RECORD); /* Synchronization: its own. */
static recording_t *_Atomic present; /* Synchronization: written under the lock, read by any thread; NULL: none. */
static void *present_area; /* Synchronization: with present_size: under the lock; the parent's area, after a fork. */
static size_t present_size;

/* Recordings that threads can still reach, the present one too. */
static list_t recordings GUARDED_BY(role_record) = {&recordings, &recordings};
static uint64_t nrecordings GUARDED_BY(role_record); /* so far */

void
record_lock(void) NO_THREAD_SAFETY {
    lock_acquire(&lock);
}

bool
record_lock_try(void) NO_THREAD_SAFETY {
    return lock_try(&lock);
}

void
record_unlock(void) NO_THREAD_SAFETY {
    lock_release(&lock);
}

/* ---- the present one ---- */

bool
record_is_present(void) {
    return atomic_get(&present) != NULL;
}

recording_t *
record_running(void) {
    recording_t *recording = atomic_get_acquire(&present);
    return recording != NULL && recording->head != NULL ? recording : NULL;
}

void
record_set_present(recording_t *recording) {
    if (recording != NULL) {
        recording->number = ++nrecordings;
        list_push_back(&recordings, &recording->link);
        present_area = recording->head;
        present_size = recording->area_size;
    }
    atomic_set_release(&present, recording);
}

/* ---- the last that leaves ---- */

static void
destroy(recording_t *recording) {
    shared_unmap(recording->head, recording->area_size);
    shared_unmap(recording, recording->size);
}

/* Removes a recording that has ended if no thread is left in it. The caller deletes it without the lock. */
static bool
unlink_if_left(recording_t *recording) REQUIRES(role_record) {
    bool left = recording->ended && recording->njoined == 0;
    if (left) {
        list_remove(&recording->link);
    }
    return left;
}

void
record_life_unhold(recording_t *recording) {
    record_lock();
    recording->njoined--;
    bool left = unlink_if_left(recording);
    record_unlock();
    if (left) {
        destroy(recording);
    }
}

/* ---- fork ---- */

void
record_lock_prefork(void) {
    lock_prefork(&lock);
}

void
record_forget(void) NO_THREAD_SAFETY {
    list_init(&recordings);
    if (record_is_present()) {
        shared_unmap(present_area, present_size);
    }
    atomic_set(&present, NULL);
}

void
record_lock_postfork(bool child) {
    lock_postfork(&lock, child);
}
