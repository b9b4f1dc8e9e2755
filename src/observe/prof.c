/* prof.c -- the switch, the rate, the sampler that the layers below call, and what is kept for each thread. */
#include "observe/prof.h"

#include "arena/sample.h"
#include "base/check.h"
#include "base/options.h"
#include "extent/highwater.h"
#include "observe/prof_draw.h"
#include "observe/prof_dump.h"
#include "observe/prof_stack.h"
#include "observe/prof_table.h"
#include "os/system.h"
#include "thread/refresh.h"

#include <errno.h>
#include <string.h>

/* Farther than that nothing is drawn: there is no sample before. */
#define DRAW_MAX (UINT32_C(1) << 31)

static _Atomic unsigned lg_sample = DEFAULT_LG_PROF_SAMPLE; /* Synchronization: any thread. */
static _Atomic bool gdump;                                  /* Synchronization: any thread. */
_Atomic bool prof_begun;

static const sampler_t prof_sampler;

/* ---- threads ---- */

/* What the calling thread is known as; NULL: it is not known yet, or it is no thread that could be. */
static prof_thread_t *
record(void) {
    return thread_here()->prof;
}

/* Its end is told to the sampler: also where sampling was never switched on. */
static prof_thread_t *
record_or_new(void) {
    thread_t *thread = thread_here();
    if (thread->prof == NULL && thread != &thread_exited && thread != &thread_uninitialised) {
        atomic_set_release(&sampler, &prof_sampler);
        thread->prof = prof_thread_new(thread->id);
    }
    return thread->prof;
}

bool
prof_enter(void) {
    prof_thread_t *thread = record_or_new();
    bool was_busy = thread == NULL || thread->busy;
    if (thread != NULL) {
        thread->busy = true;
    }
    return was_busy;
}

void
prof_leave(void) {
    record()->busy = false;
}

bool
prof_thread_active(void) {
    return !atomic_get(&thread_here()->unsampled);
}

/* For a control: the calling thread is one, and the table is there. */
static prof_thread_t *
record_for_control(void) {
    thread_get();
    return prof_table_make() ? record_or_new() : NULL;
}

/* ---- the sampler ---- */

/*
 * Where a class's next sample is, is drawn once, and counted down as countdowns begin: each stands for allocations of
 * its own, whatever cache it is of. What was drawn at another rate is forgotten.
 */
static uint32_t
take_drawn(prof_thread_t *thread, uint32_t szind, uint32_t most, unsigned lg) {
    if (UNLIKELY(thread->drawn_at != lg)) {
        memset(thread->drawn, 0, sizeof thread->drawn);
        thread->drawn_at = lg;
    }
    uint32_t n = thread->drawn[szind];
    n = n != 0 ? n : prof_draw(sc.size[szind], DRAW_MAX, lg);
    thread->drawn[szind] = n > most ? n - most : 0;
    return n <= most ? n : 0;
}

static uint32_t
until(uint32_t szind, uint32_t most) {
    prof_thread_t *thread = record();
    unsigned lg = atomic_get(&lg_sample);
    return thread != NULL && szind < CACHE_BINS ? take_drawn(thread, szind, most, lg)
                                                : prof_draw(sc_size(szind), most, lg);
}

/* Neither a thread that is left out, nor what is allocated for the profiler itself. */
static bool
wants(void) {
    const prof_thread_t *thread = record();
    return prof_thread_active() && (thread == NULL || !thread->busy);
}

static prof_sample_t *
enter_sample(const extent_t *e, prof_thread_t *thread, const uintptr_t *ips, uint32_t n) {
    size_t size = sc.size[e->szind];
    prof_allocation_t what = {
        .addr = e->addr,
        .size = size,
        .szind = e->szind,
        .arena = extent_arena(e),
        .weight = prof_weight(size, atomic_get(&lg_sample)),
    };
    prof_sample_t *sample = prof_table_add(thread, &what, ips, n);
    if (sample != NULL) {
        prof_dump_allocated(what.weight * (double)size);
    }
    return sample;
}

