/* tcache.c -- stacks that grow with use. */
#include "thread/tcache.h"

#include "base/options.h"
#include "base/witness.h"
#include "extent/metadata.h"

#include <string.h>

#define LG_SLOTS_MIN 3
#define LG_SLOTS_MAX 12
#define LG_SLOT      3
#define FILL_MIN     4
/* Most objects that move between a stack and an arena at once. */
#define BATCH 256

uint32_t
tcache_nclasses(void) {
    if (!options.tcache) {
        return 0;
    }
    size_t max = options.tcache_max > sc.small_max ? options.tcache_max : sc.small_max;
    uint32_t n = sc_index(max) + (sc_round(max) == max);
    return n < THREAD_BINS - 1 ? n : THREAD_BINS - 1;
}

static uint32_t
lg_max_slots(uint32_t szind) {
    size_t by_bytes = atomic_get(&options.tcache_bytes) / sc.size[szind];
    uint32_t n = atomic_get(&options.tcache_nslots);
    n = by_bytes < n ? (uint32_t)by_bytes : n;
    uint32_t lg = n <= 1 ? 0 : lg_floor(n);
    lg = lg < 2 ? 2 : lg;
    return config_torture ? 0 : lg < LG_SLOTS_MAX ? lg : LG_SLOTS_MAX;
}

