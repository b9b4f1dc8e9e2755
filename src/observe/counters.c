/* counters.c -- the descriptions, and merging by them. */
#include "observe/counters.h"

#include "base/bits.h"

static const counter_row_t process[] = {
    {"time", "", "", offsetof(stats_process_t, total.time), counter_gauge, counter_max},
    {"allocated", "", "", offsetof(stats_process_t, total.allocated), counter_gauge, counter_sum},
    {"cached", "", "", offsetof(stats_process_t, total.cached), counter_gauge, counter_sum},
    {"active", "", "", offsetof(stats_process_t, total.active), counter_gauge, counter_sum},
    {"dirty", "", "", offsetof(stats_process_t, total.dirty), counter_gauge, counter_sum},
    {"muzzy", "", "", offsetof(stats_process_t, total.muzzy), counter_gauge, counter_sum},
    {"retained", "", "", offsetof(stats_process_t, total.retained), counter_gauge, counter_sum},
    {"metadata", "", "", offsetof(stats_process_t, total.metadata), counter_gauge, counter_sum},
    {"resident", "", "", offsetof(stats_process_t, total.resident), counter_gauge, counter_sum},
    {"mapped", "", "", offsetof(stats_process_t, total.mapped), counter_gauge, counter_sum},
    {"narenas", "", "", offsetof(stats_process_t, total.narenas), counter_gauge, counter_sum},
    {"nthreads", "", "", offsetof(stats_process_t, total.nthreads), counter_gauge, counter_sum},
    {"nregions", "", "", offsetof(stats_process_t, total.nregions), counter_gauge, counter_sum},
    {"nslabs", "", "", offsetof(stats_process_t, total.nslabs), counter_gauge, counter_sum},
    {"nextents", "", "", offsetof(stats_process_t, total.nextents), counter_gauge, counter_sum},
    {"nmalloc", "", "", offsetof(stats_process_t, total.nmalloc), counter_cumulative, counter_sum},
    {"ndalloc", "", "", offsetof(stats_process_t, total.ndalloc), counter_cumulative, counter_sum},
    {"nrequests", "", "", offsetof(stats_process_t, total.nrequests), counter_cumulative, counter_sum},
    {"nfills", "", "", offsetof(stats_process_t, total.nfills), counter_cumulative, counter_sum},
    {"nflushes", "", "", offsetof(stats_process_t, total.nflushes), counter_cumulative, counter_sum},
    {"npurges", "", "", offsetof(stats_process_t, total.npurges), counter_cumulative, counter_sum},
    {"nmadvise", "", "", offsetof(stats_process_t, total.nmadvise), counter_cumulative, counter_sum},
    {"purged", "", "", offsetof(stats_process_t, total.purged), counter_cumulative, counter_sum},
    {"highwater", "", "", offsetof(stats_process_t, highwater), counter_gauge, counter_sum},
    {"zero_reallocs", "", "", offsetof(stats_process_t, zero_reallocs), counter_cumulative, counter_sum},
    {"metadata_thp", "", "", offsetof(stats_process_t, metadata_thp), counter_gauge, counter_sum},
};

static const counter_row_t background[] = {
    {"num_threads", "", "", offsetof(stats_background_t, num_threads), counter_gauge, counter_sum},
    {"num_runs", "", "", offsetof(stats_background_t, num_runs), counter_cumulative, counter_sum},
    {"run_interval", "", "", offsetof(stats_background_t, run_interval), counter_gauge, counter_sum},
};