/* The stack is looked at from here: the fewer frames of the allocator there are, the shorter is the way. */
static void *
allocated(const extent_t *e) {
    uintptr_t ips[LUNALLOC_STACK_MAX];
    int saved = errno;
    prof_sample_t *sample = NULL;
    if (prof_thread_active() && !prof_enter()) {
        prof_thread_t *thread = record();
        sample = enter_sample(e, thread, ips, prof_stack_capture(ips, &thread->top));
        prof_leave();
    }
    errno = saved;
    return sample;
}

static void
freed(void *sample) {
    prof_table_remove(sample);
}

static void
thread_ended(void *state) {
    prof_thread_end(state);
}

static const sampler_t prof_sampler = {
    .until = until,
    .wants = wants,
    .allocated = allocated,
    .freed = freed,
    .thread_ended = thread_ended,
};

/* ---- the switch ---- */

bool
prof_is_active(void) {
    return atomic_get(&sampling);
}

/* What is sampled is to be freed with its extent looked at. */
static int
prepare(void) {
    if (!prof_table_make() || !prof_stack_prepare()) {
        return EAGAIN;
    }
    atomic_set(&arenas_uncached_made, true);
    atomic_set_release(&sampler, &prof_sampler);
    return 0;
}

/* The switch, or the rate: countdowns that were drawn before are of no use, the calling thread's from now on. */
static void
changed(void) {
    sample_changed();
    threads_request_refresh();
}

int
prof_set_active(bool active) {
    thread_get();
    int error = active ? prepare() : 0;
    if (error == 0) {
        atomic_set_release(&sampling, active);
        changed();
    }
    return error;
}

unsigned
prof_lg_sample(void) {
    return atomic_get(&lg_sample);
}

void
prof_reset(unsigned lg) {
    atomic_set(&lg_sample, lg);
    changed();
    prof_dump_lock();
    prof_table_reset();
    prof_dump_unlock();
}

bool
prof_gdump(void) {
    return atomic_get(&gdump);
}

void
prof_set_gdump(bool on) {
    atomic_set(&gdump, on);
    highwater_set_slot(on ? prof_dump_high : NULL);
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

void
prof_thread_set_active(bool active) {
    thread_t *self = thread_get();
    if (self != &thread_exited) {
        atomic_set(&self->unsampled, !active);
    }
}

const char *
prof_thread_get_name(void) {
    const prof_thread_t *thread = record();
    return thread == NULL ? "" : thread->name;
}

static bool
is_good_name(const char *name) {
    size_t len = 0;
    while (len < PROF_NAME_MAX && ((name[len] >= ' ' && name[len] <= '~') || name[len] == '\t')) {
        len++;
    }
    return len < PROF_NAME_MAX && name[len] == '\0';
}

int
prof_thread_set_name(const char *name) {
    if (!is_good_name(name)) {
        return EINVAL;
    }
    prof_thread_t *thread = record_for_control();
    if (thread == NULL) {
        return EAGAIN;
    }
    prof_thread_name(thread, name);
    return 0;
}

void
prof_begin(void) {
    if (atomic_exchange_explicit(&prof_begun, true, memory_order_relaxed)) {
        return;
    }
    atomic_set(&lg_sample, (unsigned)options.lg_prof_sample);
    prof_set_thread_active_init(options.prof_thread_active_init);
    prof_thread_set_active(options.prof_thread_active_init);
    if (options.prof_gdump) {
        prof_set_gdump(true);
    }
    if (options.prof_active && prof_set_active(true) != 0) {
        warn("profiling cannot be switched on: no memory, or no unwinder (libgcc_s.so.1)");
    }
}

/* ---- fork ---- */

void
prof_prefork(void) {
    prof_table_prefork();
}

void
prof_postfork(bool child) {
    prof_table_postfork(child);
    if (child && record() != NULL) {
        record()->id = system_thread_id();
    }
}
