/*
 * tcache.c -- moves objects between the stacks of a cache and the arenas, in batches: a refill or a flush takes a bin's
 * lock once for many objects.
 *
 * Functions of arenas may run extent hooks, and a hook may allocate from this cache or free into it. So the stack is
 * consistent before each such call, and is read again after it.
 */
#include "thread/tcache.h"

#include "arena/sample.h"
#include "base/options.h"
#include "base/witness.h"
#include "extent/metadata.h"
#include "thread/tcache_depth.h"

#include <string.h>

#define LG_SLOT 3

uint32_t
tcache_nclasses(void) {
    uint32_t n = sc_index(atomic_get(&options.tcache_max)) + 1;
    return n < CACHE_BINS - 1 ? n : CACHE_BINS - 1;
}

uint32_t
tcache_max_slots(uint32_t szind) {
    uint32_t lg = 0;
    while (depth_allows(szind, lg + 1)) {
        lg++;
    }
    return 1U << lg;
}

void
tcache_open(cache_t *cache) {
    witness_no_core_lock();
    tcache_start_countdowns(cache);
}

/* As tcache_requests: the cache's user never meets a countdown that is starting again, and the low bits suffice. */
static inline uint32_t
own_requests(const cache_t *cache, uint32_t szind) {
    return (uint32_t)atomic_get(&cache->cold[szind + 1].count_at_end) - cache->bins[szind + 1].remain;
}

/* Counts n objects of a class that go back to an arena; or, n being negative, are taken from one. */
static inline void
note_returned(cache_t *cache, uint32_t szind, int64_t n) {
    cache->returned += sc.size[szind] * (uint64_t)n;
}

/* ---- the stack's memory ---- */

static void **
stack_end(const cache_cold_t *cold) {
    return cold->slots + ((size_t)1 << cold->lg_slots);
}

/* Readers on other threads load head and empty one by one (cache_bin.h), so each is stored whole. */
static void
set_bounds(cache_bin_t *bin, const cache_cold_t *cold, void **head) {
    bin->full = (uint16_t)(uintptr_t)cold->slots;
    __atomic_store_n(&bin->empty, (uint16_t)(uintptr_t)stack_end(cold), __ATOMIC_RELAXED);
    cache_bin_set_head(bin, head);
}

/* Gives a bin a stack of 2^lg slots and moves the objects. False if there is no memory. */
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
    void **head = stack_end(cold) - n;
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

/* Gives a bin a larger stack, or its first one. False if it may not grow, if there is no memory, or if the cache no
 * longer covers the class, which may happen while an operation is under way. */
static bool
grow_stack(cache_t *cache, uint32_t szind) {
    cache_cold_t *cold = &cache->cold[szind + 1];
    uint32_t lg;
    return szind < cache->ncached && depth_next(cold, szind, &lg) && replace_stack(&cache->bins[szind + 1], cold, lg);
}

/* ---- flushes ---- */

/* Removes the n oldest objects from a stack; the others take their slots. */
static void
drop_oldest(cache_bin_t *bin, uint32_t n) {
    void **head = cache_bin_head(bin);
    memmove(head + n, head, (cache_bin_count(bin) - n) * sizeof *head);
    cache_bin_set_head(bin, head + n);
}

/* Slabs that become empty are deleted after the objects have left the stack. */
static void
flush_small(cache_bin_t *bin, const cache_cold_t *cold, uint32_t n) {
    list_t emptied;
    list_init(&emptied);
    arena_push(stack_end(cold) - n, n, &emptied);
    drop_oldest(bin, n);
    arena_delete_slabs(&emptied);
}

static void
flush_large(cache_bin_t *bin, const cache_cold_t *cold) {
    void *ptr = stack_end(cold)[-1];
    drop_oldest(bin, 1);
    arena_free(ptr);
}

/* Gives all but the `keep` newest objects back. Objects leave the stack before anything runs that may call hooks: these
 * may allocate from it. */
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

/* ---- refills ---- */

/* Takes the newest object; the request is counted already. False if the stack is empty. */
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

/* Puts n objects on a stack that has room, or as many as the arena's slabs have; returns how many. `slab` is a new one
 * or NULL. */
static uint32_t
fill_from_slabs(cache_t *cache, arena_t *arena, uint32_t bin_shard, uint32_t szind, extent_t *slab, uint32_t n) {
    cache_bin_t *bin = &cache->bins[szind + 1];
    void **head = cache_bin_head(bin);
    uint32_t got = arena_take(arena, szind, bin_shard, slab, n, head - n);
    if (got < n) {
        memmove(head - got, head - n, got * sizeof *head);
    }
    cache_bin_set_head(bin, head - got);
    note_returned(cache, szind, -(int64_t)got);
    return got;
}

void *
tcache_alloc_past(cache_t *cache, arena_t *arena, uint32_t bin_shard, uint32_t szind) {
    witness_no_core_lock();
    bool zeroed = false;
    void *ptr = sc_is_small(szind) ? arena_malloc_small(arena, szind, bin_shard)
                                   : arena_malloc_large_in(arena, szind, sc.page, &zeroed);
    note_returned(cache, szind, -(ptr != NULL));
    return ptr;
}

/*
 * One object for the caller and more for the stack, if there is one. A new slab may run hooks, which may allocate and
 * so change the stack: the number of missing objects is computed again after each.
 */