static const counter_row_t arena[] = {
    {"nthreads", "", "", offsetof(stats_arena_t, nthreads), counter_gauge, counter_sum},
    {"uptime", "", "", offsetof(stats_arena_t, uptime), counter_gauge, counter_max},
    {"dirty_decay_ms", "dirty", "time", offsetof(stats_arena_t, dirty.decay_ms), counter_gauge, counter_max},
    {"pdirty", "dirty", "npages", offsetof(stats_arena_t, dirty.npages), counter_gauge, counter_sum},
    {"dirty_npurge", "dirty", "sweeps", offsetof(stats_arena_t, dirty.npurge), counter_cumulative, counter_sum},
    {"dirty_nmadvise", "dirty", "madvises", offsetof(stats_arena_t, dirty.nmadvise), counter_cumulative, counter_sum},
    {"dirty_purged", "dirty", "purged", offsetof(stats_arena_t, dirty.purged), counter_cumulative, counter_sum},
    {"dirty_allowed", "dirty", "allowed", offsetof(stats_arena_t, dirty.allowed), counter_gauge, counter_limit},
    {"dirty_over", "dirty", "over", offsetof(stats_arena_t, dirty.over), counter_gauge, counter_sum},
    {"dirty_due_ms", "dirty", "due_ms", offsetof(stats_arena_t, dirty.due_ms), counter_gauge, counter_min},
    {"muzzy_decay_ms", "muzzy", "time", offsetof(stats_arena_t, muzzy.decay_ms), counter_gauge, counter_max},
    {"pmuzzy", "muzzy", "npages", offsetof(stats_arena_t, muzzy.npages), counter_gauge, counter_sum},
    {"muzzy_npurge", "muzzy", "sweeps", offsetof(stats_arena_t, muzzy.npurge), counter_cumulative, counter_sum},
    {"muzzy_nmadvise", "muzzy", "madvises", offsetof(stats_arena_t, muzzy.nmadvise), counter_cumulative, counter_sum},
    {"muzzy_purged", "muzzy", "purged", offsetof(stats_arena_t, muzzy.purged), counter_cumulative, counter_sum},
    {"muzzy_allowed", "muzzy", "allowed", offsetof(stats_arena_t, muzzy.allowed), counter_gauge, counter_limit},
    {"muzzy_over", "muzzy", "over", offsetof(stats_arena_t, muzzy.over), counter_gauge, counter_sum},
    {"muzzy_due_ms", "muzzy", "due_ms", offsetof(stats_arena_t, muzzy.due_ms), counter_gauge, counter_min},
    {"small.allocated", "small", "allocated", offsetof(stats_arena_t, small.allocated), counter_gauge, counter_sum},
    {"small.nmalloc", "small", "nmalloc", offsetof(stats_arena_t, small.nmalloc), counter_cumulative, counter_sum},
    {"small.ndalloc", "small", "ndalloc", offsetof(stats_arena_t, small.ndalloc), counter_cumulative, counter_sum},
    {"small.nrequests", "small", "nrequests", offsetof(stats_arena_t, small.nrequests), counter_cumulative,
     counter_sum},
    {"small.nfills", "small", "nfill", offsetof(stats_arena_t, small.nfills), counter_cumulative, counter_sum},
    {"small.nflushes", "small", "nflush", offsetof(stats_arena_t, small.nflushes), counter_cumulative, counter_sum},
    {"large.allocated", "large", "allocated", offsetof(stats_arena_t, large.allocated), counter_gauge, counter_sum},
    {"large.nmalloc", "large", "nmalloc", offsetof(stats_arena_t, large.nmalloc), counter_cumulative, counter_sum},
    {"large.ndalloc", "large", "ndalloc", offsetof(stats_arena_t, large.ndalloc), counter_cumulative, counter_sum},
    {"large.nrequests", "large", "nrequests", offsetof(stats_arena_t, large.nrequests), counter_cumulative,
     counter_sum},
    {"large.nfills", "large", "nfill", offsetof(stats_arena_t, large.nfills), counter_cumulative, counter_sum},
    {"large.nflushes", "large", "nflush", offsetof(stats_arena_t, large.nflushes), counter_cumulative, counter_sum},
    {"allocated", "", "", offsetof(stats_arena_t, allocated), counter_gauge, counter_sum},
    {"active", "", "", offsetof(stats_arena_t, active), counter_gauge, counter_sum},
    {"pactive", "", "", offsetof(stats_arena_t, pactive), counter_gauge, counter_sum},
    {"mapped", "", "", offsetof(stats_arena_t, mapped), counter_gauge, counter_sum},
    {"retained", "", "", offsetof(stats_arena_t, retained), counter_gauge, counter_sum},
    {"resident", "", "", offsetof(stats_arena_t, resident), counter_gauge, counter_sum},
    {"base", "", "", offsetof(stats_arena_t, base), counter_gauge, counter_sum},
    {"extent_avail", "", "", offsetof(stats_arena_t, extent_avail), counter_gauge, counter_sum},
    {"tcache_bytes", "", "", offsetof(stats_arena_t, tcache_bytes), counter_gauge, counter_sum},
    {"nregions", "", "", offsetof(stats_arena_t, nregions), counter_gauge, counter_sum},
    {"nslabs", "", "", offsetof(stats_arena_t, nslabs), counter_gauge, counter_sum},
    {"nextents", "", "", offsetof(stats_arena_t, nextents), counter_gauge, counter_sum},
    {"nguards", "", "", offsetof(stats_arena_t, nguards), counter_gauge, counter_sum},
    {"nunguarded", "", "", offsetof(stats_arena_t, nunguarded), counter_cumulative, counter_sum},
    {"npurges", "", "", offsetof(stats_arena_t, npurges), counter_cumulative, counter_sum},
    {"nmadvise", "", "", offsetof(stats_arena_t, nmadvise), counter_cumulative, counter_sum},
    {"purged", "", "", offsetof(stats_arena_t, purged), counter_cumulative, counter_sum},
    {"remapped", "", "", offsetof(stats_arena_t, remapped), counter_cumulative, counter_sum},
    {"relocated", "", "", offsetof(stats_arena_t, relocated), counter_cumulative, counter_sum},
};

