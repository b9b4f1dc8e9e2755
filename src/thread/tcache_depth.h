/*
 * tcache_depth.h -- the rules of adaptive depth: how many slots a stack of a cache has, and how many objects a refill
 * brings. Read this to learn why a cache has its present depth, or to tune it; tcache.c moves the objects.
 *
 *   first use      A stack starts with 8 slots, or as many as its class may have (tcache_max_slots).
 *   refill         A refill asks for 2^fill_shift objects: at most half of the stack, and no fewer than a cache line
 *                  holds, so that threads that begin with a class side by side do not begin on one line.
 *   burst          If hardly anything was freed into the stack since the last refill, the next one asks for twice as
 *                  many objects, and the stack doubles to make room. Otherwise the next one asks for half as many.
 *   overflow       A stack that is full at a free doubles; if it may not, its oldest half is flushed.
 *   round trip     A stack that overflows, and that requests empty right after, is too small for the thread's batches.
 *                  If that is the rule, it may double beyond the usual limits (DEPTH_LG_USUAL, DEPTH_USUAL_BYTES), up
 *                  to tcache_max_slots. When it is not any more, a refill halves the stack, which is empty then.
 *   handed over    If another thread has taken objects of an overflow's older half from their slabs, what is flushed
 *                  will serve that thread rather than the coming refill: the usual limits hold again.
 *   one way        A thread that only allocates, or only frees, gets a stack of at most 128 slots. By then the fixed
 *                  cost of a refill or flush is a few instructions an object; more slots are for objects that return.
 *   foreign first  The first object of a class that is freed into a cache from which none was allocated belongs to
 *                  another thread, and so may its neighbours on the cache line. It goes back to its arena, and the
 *                  first refill then brings a line of the cache's own.
 *   collection     A class without a request since the collector last looked loses half of its objects, and with the
 *                  last one its stack; the usual limits hold for it again.
 *
 * Pure decisions on cache_cold_t: nothing here allocates or moves an object. Requests are compared by their low 32
 * bits; a wrong comparison, once in 2^32 requests, costs a refill of another size. Synchronization: the cache's user.
 */
#ifndef LUNALLOC_THREAD_TCACHE_DEPTH_H
#define LUNALLOC_THREAD_TCACHE_DEPTH_H

#include "base/options.h"
#include "base/sc.h"
#include "thread/cache.h"

/* Log2 of the slots of a first stack. */
#define DEPTH_LG_FIRST 3
/* Log2 of the most slots for one-way traffic. */
#define DEPTH_LG_ONE_WAY 7
/* Log2 of the most slots, and the most bytes, of a stack without round trips. */
#define DEPTH_LG_USUAL    10
#define DEPTH_USUAL_BYTES 65536
/* So many round trips more than other overflows allow a doubling beyond that. */
#define DEPTH_TRIPS     3
#define DEPTH_TRIPS_MAX 7
/* A stack may have this many slots, however large the class is (options.tcache_bytes). */
#define DEPTH_SLOTS_ALWAYS 4

/* May a stack of this class have 2^lg slots? */
static inline bool
depth_allows(uint32_t szind, uint32_t lg) {
    size_t n = (size_t)1 << lg;
    if (config_torture) {
        return lg == 0;
    }
    bool bytes = n <= DEPTH_SLOTS_ALWAYS || n * sc.size[szind] <= atomic_get(&options.tcache_bytes);
    return bytes && n <= atomic_get(&options.tcache_nslots);
}

/* Is a stack of 2^lg slots within the usual limits, or no further beyond them than its round trips allow? */
static inline bool
depth_is_usual(const cache_cold_t *cold, uint32_t szind, uint32_t lg) {
    uint32_t doublings = cold->trips / DEPTH_TRIPS;
    uint32_t usual = lg < doublings ? 0 : lg - doublings;
    size_t n = (size_t)1 << usual;
    return usual <= DEPTH_LG_USUAL && (n <= DEPTH_SLOTS_ALWAYS || n * sc.size[szind] <= DEPTH_USUAL_BYTES);
}

/* Sets *lg to the size of a bin's next stack: a first one, or twice the present one. False if it may not grow. */
static inline bool
depth_next(const cache_cold_t *cold, uint32_t szind, uint32_t *lg) {
    if (cold->slots != NULL) {
        *lg = cold->lg_slots + 1U;
        return depth_allows(szind, *lg) && depth_is_usual(cold, szind, *lg);
    }
    *lg = DEPTH_LG_FIRST;
    while (!depth_allows(szind, *lg) || !depth_is_usual(cold, szind, *lg)) {
        --*lg;
    }
    return true;
}

/* ---- refills ---- */