static void *
refill(cache_t *cache, arena_t *arena, uint32_t bin_shard, uint32_t szind) {
    cache_bin_t *bin = &cache->bins[szind + 1];
    const cache_cold_t *cold = &cache->cold[szind + 1];
    if (!sc_is_small(szind)) {
        return tcache_alloc_past(cache, arena, bin_shard, szind);
    }
    uint32_t n;
    extent_t *slab = NULL;
    while ((n = depth_missing(cold, szind, cache_bin_count(bin))) > 0 || slab != NULL) {
        bool enough = fill_from_slabs(cache, arena, bin_shard, szind, slab, n) == n;
        slab = enough ? NULL : arena_new_slab(arena, szind);
        if (slab == NULL) {
            break;
        }
    }
    void *ptr = NULL;
    return pop_uncounted(bin, &ptr) ? ptr : tcache_alloc_past(cache, arena, bin_shard, szind);
}

/* Sizes the stack and the coming refill by the rules of tcache_depth.h. */
static void
adapt_depth(cache_t *cache, uint32_t szind) {
    cache_cold_t *cold = &cache->cold[szind + 1];
    uint32_t requests = own_requests(cache, szind);
    if (cold->slots == NULL) {
        grow_stack(cache, szind);
        return;
    }
    if (UNLIKELY(depth_note_trip(cold, szind, requests))) {
        replace_stack(&cache->bins[szind + 1], cold, cold->lg_slots - 1U);
    }
    if (depth_refill_grows(cold, requests)) {
        grow_stack(cache, szind);
    }
    depth_adapt_fill(cold, requests);
}

void *
tcache_alloc_slow(cache_t *cache, arena_t *arena, uint32_t bin_shard, uint32_t szind) {
    witness_no_core_lock();
    cache_bin_t *bin = &cache->bins[szind + 1];
    void *ptr = NULL;
    if (pop_uncounted(bin, &ptr)) {
        return ptr;
    }
    adapt_depth(cache, szind);
    ptr = UNLIKELY(arena == NULL) ? NULL : refill(cache, arena, bin_shard, szind);
    depth_note_fill(&cache->cold[szind + 1], own_requests(cache, szind), cache_bin_count(bin));
    return ptr;
}

void *
tcache_alloc_sampled(cache_t *cache, arena_t *arena, uint32_t szind) {
    witness_no_core_lock();
    bool zeroed = false;
    void *ptr = atomic_get(&sampling) && arena != NULL ? arena_malloc_sampled(arena, szind, sc.page, &zeroed) : NULL;
    note_returned(cache, szind, -(ptr != NULL));
    return ptr;
}

/* ---- frees ---- */

/* Pushes an object, onto a larger stack if need be. False if the stack is full and does not grow. */
static bool
push_or_grow(cache_t *cache, uint32_t szind, void *ptr) {
    cache_bin_t *bin = &cache->bins[szind + 1];
    return cache_bin_push(bin, ptr) || (depth_overflow_grows(&cache->cold[szind + 1], own_requests(cache, szind)) &&
                                        grow_stack(cache, szind) && cache_bin_push(bin, ptr));
}

/* Whether this thread has taken the objects of the older half from their slabs. Looks at four of them; but if no object
 * was requested since the overflow before, `again`, only a fourth of the times (by a hash of an address). */
static bool
are_own(const cache_cold_t *cold, bool again) {
    const uint32_t half = depth_after_overflow(cold);
    void *const *older = stack_end(cold) - half;
    bool skip = again && (uintptr_t)older[0] * UINT64_C(0x9e3779b97f4a7c15) >> 62 != 0;
    return skip || arena_took(older, 4, half / 4);
}

/* Flushes half of a full stack; or all but half of a smaller one, which replaces it. */
static void
flush_full(cache_t *cache, uint32_t szind, bool again) {
    cache_cold_t *cold = &cache->cold[szind + 1];
    uint32_t lg = cold->lg_slots;
    if (UNLIKELY(cold->trips != 0) && !are_own(cold, again)) {
        lg = depth_forget_trips(cold, szind);
    }
    flush_bin(cache, szind, (1U << lg) / 2);
    if (UNLIKELY(lg < cold->lg_slots) && cold->slots != NULL && cache_bin_count(&cache->bins[szind + 1]) <= 1U << lg) {
        replace_stack(&cache->bins[szind + 1], cold, lg);
    }
}

/* Push; else grow and push; else flush half and push. An object that still does not fit returns to its arena: a cache
 * without memory for a stack passes everything on. */
void
tcache_free_slow(cache_t *cache, uint32_t szind, void *ptr) {
    witness_no_core_lock();
    const cache_cold_t *cold = &cache->cold[szind + 1];
    bool used = (cache->used >> (szind + 1) & 1) != 0;
    bool foreign_first = depth_foreign_first(used, szind);
    bool again = cold->overflowed == own_requests(cache, szind);
    if (UNLIKELY(!used)) {
        tcache_count_first_use(cache, szind);
    }
    if (!foreign_first && push_or_grow(cache, szind, ptr)) {
        return;
    }
    if (cold->slots != NULL) {
        flush_full(cache, szind, again);
    }
    if (foreign_first || !cache_bin_push(&cache->bins[szind + 1], ptr)) {
        note_returned(cache, szind, 1);
        arena_free(ptr);
    }
}

/* ---- the whole cache ---- */

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

/* ncached changes first: giving back may run hooks, and the objects that these free must not enter a closed bin. */
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
    if (depth_is_idle(&cache->cold[i + 1], own_requests(cache, i))) {
        uint32_t keep = cache_bin_count(&cache->bins[i + 1]) / 2;
        keep > 0 ? flush_bin(cache, i, keep) : close_bin(cache, i);
    }
}