static const counter_row_t lock[] = {
    {"num_ops", "", "n_lock_ops", offsetof(stats_lock_t, num_ops), counter_cumulative, counter_sum},
    {"num_wait", "", "n_waiting", offsetof(stats_lock_t, num_wait), counter_cumulative, counter_sum},
    {"num_spin_acq", "", "n_spin_acq", offsetof(stats_lock_t, num_spin_acq), counter_cumulative, counter_sum},
    {"num_owner_switch", "", "n_owner_sw", offsetof(stats_lock_t, num_owner_switch), counter_cumulative, counter_sum},
    {"total_wait_time", "", "wait_ns", offsetof(stats_lock_t, total_wait_time), counter_cumulative, counter_sum},
    {"max_wait_time", "", "max_wait_ns", offsetof(stats_lock_t, max_wait_time), counter_gauge, counter_max},
    {"max_num_thds", "", "max_n_thds", offsetof(stats_lock_t, max_num_thds), counter_gauge, counter_max},
};

static const counter_row_t bin[] = {
    {"nmalloc", "", "", offsetof(stats_bin_t, nmalloc), counter_cumulative, counter_sum},
    {"ndalloc", "", "", offsetof(stats_bin_t, ndalloc), counter_cumulative, counter_sum},
    {"nrequests", "", "", offsetof(stats_bin_t, nrequests), counter_cumulative, counter_sum},
    {"curregs", "", "", offsetof(stats_bin_t, curregs), counter_gauge, counter_sum},
    {"nfills", "", "", offsetof(stats_bin_t, nfills), counter_cumulative, counter_sum},
    {"nflushes", "", "", offsetof(stats_bin_t, nflushes), counter_cumulative, counter_sum},
    {"nslabs", "", "", offsetof(stats_bin_t, nslabs), counter_cumulative, counter_sum},
    {"nreslabs", "", "", offsetof(stats_bin_t, nreslabs), counter_cumulative, counter_sum},
    {"curslabs", "", "", offsetof(stats_bin_t, curslabs), counter_gauge, counter_sum},
    {"nonfull_slabs", "", "nonfull", offsetof(stats_bin_t, nonfull_slabs), counter_gauge, counter_sum},
    {"mutex.num_ops", "", "n_lock_ops", offsetof(stats_bin_t, mutex.num_ops), counter_cumulative, counter_sum},
    {"mutex.num_wait", "", "n_waiting", offsetof(stats_bin_t, mutex.num_wait), counter_cumulative, counter_sum},
    {"mutex.num_spin_acq", "", "n_spin_acq", offsetof(stats_bin_t, mutex.num_spin_acq), counter_cumulative,
     counter_sum},
    {"mutex.num_owner_switch", "", "n_owner_sw", offsetof(stats_bin_t, mutex.num_owner_switch), counter_cumulative,
     counter_sum},
    {"mutex.total_wait_time", "", "wait_ns", offsetof(stats_bin_t, mutex.total_wait_time), counter_cumulative,
     counter_sum},
    {"mutex.max_wait_time", "", "max_wait_ns", offsetof(stats_bin_t, mutex.max_wait_time), counter_gauge, counter_max},
    {"mutex.max_num_thds", "", "max_n_thds", offsetof(stats_bin_t, mutex.max_num_thds), counter_gauge, counter_max},
};

