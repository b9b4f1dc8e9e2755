/*
 * tcache_count.c -- countdowns of allocations, and the sums that are computed from them.
 *
 * A bin's `remain` falls by one with each allocation. A countdown starts again with remain = period and nrequests =
 * requests + period, so requests = nrequests - remain holds before and after.
 */
#include "thread/tcache_count.h"

#include "arena/sample.h"

/* In count_at_end, while a countdown starts again: it is the number of requests already. */
#define RESTARTING (UINT64_C(1) << 63)

static bool
is_used(const cache_t *cache, uint32_t bin_index) {
    return (cache->used >> bin_index & 1) != 0;
}

/* ---- countdowns ---- */

/* Draws the length of a bin's next countdown, and notes whether its end is a sample. */
static uint32_t
next_period(cache_t *cache, uint32_t bin_index) {
    bool due;
    uint32_t period = sample_countdown(bin_index - 1, TCACHE_PERIOD, &due);
    cache->due = (cache->due & ~(UINT64_C(1) << bin_index)) | (uint64_t)due << bin_index;
    return period;
}

/* Starts a bin's countdown again, whether or not the present one has ended. */
static void
start_countdown(cache_t *cache, uint32_t bin_index) {
    cache_bin_t *bin = &cache->bins[bin_index];
    cache_cold_t *cold = &cache->cold[bin_index];
    uint32_t period = next_period(cache, bin_index), left = bin->remain;
    uint64_t requests = atomic_get(&cold->count_at_end) - left;
    atomic_set_release(&cold->count_at_end, requests | RESTARTING);
    __atomic_store_n(&bin->remain, period, __ATOMIC_RELEASE);
    atomic_set_release(&cold->count_at_end, requests + period);
    if (is_used(cache, bin_index)) {
        cache->counted += sc.size[bin_index - 1] * ((uint64_t)period - left);
    }
}

COLD void
tcache_start_countdowns(cache_t *cache) {
    cache->drawn = sample_latest();
    for (uint32_t i = 1; i < CACHE_BINS; i++) {
        start_countdown(cache, i);
    }
}

void
tcache_redraw(cache_t *cache) {
    if (UNLIKELY(cache->drawn != sample_latest())) {
        tcache_start_countdowns(cache);
    }
}

/* A countdown has ended. True if its end is a sample. */
static NOINLINE bool
restart_countdown(cache_t *cache, uint32_t bin_index) {
    if (UNLIKELY(cache->drawn != sample_latest())) {
        tcache_start_countdowns(cache);
        return sample_now(bin_index - 1);
    }
    bool due = (cache->due >> bin_index & 1) != 0;
    start_countdown(cache, bin_index);
    return due;
}

/* ---- requests ---- */

/* `counted` includes the whole of the present countdown; tcache_requested subtracts its rest. */
void
tcache_count_first_use(cache_t *cache, uint32_t szind) {
    cache->used |= UINT64_C(1) << (szind + 1);
    cache->counted += sc.size[szind] * atomic_get(&cache->cold[szind + 1].count_at_end);
}

bool
tcache_count_request(cache_t *cache, uint32_t szind) {
    cache_bin_t *bin = &cache->bins[szind + 1];
    if (UNLIKELY(!is_used(cache, szind + 1))) {
        tcache_count_first_use(cache, szind);
    }
    bool ended = bin->remain == 0 || cache_bin_count_down(bin);
    return UNLIKELY(ended) && restart_countdown(cache, szind + 1);
}

/* Reads again if a countdown started meanwhile. The acquire loads order both reads of nrequests around that of
 * remain. */
uint64_t
tcache_requests(const cache_t *cache, uint32_t szind) {
    const cache_bin_t *bin = &cache->bins[szind + 1];
    const cache_cold_t *cold = &cache->cold[szind + 1];
    for (;;) {
        uint64_t at_end = atomic_get_acquire(&cold->count_at_end);
        if ((at_end & RESTARTING) != 0) {
            return at_end & ~RESTARTING;
        }
        uint32_t remain = __atomic_load_n(&bin->remain, __ATOMIC_ACQUIRE);
        if (atomic_get_acquire(&cold->count_at_end) == at_end) {
            return at_end - remain;
        }
    }
}

/* ---- bytes ---- */

uint64_t
tcache_requested(const cache_t *cache) {
    uint64_t bytes = cache->counted;
    for (uint64_t left = cache->used; left != 0; left &= left - 1) {
        size_t i = trailing_zeros(left);
        bytes -= cache->bins[i].remain * sc.size[i - 1];
    }
    return bytes;
}

uint64_t
tcache_freed(const cache_t *cache) {
    uint64_t bytes = cache->counted + cache->returned;
    for (uint64_t left = cache->used; left != 0; left &= left - 1) {
        size_t i = trailing_zeros(left);
        const cache_bin_t *bin = &cache->bins[i];
        bytes -= ((uint64_t)bin->remain - cache_bin_count(bin)) * sc.size[i - 1];
    }
    return bytes;
}
