/*
 * sample.h -- the slot through which a profiler (observe/prof.h) samples allocations.
 *
 * A sampled allocation, of a small class too, is an extent of its own that points to the profiler's record. Caches
 * never take it (its class in the page map is 0), so only the slow path of a free meets it, and no other object is
 * asked about.
 *
 * Which allocation is next to be sampled is drawn without memory of earlier ones: a class's countdown may start again
 * at any time, and be of any length. Draws depend on the switch and the rate, never on the thread: an allocation whose
 * turn it is in a thread that is not to be sampled (`wants`) is made as any other.
 *
 * sample_generation tells countdowns that were drawn before a change of switch or rate: they are of no use after it.
 * Each cache remembers the generation of its countdowns; the thread that makes a change draws again at once, others
 * when they next follow (thread/refresh.h), and what was due in a countdown of old does not become a sample.
 *
 * Synchronization: `sampler` is filled before sampling is first switched on, and before anything is kept for a thread,
 * and stays; `sampling` may change at any time, and sample_changed() is called after it has.
 */
#ifndef LUNALLOC_ARENA_SAMPLE_H
#define LUNALLOC_ARENA_SAMPLE_H

#include "arena/arena.h"

/* Called with no lock of the core held; they take none but leaves, and may call malloc. */
typedef struct {
    /* The sampling distance: the next sample is the n-th allocation of the class from now on, n = 1 .. most; 0: none of
     * the next `most` is one. */
    uint32_t (*distance)(uint32_t szind, uint32_t most);
    /* Is the calling thread to be sampled now? Asked before an allocation is made as a sample. */
    bool (*wants)(void);
    /* The record of an allocation that was just made; NULL: it is not sampled after all. */
    void *(*allocated)(const extent_t *e);
    /* It is being freed. */
    void (*freed)(void *sample);
    /* A thread ends that the profiler keeps this for. */
    void (*thread_ended)(void *state);
} sampler_t;

extern const sampler_t *_Atomic sampler;
extern _Atomic bool sampling;
extern _Atomic uint32_t sample_generation;

/* What was written before is seen by each thread that sees the new generation. */
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

/* How many allocations of a class the next countdown lasts, 1 .. most; *due tells whether its end is a sample. */
static inline uint32_t
sample_countdown(uint32_t szind, uint32_t most, bool *due) {
    uint32_t n = UNLIKELY(atomic_get(&sampling)) ? sampler_get()->distance(szind, most) : 0;
    *due = n != 0;
    return n != 0 ? n : most;
}

/* Is this one to be sampled? For allocations that no countdown counts. */
static inline bool
sample_now(uint32_t szind) {
    return UNLIKELY(atomic_get(&sampling)) && sampler_get()->distance(szind, 1) == 1;
}

/* An allocation of any class that is sampled. NULL: there is none, without memory, for want of a record, or because the
 * thread is not to be sampled. */
void *arena_malloc_sampled(arena_t *arena, uint32_t szind, size_t alignment, bool *zeroed);

#endif