uint32_t
tcache_max_slots(uint32_t szind) {
    return 1U << lg_max_slots(szind);
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

/* Gives a bin a larger stack (its first one, if it has none) and moves the objects. False if it may not grow. */
static bool
grow(thread_t *thread, uint32_t szind) {
    cache_bin_t *bin = &thread->bins[szind + 1];
    cache_cold_t *cold = &thread->cold[szind + 1];
    uint32_t lg_max = lg_max_slots(szind);
    uint32_t lg = cold->slots == NULL ? LG_SLOTS_MIN : cold->lg_slots + 1;
    lg = cold->slots == NULL && lg > lg_max ? lg_max : lg;
    void **slots = lg <= lg_max ? metadata_take(lg + LG_SLOT) : NULL;
    if (slots == NULL) {
        return false;
    }
    uint32_t n = cold->slots == NULL ? 0 : cache_bin_count(bin);
    cache_cold_t old = {.slots = cold->slots, .lg_slots = cold->lg_slots};
    cold->slots = slots;
    cold->lg_slots = lg;
    void **head = end_of(cold) - n;
    if (n > 0) {
        memcpy(head, bin->head, n * sizeof *head);
    }
    set_bounds(bin, cold, head);
    if (old.slots == NULL) {
        cold->fill = FILL_MIN;
    } else {
        metadata_give(old.slots, old.lg_slots + LG_SLOT);
    }
    return true;
}

static void
give_back(uint32_t szind, void **ptrs, uint32_t n) {
    if (sc_is_small(szind)) {
        arena_flush(ptrs, n);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        arena_free_large_ptr(ptrs[i]);
    }
}

/* Takes up to BATCH of the oldest objects out of a stack, leaving at least `keep`; returns how many. */
static uint32_t
take_oldest(cache_bin_t *bin, const cache_cold_t *cold, uint32_t keep, void **batch) {
    uint32_t count = cache_bin_count(bin);
    uint32_t n = count <= keep ? 0 : count - keep < BATCH ? count - keep : BATCH;
    memcpy(batch, end_of(cold) - n, n * sizeof *batch);
    memmove(bin->head + n, bin->head, (count - n) * sizeof *batch);
    cache_bin_set_head(bin, bin->head + n);
    return n;
}

/* Gives all but the `keep` newest objects back. They leave the stack first: giving back may run hooks, which may
 * allocate. */
static void
flush_bin(thread_t *thread, uint32_t szind, uint32_t keep) {
    void *batch[BATCH];
    const cache_cold_t *cold = &thread->cold[szind + 1];
    uint32_t n;
    while (cold->slots != NULL && (n = take_oldest(&thread->bins[szind + 1], cold, keep, batch)) > 0) {
        give_back(szind, batch, n);
    }
}

/* Puts objects on a stack, the first one on top; what does not fit is given back. */
static void
stack_up(thread_t *thread, uint32_t szind, void **batch, uint32_t n) {
    cache_bin_t *bin = &thread->bins[szind + 1];
    uint32_t left = n;
    while (left > 0 && cache_bin_push(bin, batch[left - 1])) {
        left--;
    }
    if (UNLIKELY(left > 0)) {
        give_back(szind, batch, left);
    }
}

static uint32_t
refill_size(const cache_cold_t *cold, uint32_t szind) {
    uint32_t half = (1U << cold->lg_slots) / 2;
    uint32_t want = cold->fill < half ? cold->fill : half;
    want = want < BATCH ? want : BATCH;
    return want == 0 || !sc_is_small(szind) ? 1 : want;
}

/*
 * One object for the caller, more for the stack if there is one, the lowest addresses on top; NULL without memory. The
 * arena may run hooks, which may allocate and so change the stack: it is looked at only afterwards.
 */
static void *
refill(thread_t *thread, uint32_t szind) {
    void *batch[BATCH];
    arena_t *arena = thread_source(thread);
    if (UNLIKELY(arena == NULL)) {
        return NULL;
    }
    if (!sc_is_small(szind)) {
        bool zeroed;
        return arena_malloc_large(arena, szind, sc.page, &zeroed);
    }
    uint32_t got = arena_fill(arena, szind, refill_size(&thread->cold[szind + 1], szind), batch);
    if (got > 1) {
        stack_up(thread, szind, batch + 1, got - 1);
    }
    return got == 0 ? NULL : batch[0];
}

/* The next refill will be twice as large; if the stack is what limits it, the stack grows first. */
static void
adapt(thread_t *thread, uint32_t szind) {
    cache_cold_t *cold = &thread->cold[szind + 1];
    if (cold->slots == NULL || cold->fill >= (1U << cold->lg_slots) / 2) {
        grow(thread, szind);
    }
    if (cold->slots != NULL && cold->fill < (1U << cold->lg_slots) / 2) {
        cold->fill *= 2;
    }
}

/*
 * requests = nrequests + TCACHE_PERIOD - remain. Both change when a countdown starts again; in between, a mark in
 * nrequests says that it is the sum already. So a reader on another thread sees a count that is exact and never
 * falls.
 */
#define RESTARTING (UINT64_C(1) << 63)

static void
restart_countdown(cache_bin_t *bin, cache_cold_t *cold) {
    uint64_t nrequests = atomic_get(&cold->nrequests) + TCACHE_PERIOD;
    atomic_set_release(&cold->nrequests, nrequests | RESTARTING);
    __atomic_store_n(&bin->remain, TCACHE_PERIOD, __ATOMIC_RELEASE);
    atomic_set_release(&cold->nrequests, nrequests);
}

uint64_t
tcache_requests(const thread_t *thread, uint32_t szind) {
    const cache_bin_t *bin = &thread->bins[szind + 1];
    const cache_cold_t *cold = &thread->cold[szind + 1];
    for (;;) {
        uint64_t nrequests = atomic_get_acquire(&cold->nrequests);
        if ((nrequests & RESTARTING) != 0) {
            return nrequests & ~RESTARTING;
        }
        uint32_t remain = __atomic_load_n(&bin->remain, __ATOMIC_ACQUIRE);
        if (atomic_get_acquire(&cold->nrequests) == nrequests) {
            return nrequests + TCACHE_PERIOD - remain;
        }
    }
}

void
tcache_open(thread_t *thread) {
    witness_no_core_lock();
    for (uint32_t i = 0; i < THREAD_BINS; i++) {
        thread->bins[i].remain = TCACHE_PERIOD;
    }
}

void *
tcache_alloc_slow(thread_t *thread, uint32_t szind) {
    witness_no_core_lock();
    cache_bin_t *bin = &thread->bins[szind + 1];
    cache_cold_t *cold = &thread->cold[szind + 1];
    if (cold->slots != NULL && bin->remain == 0) {
        restart_countdown(bin, cold);
    } else {
        counter_add(&cold->nrequests, 1);
    }
    thread_event(thread);
    void **head = cache_bin_head(bin);
    if (!cache_bin_is_empty(bin, head)) {
        cache_bin_set_head(bin, head + 1);
        return *head;
    }
    adapt(thread, szind);
    return refill(thread, szind);
}

void
tcache_free_slow(thread_t *thread, uint32_t szind, void *ptr) {
    witness_no_core_lock();
    thread_event(thread);
    cache_bin_t *bin = &thread->bins[szind + 1];
    if (cache_bin_push(bin, ptr) || (grow(thread, szind) && cache_bin_push(bin, ptr))) {
        return;
    }
    const cache_cold_t *cold = &thread->cold[szind + 1];
    if (cold->slots != NULL) {
        flush_bin(thread, szind, (1U << cold->lg_slots) / 2);
    }
    if (!cache_bin_push(bin, ptr)) {
        give_back(szind, &ptr, 1);
    }
}

void
tcache_flush(thread_t *thread) {
    witness_no_core_lock();
    for (uint32_t i = 0; i < thread->ncached; i++) {
        flush_bin(thread, i, 0);
    }
}

/* Empty and full at once; the countdown stays. */
static void
zero_bin(cache_bin_t *bin) {
    bin->full = 0;
    __atomic_store_n(&bin->empty, 0, __ATOMIC_RELAXED);
    cache_bin_set_head(bin, NULL);
}

void
tcache_close(thread_t *thread) {
    witness_no_core_lock();
    tcache_flush(thread);
    for (uint32_t i = 0; i < thread->ncached; i++) {
        cache_bin_t *bin = &thread->bins[i + 1];
        cache_cold_t *cold = &thread->cold[i + 1];
        if (cold->slots != NULL) {
            metadata_give(cold->slots, cold->lg_slots + LG_SLOT);
        }
        cold->slots = NULL;
        zero_bin(bin);
    }
}

void
tcache_collect(thread_t *thread) {
    witness_no_core_lock();
    uint32_t i = thread->sweep < thread->ncached ? thread->sweep : 0;
    thread->sweep = i + 1;
    cache_cold_t *cold = &thread->cold[i + 1];
    uint64_t nrequests = tcache_requests(thread, i);
    if (cold->slots != NULL && cold->seen == nrequests) {
        flush_bin(thread, i, cache_bin_count(&thread->bins[i + 1]) / 2);
        cold->fill = FILL_MIN;
    }
    cold->seen = nrequests;
}
