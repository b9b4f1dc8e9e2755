/* tcache.c -- stacks that grow with use. */
#include "thread/tcache.h"

#include "arena/sample.h"
#include "base/options.h"
#include "base/witness.h"
#include "extent/metadata.h"
#include "thread/refresh.h"

#include <string.h>

#define LG_SLOTS_MIN 3
/* From here on a refill's or flush's fixed cost is a few instructions an object. */
#define LG_SLOTS_ONE_WAY 7
/* Whatever the limit of bytes. */
#define SLOTS_ALWAYS 4
#define LG_SLOT      3

uint32_t
tcache_nclasses(void) {
    uint32_t n = sc_index(atomic_get(&options.tcache_max)) + 1;
    return n < CACHE_BINS - 1 ? n : CACHE_BINS - 1;
}

/* May a stack of this class have 2^lg slots? */
static bool
allowed(uint32_t szind, uint32_t lg) {
    size_t n = (size_t)1 << lg;
    if (config_torture) {
        return lg == 0;
    }
    bool bytes = n <= SLOTS_ALWAYS || n * sc.size[szind] <= atomic_get(&options.tcache_bytes);
    return bytes && n <= atomic_get(&options.tcache_nslots);
}

uint32_t
tcache_max_slots(uint32_t szind) {
    uint32_t lg = 0;
    while (allowed(szind, lg + 1)) {
        lg++;
    }
    return 1U << lg;
}

static void **
end_of(const cache_cold_t *cold) {
    return cold->slots + ((size_t)1 << cold->lg_slots);
}

static void
set_bounds(cache_bin_t *bin, const cache_cold_t *cold, void **head) {
    bin->full = (uint16_t)(uintptr_t)cold->slots;
    __atomic_store_n(&bin->empty, (uint16_t)(uintptr_t)end_of(cold), __ATOMIC_RELAXED);
    cache_bin_set_head(bin, head);
}

/* The size of a bin's next stack. False if it may not grow. */
static inline bool
next_size(const cache_cold_t *cold, uint32_t szind, uint32_t *lg) {
    if (cold->slots != NULL) {
        *lg = cold->lg_slots + 1;
        return allowed(szind, *lg);
    }
    *lg = LG_SLOTS_MIN;
    while (!allowed(szind, *lg)) {
        --*lg;
    }
    return true;
}

/* From now on a class's bytes are counted, those of what it has counted so far first. */
static inline void
use(cache_t *cache, uint32_t bin_index) {
    uint64_t bit = UINT64_C(1) << bin_index;
    if (UNLIKELY((cache->used & bit) == 0)) {
        cache->used |= bit;
        cache->counted += sc.size[bin_index - 1] * atomic_get(&cache->cold[bin_index].nrequests);
    }
}

/* n objects of a class go back to an arena; or, n being negative, come from one. */
static inline void
note_returned(cache_t *cache, uint32_t szind, int64_t n) {
    cache->returned += sc.size[szind] * (uint64_t)n;
}

/* Gives a bin a stack of 2^lg slots and moves the objects. False without memory. */
static NOINLINE bool
replace_stack(cache_bin_t *bin, cache_cold_t *cold, uint32_t lg) {
    cache_cold_t old = {.slots = cold->slots, .lg_slots = cold->lg_slots};
    void **slots = metadata_block_alloc(lg + LG_SLOT);
    if (slots == NULL) {
        return false;
    }
    uint32_t n = old.slots == NULL ? 0 : cache_bin_count(bin);
    cold->slots = slots;
    __atomic_store_n(&cold->lg_slots, (uint8_t)lg, __ATOMIC_RELAXED);
    void **head = end_of(cold) - n;
    if (n > 0) {
        memcpy(head, bin->head, n * sizeof *head);
    }
    set_bounds(bin, cold, head);
    if (old.slots == NULL) {
        cold->fill_shift = 0;
    } else {
        metadata_block_free(old.slots, old.lg_slots + LG_SLOT);
    }
    return true;
}

/* A larger stack, or the first one. False if there is none: as in a cache that covers the class no more, which may
 * come about while an operation is under way. */
static bool
grow(cache_t *cache, uint32_t szind) {
    cache_cold_t *cold = &cache->cold[szind + 1];
    uint32_t lg;
    return szind < cache->ncached && next_size(cold, szind, &lg) && replace_stack(&cache->bins[szind + 1], cold, lg);
}

/* The n oldest objects leave a stack; their slots are the others' now. */
static void
forget_oldest(cache_bin_t *bin, uint32_t n) {
    void **head = cache_bin_head(bin);
    memmove(head + n, head, (cache_bin_count(bin) - n) * sizeof *head);
    cache_bin_set_head(bin, head + n);
}

