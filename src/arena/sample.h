/*
 * sample.h -- the slot through which a profiler (observe/prof.h) samples allocations.
 *
 * Use sample_countdown where a cache starts to count allocations of a class, and sample_now for an allocation that no
 * cache counts; where either says that a sample is due, try arena_malloc_sampled (arena.h) first. While nothing is
 * sampled each costs a load and a branch.
 *
 * A sampled allocation, of a small class too, is an extent of its own, whose `sample` is the profiler's record. Its
 * class in the page map is 0, so no cache takes it: only the slow path of a free meets it, and other objects carry no
 * mark.
 *
 * The distance to the next sample is memoryless: a class's countdown may start again at any time, and last for any
 * length. It depends on the switch and the rate, never on the thread: where a sample is due in a thread that is not to
 * be sampled (`wants`), an ordinary allocation is made.
 *
 * A change of switch or rate makes countdowns that were drawn before it worthless: sample_changed() raises
 * sample_generation. Each cache remembers the generation of its countdowns. The thread that makes the change draws
 * again at once, others when they refresh (thread/refresh.h); a sample that was due by an outdated countdown is not
 * taken.
 *
 * Synchronization: `sampler` is filled before sampling is first switched on and before the profiler keeps a state for
 * any thread, and never changes after that. `sampling` may change at any time; sample_changed() follows each change.
 */
#ifndef LUNALLOC_ARENA_SAMPLE_H
#define LUNALLOC_ARENA_SAMPLE_H

#include "extent/extent.h"

/* Called with no lock of the core held; they take none but leaf locks, and may call malloc. */
typedef struct {
    /* The sampling distance: the next sample is the n-th allocation of the class from now on, n = 1 .. most; 0: none of
     * the next `most` is one. */
    uint32_t (*distance)(uint32_t szind, uint32_t most);
    /* Whether the calling thread is to be sampled now. Called before an allocation is made as a sample. */
    bool (*wants)(void);
    /* Returns the record of an allocation that was just made. NULL: it is not sampled after all. */
    void *(*allocated)(const extent_t *e);
    /* Called when the allocation is freed. */
    void (*freed)(void *sample);
    /* Called when a thread ends for which the profiler keeps this state. */
    void (*thread_ended)(void *state);
} sampler_t;

extern const sampler_t *_Atomic sampler;
extern _Atomic bool sampling;
extern _Atomic uint32_t sample_generation;

/* Release: a thread that sees the new generation sees what was written before. */
static inline void
sample_changed(void) {
    atomic_fetch_add_explicit(&sample_generation, 1, memory_order_release);
}

static inline uint32_t
sample_latest(void) {
    return atomic_get_acquire(&sample_generation);
}

static inline const sampler_t *
sampler_get(void) {
    return atomic_get_acquire(&sampler);
}

/* How many allocations of a class the next countdown lasts, 1 .. most; *due: whether its last one is a sample. */
static inline uint32_t
sample_countdown(uint32_t szind, uint32_t most, bool *due) {
    uint32_t n = UNLIKELY(atomic_get(&sampling)) ? sampler_get()->distance(szind, most) : 0;
    *due = n != 0;
    return n != 0 ? n : most;
}

/* Whether an allocation that no countdown counts is to be sampled. */
static inline bool
sample_now(uint32_t szind) {
    return UNLIKELY(atomic_get(&sampling)) && sampler_get()->distance(szind, 1) == 1;
}

#endif
