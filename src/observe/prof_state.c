/* prof_state.c -- the profiler's rate and switches, and the calling thread's record. */
#include "observe/prof_state.h"

#include "thread/thread_life.h"

/* Not static: another process finds it (control/layout.def). */
_Atomic unsigned prof_lg_sample_now = DEFAULT_LG_PROF_SAMPLE; /* Synchronization: any thread. */
_Atomic bool prof_begun;
static _Atomic bool prof_accum_on; /* Synchronization: any thread. */

unsigned
prof_lg_sample(void) {
    return atomic_get(&prof_lg_sample_now);
}

void
prof_set_lg_sample(unsigned lg) {
    atomic_set(&prof_lg_sample_now, lg);
}

bool
prof_accum(void) {
    return atomic_get(&prof_accum_on);
}

void
prof_set_accum(bool on) {
    atomic_set(&prof_accum_on, on);
}

/* ---- which threads are sampled ---- */

bool
prof_thread_active(void) {
    return !atomic_get(&thread_here()->unsampled);
}

void
prof_thread_set_active(bool active) {
    thread_t *self = thread_get();
    if (self != &thread_exited) {
        atomic_set(&self->unsampled, !active);
    }
}

bool
prof_thread_active_init(void) {
    return !atomic_get(&thread_born_unsampled);
}

void
prof_set_thread_active_init(bool active) {
    atomic_set(&thread_born_unsampled, !active);
    atomic_set(&thread_uninitialised.unsampled, !active);
}

/* ---- records ---- */

prof_thread_t *
prof_thread_here(void) {
    return thread_here()->prof;
}

prof_thread_t *
prof_thread_here_or_new(void) {
    thread_t *thread = thread_here();
    if (thread->prof == NULL && thread != &thread_exited && thread != &thread_uninitialised) {
        thread->prof = prof_thread_new(thread->id);
    }
    return thread->prof;
}

bool
prof_enter(void) {
    prof_thread_t *thread = prof_thread_here_or_new();
    bool was_busy = thread == NULL || thread->busy;
    if (thread != NULL) {
        thread->busy = true;
    }
    return was_busy;
}

void
prof_leave(void) {
    prof_thread_here()->busy = false;
}
