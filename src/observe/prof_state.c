/* prof_state.c -- the profiler's rate and switches, and the calling thread's record. */
#include "observe/prof_state.h"

#include "observe/prof_sampling.h"
#include "thread/thread_life.h"

/* Not static: another process finds it (control/layout.def). */
_Atomic unsigned prof_lg_sample_now = DEFAULT_LG_PROF_SAMPLE; /* Synchronization: any thread. */
_Atomic bool prof_begun;
static _Atomic bool prof_accum_on; /* Synchronization: any thread. */

unsigned
prof_lg_sample(void) {
    return atomic_get(&prof_lg_sample_now);
}

/* Computed once for each rate: a sample has no time for the divisions. Common symbols are placed last, and so are not
 * among the variables that every process touches. Synchronization: any thread. */
extern _Atomic double prof_weights[SC_MAX_SIZES];
__attribute__((common)) _Atomic double prof_weights[SC_MAX_SIZES];

void
prof_set_lg_sample(unsigned lg) {
    for (uint32_t i = 0; i < sc.nsizes; i++) {
        atomic_set(&prof_weights[i], prof_sampling_weight(sc.size[i], lg));
    }
    atomic_set(&prof_lg_sample_now, lg);
}

double
prof_weight(uint32_t szind) {
    return atomic_get(&prof_weights[szind]);
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

prof_thread_t *
prof_enter_sample(void) {
    const thread_t *self = thread_here();
    prof_thread_t *thread = self->prof;
    if (UNLIKELY(atomic_get(&self->unsampled))) {
        return NULL;
    }
    thread = LIKELY(thread != NULL) ? thread : prof_thread_here_or_new();
    if (thread == NULL || thread->busy) {
        return NULL;
    }
    thread->busy = true;
    return thread;
}