static void
flush_small(cache_bin_t *bin, const cache_cold_t *cold, uint32_t n) {
    list_t emptied;
    list_init(&emptied);
    arena_push(end_of(cold) - n, n, &emptied);
    forget_oldest(bin, n);
    arena_delete_slabs(&emptied);
}

static void
flush_large(cache_bin_t *bin, const cache_cold_t *cold) {
    void *ptr = end_of(cold)[-1];
    forget_oldest(bin, 1);
    arena_free(ptr);
}

/* Gives all but the `keep` newest objects back. What may run hooks, which may allocate, comes when they have left the
 * stack. */
static void
flush_bin(cache_t *cache, uint32_t szind, uint32_t keep) {
    cache_bin_t *bin = &cache->bins[szind + 1];
    const cache_cold_t *cold = &cache->cold[szind + 1];
    uint32_t count;
    while (cold->slots != NULL && (count = cache_bin_count(bin)) > keep) {
        if (sc_is_small(szind)) {
            note_returned(cache, szind, count - keep);
            flush_small(bin, cold, count - keep);
        } else {
            note_returned(cache, szind, 1);
            flush_large(bin, cold);
        }
    }
}

/* Takes the newest object. False if there is none. */
static bool
pop_uncounted(cache_bin_t *bin, void **ptr) {
    void **head = cache_bin_head(bin);
    if (cache_bin_is_empty(bin, head)) {
        return false;
    }
    cache_bin_set_head(bin, head + 1);
    *ptr = *head;
    return true;
}

/* As many objects as a cache line holds parts of, if the stack has room for them: a refill takes no fewer, so that
 * threads which begin with a class side by side do not begin on one line. */
static uint32_t
least_fill(const cache_cold_t *cold, uint32_t szind) {
    uint32_t line = (uint32_t)((CACHELINE + sc.size[szind] - 1) / sc.size[szind]);
    uint32_t room = 1U << cold->lg_slots;
    return line < room ? line : room;
}

/* How many objects a refill has to add. */
static uint32_t
missing(const cache_bin_t *bin, const cache_cold_t *cold, uint32_t szind) {
    if (cold->slots == NULL) {
        return 0;
    }
    uint32_t least = least_fill(cold, szind);
    uint32_t half = (1U << cold->lg_slots) / 2;
    uint32_t want = 1U << cold->fill_shift;
    uint32_t count = cache_bin_count(bin);
    want = want < half ? want : half;
    want = want < least ? least : want;
    return count < want ? want - count : 0;
}

/* Puts n objects on a stack that has room, or as many as the arena has at hand; returns how many. */
static uint32_t
stack_up(cache_t *cache, arena_t *arena, uint32_t szind, uint32_t bin_shard, uint32_t n) {
    cache_bin_t *bin = &cache->bins[szind + 1];
    void **head = cache_bin_head(bin);
    uint32_t got = arena_take(arena, szind, bin_shard, n, head - n);
    if (got < n) {
        memmove(head - got, head - n, got * sizeof *head);
    }
    cache_bin_set_head(bin, head - got);
    note_returned(cache, szind, -(int64_t)got);
    return got;
}

/* One object for the caller, past the stack. NULL without memory. */
static void *
take_one(cache_t *cache, arena_t *arena, uint32_t szind, uint32_t bin_shard) {
    bool zeroed = false;
    void *ptr = sc_is_small(szind) ? arena_malloc_small(arena, szind, bin_shard)
                                   : arena_malloc_large_in(arena, szind, sc.page, &zeroed);
    note_returned(cache, szind, -(ptr != NULL));
    return ptr;
}

/*
 * One object for the caller, more for the stack if there is one; NULL without memory. A new slab may run hooks, which
 * may allocate and so change the stack: it is looked at again after each.
 */
static void *
refill(cache_t *cache, arena_t *arena, uint32_t szind, uint32_t bin_shard) {
    cache_bin_t *bin = &cache->bins[szind + 1];
    const cache_cold_t *cold = &cache->cold[szind + 1];
    if (UNLIKELY(arena == NULL)) {
        return NULL;
    }
    if (!sc_is_small(szind)) {
        return take_one(cache, arena, szind, bin_shard);
    }
    uint32_t n;
    while ((n = missing(bin, cold, szind)) > 0 && stack_up(cache, arena, szind, bin_shard, n) < n &&
           arena_add_slab(arena, szind, bin_shard)) {
    }
    void *ptr = NULL;
    return pop_uncounted(bin, &ptr) ? ptr : take_one(cache, arena, szind, bin_shard);
}

/*
 * requests = nrequests - remain. Both change when a countdown starts again; in between, a mark in
 * nrequests says that it is the difference already. So a reader on another thread sees a count that is exact and never
 * falls.
 */
