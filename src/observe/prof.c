/* prof.c -- the profiler's switch and rate, the sampler that the layers below call, and the names of threads. */
#include "observe/prof.h"

#include "base/check.h"
#include "base/options.h"
#include "extent/highwater.h"
#include "observe/prof_dump.h"
#include "observe/prof_frames.h"
#include "observe/prof_sampling.h"
#include "observe/prof_stack.h"
#include "os/thread.h"
#include "thread/refresh.h"
#include "thread/thread_life.h"

#include <errno.h>
#include <string.h>

/* A distance beyond this counts as "no sample". */
#define DISTANCE_MAX (UINT32_C(1) << 31)

/* Not static: another process finds it (control/layout.def). */
_Atomic bool prof_gdump_on; /* Synchronization: any thread. */

/* ---- the sampler ---- */

/*
 * The thread's distance to its next sample of a class, drawn once and counted down by the countdowns that begin
 * meanwhile, whichever cache they belong to. A distance that was drawn at another rate is dropped.
 */
static uint32_t
count_down_distance(prof_thread_t *thread, uint32_t szind, uint32_t most, unsigned lg) {
    if (UNLIKELY(thread->distances_lg != lg)) {
        memset(thread->distances, 0, sizeof thread->distances);
        thread->distances_lg = lg;
    }
    uint32_t n = thread->distances[szind];
    n = n != 0 ? n : prof_sampling_distance(sc.size[szind], DISTANCE_MAX, lg);
    thread->distances[szind] = n > most ? n - most : 0;
    return n <= most ? n : 0;
}

static uint32_t
sampler_distance(uint32_t szind, uint32_t most) {
    prof_thread_t *thread = prof_thread_here();
    unsigned lg = prof_lg_sample();
    return thread != NULL && szind < CACHE_BINS ? count_down_distance(thread, szind, most, lg)
                                                : prof_sampling_distance(sc_size(szind), most, lg);
}

/* Leaves out threads that are switched off, and what is allocated for the profiler itself. */
static bool
sampler_wants(void) {
    const thread_t *self = thread_here();
    const prof_thread_t *thread = self->prof;
    return !atomic_get(&self->unsampled) && (thread == NULL || !thread->busy);
}

/* Where the allocation would lie if it were not sampled: at the object that the thread's cache would have handed out.
 * By that, the stacks of samples tell who keeps a slab (lua/lunalloc/waste.lua). 0 if the cache has none. */
static uintptr_t
place_of(uint32_t szind) {
    const cache_bin_t *bin = &thread_here()->cache.bins[szind + 1 < CACHE_BINS ? szind + 1 : 0];
    void **head = cache_bin_head(bin);
    return cache_bin_is_empty(bin, head) ? 0 : (uintptr_t)*head;
}

static prof_sample_t *
record_sample(const extent_t *e, prof_thread_t *thread, const uintptr_t *ips, uint32_t n) {
    size_t size = sc.size[e->szind];
    prof_allocation_t what = {
        .addr = e->addr,
        .place = sc_is_small(e->szind) ? place_of(e->szind) : 0,
        .szind = e->szind,
        .arena = extent_arena(e),
        .weight = prof_weight(e->szind),
    };
    prof_sample_t *sample = prof_table_add(thread, &what, ips, n);
    if (sample != NULL) {
        prof_dump_allocated(what.weight * (double)size);
    }
    return sample;
}

/* Lets the host of an interpreter add its frames. */
static uint32_t
with_frames(uintptr_t *ips, uint32_t n) {
    lunalloc_frames_t *frames = atomic_get_acquire(&prof_frames);
    return UNLIKELY(frames != NULL) ? frames(ips, n) : n;
}

/* The stack is captured right here: each frame of ours between the entry point and the capture costs a step. */
static void *
sampler_allocated(const extent_t *e) {
    uintptr_t ips[LUNALLOC_STACK_MAX];
    int saved = errno;
    prof_sample_t *sample = NULL;
    prof_thread_t *thread = prof_enter_sample();
    if (LIKELY(thread != NULL)) {
        uint32_t n = prof_stack_capture(ips, &thread->walk);
        sample = record_sample(e, thread, ips, with_frames(ips, n));
        thread->busy = false;
    }
    errno = saved;
    return sample;
}

static void
sampler_freed(void *sample) {
    prof_table_remove(sample);
}

static void
sampler_thread_ended(void *state) {
    prof_thread_end(state);
}

static const sampler_t prof_sampler = {
    .distance = sampler_distance,
    .wants = sampler_wants,
    .allocated = sampler_allocated,
    .freed = sampler_freed,
    .thread_ended = sampler_thread_ended,
};

/* Makes the table. The sampler is filled in first: with the table, threads can get records, and then the end of a
 * thread is reported to the sampler. */
static bool
make_table(void) {
    atomic_set_release(&sampler, &prof_sampler);
    return prof_table_make();
}

/* ---- the switch ---- */

/* A sample is an extent of its own in any class, so from now on a free of a small class looks at the extent. */
static int
prepare(void) {
    if (!make_table() || !prof_stack_prepare()) {
        return EAGAIN;
    }
    prof_set_lg_sample(prof_lg_sample());
    atomic_set(&arenas_uncached_made, true);
    return 0;
}

/* The switch or the rate has changed, so countdowns drawn before are void: the calling thread's from now on, other
 * threads' once they notice. */
static void
restart_countdowns(void) {
    sample_changed();
    threads_request_refresh();
}

static void
drop_kept(void) {
    for (uint32_t i = 0; i < arenas_count(); i++) {
        if (arenas_get(i) != NULL) {
            arena_drop_kept(arenas_get(i));
        }
    }
}

int
prof_set_active(bool active) {
    thread_get();
    int error = active ? prepare() : 0;
    if (error == 0) {
        atomic_set_release(&sampling, active);
        restart_countdowns();
    }
    if (!active) {
        drop_kept();
    }
    return error;
}

void
prof_reset(unsigned lg) {
    prof_set_lg_sample(lg);
    restart_countdowns();
    prof_dump_lock();
    prof_table_reset();
    prof_dump_unlock();
}

bool
prof_gdump(void) {
    return atomic_get(&prof_gdump_on);
}

void
prof_set_gdump(bool on) {
    atomic_set(&prof_gdump_on, on);
    highwater_set_slot(on ? prof_dump_high : NULL);
}

void
prof_begin(void) {
    if (atomic_exchange_explicit(&prof_begun, true, memory_order_relaxed)) {
        return;
    }
    prof_set_lg_sample((unsigned)options.lg_prof_sample);
    prof_set_thread_active_init(options.prof_thread_active_init);
    prof_thread_set_active(options.prof_thread_active_init);
    prof_set_accum(options.prof_accum);
    if (options.prof_gdump) {
        prof_set_gdump(true);
    }
    if (options.prof_active && prof_set_active(true) != 0) {
        warn("profiling cannot be switched on: no memory, or no unwinder (libgcc_s.so.1)");
    }
}

/* ---- names of threads ---- */

const char *
prof_thread_get_name(void) {
    const prof_thread_t *thread = prof_thread_here();
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
    thread_get();
    prof_thread_t *thread = make_table() ? prof_thread_here_or_new() : NULL;
    if (thread == NULL) {
        return EAGAIN;
    }
    prof_thread_name(thread, name);
    return 0;
}

/* ---- fork ---- */

void
prof_prefork(void) {
    prof_table_prefork();
}

void
prof_postfork(bool child) {
    prof_table_postfork(child);
    if (child && prof_thread_here() != NULL) {
        prof_thread_here()->id = os_thread_id();
    }
}