static const counter_row_t large[] = {
    {"nmalloc", "", "", offsetof(stats_large_t, nmalloc), counter_cumulative, counter_sum},
    {"ndalloc", "", "", offsetof(stats_large_t, ndalloc), counter_cumulative, counter_sum},
    {"nrequests", "", "", offsetof(stats_large_t, nrequests), counter_cumulative, counter_sum},
    {"curlextents", "", "", offsetof(stats_large_t, curlextents), counter_gauge, counter_sum},
};

static const counter_row_t extents[] = {
    {"ndirty", "", "", offsetof(stats_extents_t, ndirty), counter_gauge, counter_sum},
    {"dirty_bytes", "", "dirty", offsetof(stats_extents_t, dirty_bytes), counter_gauge, counter_sum},
    {"nmuzzy", "", "", offsetof(stats_extents_t, nmuzzy), counter_gauge, counter_sum},
    {"muzzy_bytes", "", "muzzy", offsetof(stats_extents_t, muzzy_bytes), counter_gauge, counter_sum},
    {"nretained", "", "", offsetof(stats_extents_t, nretained), counter_gauge, counter_sum},
    {"retained_bytes", "", "retained", offsetof(stats_extents_t, retained_bytes), counter_gauge, counter_sum},
};

static const counter_row_t cache[] = {
    {"cached", "", "", offsetof(stats_cache_t, cached), counter_gauge, counter_sum},
    {"nrequests", "", "", offsetof(stats_cache_t, nrequests), counter_cumulative, counter_sum},
    {"nfills", "", "", offsetof(stats_cache_t, nfills), counter_cumulative, counter_sum},
    {"nflushes", "", "", offsetof(stats_cache_t, nflushes), counter_cumulative, counter_sum},
    {"hit_ratio", "", "", offsetof(stats_cache_t, hit_ratio), counter_ratio, counter_sum},
};

#define DESCRIBED(figures, record) _Static_assert(LENGTH(figures) * 8 == sizeof(record), "a description for each word")
#define LENGTH(array)              (sizeof(array) / sizeof((array)[0]))

DESCRIBED(process, stats_process_t);
DESCRIBED(background, stats_background_t);
DESCRIBED(arena, stats_arena_t);
DESCRIBED(lock, stats_lock_t);
DESCRIBED(bin, stats_bin_t);
DESCRIBED(large, stats_large_t);
DESCRIBED(extents, stats_extents_t);
DESCRIBED(cache, stats_cache_t);

/* A switch: a table of pointers would be relocated when the library is loaded. */
const counter_row_t *
counters_of(record_t record, uint32_t *n) {
    switch (record) {
    case record_process:
        *n = LENGTH(process);
        return process;
    case record_background:
        *n = LENGTH(background);
        return background;
    case record_arena:
        *n = LENGTH(arena);
        return arena;
    case record_lock:
        *n = LENGTH(lock);
        return lock;
    case record_bin:
        *n = LENGTH(bin);
        return bin;
    case record_large:
        *n = LENGTH(large);
        return large;
    case record_extents:
        *n = LENGTH(extents);
        return extents;
    default:
        *n = LENGTH(cache);
        return cache;
    }
}

static uint64_t
merged(counter_merge_t how, uint64_t a, uint64_t b) {
    switch (how) {
    case counter_max:
        return a > b ? a : b;
    case counter_min:
        return a < b ? a : b;
    case counter_limit:
        return a == COUNTER_NEVER || b == COUNTER_NEVER ? COUNTER_NEVER : a + b;
    default:
        return a + b;
    }
}

/* The figures are the words. */
void
counters_merge(record_t record, void *into, const void *from) {
    uint32_t n;
    const counter_row_t *figures = counters_of(record, &n);
    uint64_t *a = into;
    const uint64_t *b = from;
    for (uint32_t i = 0; i < n; i++) {
        a[i] = LIKELY(figures[i].merge == counter_sum) ? a[i] + b[i]
                                                       : merged((counter_merge_t)figures[i].merge, a[i], b[i]);
    }
}