#define RESTARTING (UINT64_C(1) << 63)

/* How long the next countdown of a bin is; what its end is, is kept. */
static uint32_t
next_period(cache_t *cache, uint32_t bin_index) {
    bool due;
    uint32_t period = sample_countdown(bin_index - 1, TCACHE_PERIOD, &due);
    cache->due = (cache->due & ~(UINT64_C(1) << bin_index)) | (uint64_t)due << bin_index;
    return period;
}

/* A bin's countdown starts again, whether or not the present one has ended. */
static void
start_countdown(cache_t *cache, uint32_t bin_index) {
    cache_bin_t *bin = &cache->bins[bin_index];
    cache_cold_t *cold = &cache->cold[bin_index];
    uint32_t period = next_period(cache, bin_index), left = bin->remain;
    uint64_t requests = atomic_get(&cold->nrequests) - left;
    atomic_set_release(&cold->nrequests, requests | RESTARTING);
    __atomic_store_n(&bin->remain, period, __ATOMIC_RELEASE);
    atomic_set_release(&cold->nrequests, requests + period);
    if ((cache->used >> bin_index & 1) != 0) {
        cache->counted += sc.size[bin_index - 1] * ((uint64_t)period - left);
    }
}

static COLD void
redraw(cache_t *cache) {
    cache->drawn = sample_latest();
    for (uint32_t i = 1; i < CACHE_BINS; i++) {
        start_countdown(cache, i);
    }
}

void
tcache_redraw(cache_t *cache) {
    if (UNLIKELY(cache->drawn != sample_latest())) {
        redraw(cache);
    }
}

/* A countdown has ended. True if it ends in a sample. */
static NOINLINE bool
restart_countdown(cache_t *cache, uint32_t bin_index) {
    if (UNLIKELY(cache->drawn != sample_latest())) {
        redraw(cache);
        return sample_now(bin_index - 1);
    }
    bool due = (cache->due >> bin_index & 1) != 0;
    start_countdown(cache, bin_index);
    return due;
}

/* Counts the present request, if the fast path has not: it counts to 0, or not at all. */
static bool
count_request(cache_t *cache, uint32_t bin_index) {
    cache_bin_t *bin = &cache->bins[bin_index];
    use(cache, bin_index);
    bool ended = bin->remain == 0 || cache_bin_count_down(bin);
    return UNLIKELY(ended) && restart_countdown(cache, bin_index);
}

uint64_t
tcache_requests(const cache_t *cache, uint32_t szind) {
    const cache_bin_t *bin = &cache->bins[szind + 1];
    const cache_cold_t *cold = &cache->cold[szind + 1];
    for (;;) {
        uint64_t nrequests = atomic_get_acquire(&cold->nrequests);
        if ((nrequests & RESTARTING) != 0) {
            return nrequests & ~RESTARTING;
        }
        uint32_t remain = __atomic_load_n(&bin->remain, __ATOMIC_ACQUIRE);
        if (atomic_get_acquire(&cold->nrequests) == nrequests) {
            return nrequests - remain;
        }
    }
}

/* Has hardly anything been freed into the stack since the last refill? */
static bool
bursting(const cache_cold_t *cold, uint32_t requests) {
    return requests - cold->fill_mark <= 2 * (cold->last_fill + 1U);
}

/*
 * In a burst of allocations the next refill is twice as large as the last one, up to half of the stack, which grows up
 * to a size at which the fixed cost of a refill does not matter. Where objects come back, little is missing, and it is
 * half as large.
 */
static void
adapt(cache_t *cache, uint32_t szind) {
    cache_cold_t *cold = &cache->cold[szind + 1];
    if (cold->slots == NULL) {
        grow(cache, szind);
    } else if (!bursting(cold, (uint32_t)tcache_requests(cache, szind))) {
        cold->fill_shift = (uint8_t)(cold->fill_shift - (cold->fill_shift > 0));
    } else if (cold->fill_shift + 1 < cold->lg_slots || (cold->lg_slots < LG_SLOTS_ONE_WAY && grow(cache, szind))) {
        cold->fill_shift++;
    }
}

/* A large stack is for objects that come back: a thread that only frees passes them through a small one at hardly more
 * cost. */
static bool
grow_on_overflow(cache_t *cache, uint32_t szind) {
    cache_cold_t *cold = &cache->cold[szind + 1];
    uint32_t requests = (uint32_t)tcache_requests(cache, szind);
    bool one_way = cold->lg_slots >= LG_SLOTS_ONE_WAY && requests == cold->overflowed;
    cold->overflowed = requests;
    return !one_way && grow(cache, szind);
}

void
tcache_open(cache_t *cache) {
    witness_no_core_lock();
    redraw(cache);
}