/* As many objects as a cache line holds parts of, if the stack has room for them. */
static inline uint32_t
depth_least_fill(const cache_cold_t *cold, uint32_t szind) {
    uint32_t line = (uint32_t)((CACHELINE + sc.size[szind] - 1) / sc.size[szind]);
    uint32_t room = 1U << cold->lg_slots;
    return line < room ? line : room;
}

/* How many objects a refill must add to a stack that holds `count`; 0 without a stack. */
static inline uint32_t
depth_missing(const cache_cold_t *cold, uint32_t szind, uint32_t count) {
    if (cold->slots == NULL) {
        return 0;
    }
    uint32_t least = depth_least_fill(cold, szind);
    uint32_t half = (1U << cold->lg_slots) / 2;
    uint32_t want = 1U << cold->fill_shift;
    want = want < half ? want : half;
    want = want < least ? least : want;
    return count < want ? want - count : 0;
}

/* Has hardly anything been freed into the stack since the last refill? */
static inline bool
depth_in_burst(const cache_cold_t *cold, uint32_t requests) {
    return requests - cold->fill_mark <= 2 * (cold->last_fill + 1U);
}

/* Must the stack grow before the coming refill can ask for more? */
static inline bool
depth_refill_grows(const cache_cold_t *cold, uint32_t requests) {
    return cold->fill_shift + 1 >= cold->lg_slots && cold->lg_slots < DEPTH_LG_ONE_WAY &&
           depth_in_burst(cold, requests);
}

/* Sets how many objects the coming refill asks for. The stack has grown before, if it should and could. */
static inline void
depth_adapt_fill(cache_cold_t *cold, uint32_t requests) {
    if (!depth_in_burst(cold, requests)) {
        cold->fill_shift = cold->fill_shift == 0 ? 0 : (cold->fill_shift - 1U) & 31;
    } else if (cold->fill_shift + 1 < cold->lg_slots) {
        cold->fill_shift++;
    }
}

/*
 * Counts, at the first refill after an overflow, what became of it, for a stack that may not grow. It was a round trip
 * if at most as many objects were requested since as the stack has slots, and this one: a larger stack would have kept
 * what was flushed for the coming refill. True if the stack is larger than the round trips so far allow.
 */
static inline bool
depth_note_trip(cache_cold_t *cold, uint32_t szind, uint32_t requests) {
    uint32_t since = requests - cold->overflowed;
    if (since > requests - cold->fill_mark || depth_is_usual(cold, szind, cold->lg_slots + 1U)) {
        return false;
    }
    if (since <= (1U << cold->lg_slots) + 1) {
        cold->trips = cold->trips < DEPTH_TRIPS_MAX ? (cold->trips + 1U) & DEPTH_TRIPS_MAX : DEPTH_TRIPS_MAX;
        return false;
    }
    cold->trips = cold->trips == 0 ? 0 : (cold->trips - 1U) & DEPTH_TRIPS_MAX;
    return !depth_is_usual(cold, szind, cold->lg_slots);
}

/* Forgets the round trips of a stack, and returns how large it may be then: log2 of its slots. */
static inline uint32_t
depth_forget_trips(cache_cold_t *cold, uint32_t szind) {
    uint32_t lg = cold->lg_slots;
    cold->trips = 0;
    while (!depth_is_usual(cold, szind, lg)) {
        lg--;
    }
    return lg;
}

/* Remembers a refill: `count` objects are on the stack after it. */
static inline void
depth_note_fill(cache_cold_t *cold, uint32_t requests, uint32_t count) {
    cold->fill_mark = requests;
    cold->last_fill = (uint16_t)count;
}

/* ---- frees ---- */

/* May a full stack grow, rather than be flushed? Not without a request since the last overflow: that is one-way. */
static inline bool
depth_overflow_grows(cache_cold_t *cold, uint32_t requests) {
    bool one_way = cold->lg_slots >= DEPTH_LG_ONE_WAY && requests == cold->overflowed;
    cold->overflowed = requests;
    return !one_way;
}

/* Objects that an overflow leaves in the stack. */
static inline uint32_t
depth_after_overflow(const cache_cold_t *cold) {
    return (1U << cold->lg_slots) / 2;
}

/* Does an object go back to its arena, as the first that is freed into a cache whose class was not `used`? One that
 * shares no line stays. */
static inline bool
depth_foreign_first(bool used, uint32_t szind) {
    return sc.size[szind] < CACHELINE && !used;
}

/* ---- collection ---- */

/* True if the class had no request since the last call: its next burst starts small. */
static inline bool
depth_is_idle(cache_cold_t *cold, uint32_t requests) {
    bool idle = cold->slots != NULL && cold->seen == requests;
    cold->seen = requests;
    cold->fill_shift = idle ? 0 : cold->fill_shift;
    cold->trips = idle ? 0 : cold->trips;
    return idle;
}

#endif