/* Past the stack. NULL: there is none. */
static void *
sampled(cache_t *cache, arena_t *arena, uint32_t szind) {
    bool zeroed = false;
    void *ptr = atomic_get(&sampling) && arena != NULL ? arena_malloc_sampled(arena, szind, sc.page, &zeroed) : NULL;
    note_returned(cache, szind, -(ptr != NULL));
    return ptr;
}

void *
tcache_alloc_slow(thread_t *thread, cache_t *cache, arena_t *arena, uint32_t szind) {
    witness_no_core_lock();
    cache_bin_t *bin = &cache->bins[szind + 1];
    cache_cold_t *cold = &cache->cold[szind + 1];
    bool due = count_request(cache, szind + 1);
    thread_refresh(thread);
    thread_event(thread);
    void *ptr = UNLIKELY(due) ? sampled(cache, thread_source(thread, arena, szind), szind) : NULL;
    if (UNLIKELY(ptr != NULL) || pop_uncounted(bin, &ptr)) {
        return ptr;
    }
    adapt(cache, szind);
    ptr = refill(cache, thread_source(thread, arena, szind), szind, thread->bin_shard);
    cold->fill_mark = (uint32_t)tcache_requests(cache, szind);
    cold->last_fill = (uint16_t)cache_bin_count(bin);
    return ptr;
}

/* The first object of a class that is freed into a cache from which none was allocated: it is another thread's, and
 * what shares a line with it may be, too. It goes back, so that the first refill brings a line of the cache's own. */
static bool
is_foreign_first(const cache_t *cache, uint32_t szind) {
    return sc.size[szind] < CACHELINE && (cache->used >> (szind + 1) & 1) == 0;
}

void
tcache_free_slow(thread_t *thread, cache_t *cache, uint32_t szind, void *ptr) {
    witness_no_core_lock();
    thread_event(thread);
    cache_bin_t *bin = &cache->bins[szind + 1];
    const cache_cold_t *cold = &cache->cold[szind + 1];
    bool foreign_first = is_foreign_first(cache, szind);
    use(cache, szind + 1);
    if (!foreign_first && (cache_bin_push(bin, ptr) || (grow_on_overflow(cache, szind) && cache_bin_push(bin, ptr)))) {
        return;
    }
    if (cold->slots != NULL) {
        flush_bin(cache, szind, (1U << cold->lg_slots) / 2);
    }
    if (foreign_first || !cache_bin_push(bin, ptr)) {
        note_returned(cache, szind, 1);
        arena_free(ptr);
    }
}

/* Gives a bin's objects and its stack back: it is empty and full at once. The countdown stays. */
static void
close_bin(cache_t *cache, uint32_t szind) {
    cache_bin_t *bin = &cache->bins[szind + 1];
    cache_cold_t *cold = &cache->cold[szind + 1];
    flush_bin(cache, szind, 0);
    if (cold->slots != NULL) {
        metadata_block_free(cold->slots, cold->lg_slots + LG_SLOT);
        cold->slots = NULL;
        bin->full = 0;
        __atomic_store_n(&bin->empty, 0, __ATOMIC_RELAXED);
        cache_bin_set_head(bin, NULL);
    }
}

void
tcache_flush(cache_t *cache) {
    witness_no_core_lock();
    for (uint32_t i = 0; i < cache->ncached; i++) {
        close_bin(cache, i);
    }
}

static bool
is_too_large(const cache_t *cache, uint32_t szind) {
    const cache_cold_t *cold = &cache->cold[szind + 1];
    return cold->slots != NULL && 1U << cold->lg_slots > tcache_max_slots(szind);
}

/* The number first: giving back may run hooks, and what they free must not enter a bin that is closed already. */
void
tcache_fit(cache_t *cache, uint32_t n) {
    witness_no_core_lock();
    uint32_t covered = cache->ncached;
    cache->ncached = n;
    for (uint32_t i = 0; i < covered; i++) {
        if (i >= n || is_too_large(cache, i)) {
            close_bin(cache, i);
        }
    }
}

void
tcache_collect(cache_t *cache) {
    witness_no_core_lock();
    uint32_t i = cache->sweep < cache->ncached ? cache->sweep : 0;
    cache->sweep = i + 1;
    cache_cold_t *cold = &cache->cold[i + 1];
    uint32_t requests = (uint32_t)tcache_requests(cache, i);
    if (cold->slots != NULL && cold->seen == requests) {
        uint32_t keep = cache_bin_count(&cache->bins[i + 1]) / 2;
        keep > 0 ? flush_bin(cache, i, keep) : close_bin(cache, i);
        cold->fill_shift = 0;
    }
    cold->seen = requests;
}
