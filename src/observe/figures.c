/* figures.c -- the descriptions, and merging by them. */
#include "observe/figures.h"

#include "base/bits.h"

static const figure_t process[] = {
    {"time", "", "", offsetof(stats_process_t, total.time), figure_gauge, figure_max},
    {"allocated", "", "", offsetof(stats_process_t, total.allocated), figure_gauge, figure_sum},
    {"cached", "", "", offsetof(stats_process_t, total.cached), figure_gauge, figure_sum},
    {"active", "", "", offsetof(stats_process_t, total.active), figure_gauge, figure_sum},
    {"dirty", "", "", offsetof(stats_process_t, total.dirty), figure_gauge, figure_sum},
    {"muzzy", "", "", offsetof(stats_process_t, total.muzzy), figure_gauge, figure_sum},
    {"retained", "", "", offsetof(stats_process_t, total.retained), figure_gauge, figure_sum},
    {"metadata", "", "", offsetof(stats_process_t, total.metadata), figure_gauge, figure_sum},
    {"resident", "", "", offsetof(stats_process_t, total.resident), figure_gauge, figure_sum},
    {"mapped", "", "", offsetof(stats_process_t, total.mapped), figure_gauge, figure_sum},
    {"narenas", "", "", offsetof(stats_process_t, total.narenas), figure_gauge, figure_sum},
    {"nthreads", "", "", offsetof(stats_process_t, total.nthreads), figure_gauge, figure_sum},
    {"nregions", "", "", offsetof(stats_process_t, total.nregions), figure_gauge, figure_sum},
    {"nslabs", "", "", offsetof(stats_process_t, total.nslabs), figure_gauge, figure_sum},
    {"nextents", "", "", offsetof(stats_process_t, total.nextents), figure_gauge, figure_sum},
    {"nmalloc", "", "", offsetof(stats_process_t, total.nmalloc), figure_counter, figure_sum},
    {"ndalloc", "", "", offsetof(stats_process_t, total.ndalloc), figure_counter, figure_sum},
    {"nrequests", "", "", offsetof(stats_process_t, total.nrequests), figure_counter, figure_sum},
    {"nfills", "", "", offsetof(stats_process_t, total.nfills), figure_counter, figure_sum},
    {"nflushes", "", "", offsetof(stats_process_t, total.nflushes), figure_counter, figure_sum},
    {"npurges", "", "", offsetof(stats_process_t, total.npurges), figure_counter, figure_sum},
    {"nmadvise", "", "", offsetof(stats_process_t, total.nmadvise), figure_counter, figure_sum},
    {"purged", "", "", offsetof(stats_process_t, total.purged), figure_counter, figure_sum},
    {"highwater", "", "", offsetof(stats_process_t, highwater), figure_gauge, figure_sum},
    {"zero_reallocs", "", "", offsetof(stats_process_t, zero_reallocs), figure_counter, figure_sum},
    {"metadata_thp", "", "", offsetof(stats_process_t, metadata_thp), figure_gauge, figure_sum},
};

static const figure_t background[] = {
    {"num_threads", "", "", offsetof(stats_background_t, num_threads), figure_gauge, figure_sum},
    {"num_runs", "", "", offsetof(stats_background_t, num_runs), figure_counter, figure_sum},
    {"run_interval", "", "", offsetof(stats_background_t, run_interval), figure_gauge, figure_sum},
};

static const figure_t arena[] = {
    {"nthreads", "", "", offsetof(stats_arena_t, nthreads), figure_gauge, figure_sum},
    {"uptime", "", "", offsetof(stats_arena_t, uptime), figure_gauge, figure_max},
    {"dirty_decay_ms", "dirty", "time", offsetof(stats_arena_t, dirty.decay_ms), figure_gauge, figure_max},
    {"pdirty", "dirty", "npages", offsetof(stats_arena_t, dirty.npages), figure_gauge, figure_sum},
    {"dirty_npurge", "dirty", "sweeps", offsetof(stats_arena_t, dirty.npurge), figure_counter, figure_sum},
    {"dirty_nmadvise", "dirty", "madvises", offsetof(stats_arena_t, dirty.nmadvise), figure_counter, figure_sum},
    {"dirty_purged", "dirty", "purged", offsetof(stats_arena_t, dirty.purged), figure_counter, figure_sum},
    {"dirty_allowed", "dirty", "allowed", offsetof(stats_arena_t, dirty.allowed), figure_gauge, figure_limit},
    {"dirty_over", "dirty", "over", offsetof(stats_arena_t, dirty.over), figure_gauge, figure_sum},
    {"dirty_due_ms", "dirty", "due_ms", offsetof(stats_arena_t, dirty.due_ms), figure_gauge, figure_min},
    {"muzzy_decay_ms", "muzzy", "time", offsetof(stats_arena_t, muzzy.decay_ms), figure_gauge, figure_max},
    {"pmuzzy", "muzzy", "npages", offsetof(stats_arena_t, muzzy.npages), figure_gauge, figure_sum},
    {"muzzy_npurge", "muzzy", "sweeps", offsetof(stats_arena_t, muzzy.npurge), figure_counter, figure_sum},
    {"muzzy_nmadvise", "muzzy", "madvises", offsetof(stats_arena_t, muzzy.nmadvise), figure_counter, figure_sum},
    {"muzzy_purged", "muzzy", "purged", offsetof(stats_arena_t, muzzy.purged), figure_counter, figure_sum},
    {"muzzy_allowed", "muzzy", "allowed", offsetof(stats_arena_t, muzzy.allowed), figure_gauge, figure_limit},
    {"muzzy_over", "muzzy", "over", offsetof(stats_arena_t, muzzy.over), figure_gauge, figure_sum},
    {"muzzy_due_ms", "muzzy", "due_ms", offsetof(stats_arena_t, muzzy.due_ms), figure_gauge, figure_min},
    {"small.allocated", "small", "allocated", offsetof(stats_arena_t, small.allocated), figure_gauge, figure_sum},
    {"small.nmalloc", "small", "nmalloc", offsetof(stats_arena_t, small.nmalloc), figure_counter, figure_sum},
    {"small.ndalloc", "small", "ndalloc", offsetof(stats_arena_t, small.ndalloc), figure_counter, figure_sum},
    {"small.nrequests", "small", "nrequests", offsetof(stats_arena_t, small.nrequests), figure_counter, figure_sum},
    {"small.nfills", "small", "nfill", offsetof(stats_arena_t, small.nfills), figure_counter, figure_sum},
    {"small.nflushes", "small", "nflush", offsetof(stats_arena_t, small.nflushes), figure_counter, figure_sum},
    {"large.allocated", "large", "allocated", offsetof(stats_arena_t, large.allocated), figure_gauge, figure_sum},
    {"large.nmalloc", "large", "nmalloc", offsetof(stats_arena_t, large.nmalloc), figure_counter, figure_sum},
    {"large.ndalloc", "large", "ndalloc", offsetof(stats_arena_t, large.ndalloc), figure_counter, figure_sum},
    {"large.nrequests", "large", "nrequests", offsetof(stats_arena_t, large.nrequests), figure_counter, figure_sum},
    {"large.nfills", "large", "nfill", offsetof(stats_arena_t, large.nfills), figure_counter, figure_sum},
    {"large.nflushes", "large", "nflush", offsetof(stats_arena_t, large.nflushes), figure_counter, figure_sum},
    {"allocated", "", "", offsetof(stats_arena_t, allocated), figure_gauge, figure_sum},
    {"active", "", "", offsetof(stats_arena_t, active), figure_gauge, figure_sum},
    {"pactive", "", "", offsetof(stats_arena_t, pactive), figure_gauge, figure_sum},
    {"mapped", "", "", offsetof(stats_arena_t, mapped), figure_gauge, figure_sum},
    {"retained", "", "", offsetof(stats_arena_t, retained), figure_gauge, figure_sum},
    {"resident", "", "", offsetof(stats_arena_t, resident), figure_gauge, figure_sum},
    {"base", "", "", offsetof(stats_arena_t, base), figure_gauge, figure_sum},
    {"extent_avail", "", "", offsetof(stats_arena_t, extent_avail), figure_gauge, figure_sum},
    {"tcache_bytes", "", "", offsetof(stats_arena_t, tcache_bytes), figure_gauge, figure_sum},
    {"nregions", "", "", offsetof(stats_arena_t, nregions), figure_gauge, figure_sum},
    {"nslabs", "", "", offsetof(stats_arena_t, nslabs), figure_gauge, figure_sum},
    {"nextents", "", "", offsetof(stats_arena_t, nextents), figure_gauge, figure_sum},
    {"nguards", "", "", offsetof(stats_arena_t, nguards), figure_gauge, figure_sum},
    {"nunguarded", "", "", offsetof(stats_arena_t, nunguarded), figure_counter, figure_sum},
    {"npurges", "", "", offsetof(stats_arena_t, npurges), figure_counter, figure_sum},
    {"nmadvise", "", "", offsetof(stats_arena_t, nmadvise), figure_counter, figure_sum},
    {"purged", "", "", offsetof(stats_arena_t, purged), figure_counter, figure_sum},
    {"grafted", "", "", offsetof(stats_arena_t, grafted), figure_counter, figure_sum},
    {"relocated", "", "", offsetof(stats_arena_t, relocated), figure_counter, figure_sum},
};

static const figure_t lock[] = {
    {"num_ops", "", "n_lock_ops", offsetof(stats_lock_t, num_ops), figure_counter, figure_sum},
    {"num_wait", "", "n_waiting", offsetof(stats_lock_t, num_wait), figure_counter, figure_sum},
    {"num_spin_acq", "", "n_spin_acq", offsetof(stats_lock_t, num_spin_acq), figure_counter, figure_sum},
    {"num_owner_switch", "", "n_owner_sw", offsetof(stats_lock_t, num_owner_switch), figure_counter, figure_sum},
    {"total_wait_time", "", "wait_ns", offsetof(stats_lock_t, total_wait_time), figure_counter, figure_sum},
    {"max_wait_time", "", "max_wait_ns", offsetof(stats_lock_t, max_wait_time), figure_gauge, figure_max},
    {"max_num_thds", "", "max_n_thds", offsetof(stats_lock_t, max_num_thds), figure_gauge, figure_max},
};

static const figure_t bin[] = {
    {"nmalloc", "", "", offsetof(stats_bin_t, nmalloc), figure_counter, figure_sum},
    {"ndalloc", "", "", offsetof(stats_bin_t, ndalloc), figure_counter, figure_sum},
    {"nrequests", "", "", offsetof(stats_bin_t, nrequests), figure_counter, figure_sum},
    {"curregs", "", "", offsetof(stats_bin_t, curregs), figure_gauge, figure_sum},
    {"nfills", "", "", offsetof(stats_bin_t, nfills), figure_counter, figure_sum},
    {"nflushes", "", "", offsetof(stats_bin_t, nflushes), figure_counter, figure_sum},
    {"nslabs", "", "", offsetof(stats_bin_t, nslabs), figure_counter, figure_sum},
    {"nreslabs", "", "", offsetof(stats_bin_t, nreslabs), figure_counter, figure_sum},
    {"curslabs", "", "", offsetof(stats_bin_t, curslabs), figure_gauge, figure_sum},
    {"nonfull_slabs", "", "nonfull", offsetof(stats_bin_t, nonfull_slabs), figure_gauge, figure_sum},
    {"mutex.num_ops", "", "n_lock_ops", offsetof(stats_bin_t, mutex.num_ops), figure_counter, figure_sum},
    {"mutex.num_wait", "", "n_waiting", offsetof(stats_bin_t, mutex.num_wait), figure_counter, figure_sum},
    {"mutex.num_spin_acq", "", "n_spin_acq", offsetof(stats_bin_t, mutex.num_spin_acq), figure_counter, figure_sum},
    {"mutex.num_owner_switch", "", "n_owner_sw", offsetof(stats_bin_t, mutex.num_owner_switch), figure_counter,
     figure_sum},
    {"mutex.total_wait_time", "", "wait_ns", offsetof(stats_bin_t, mutex.total_wait_time), figure_counter, figure_sum},
    {"mutex.max_wait_time", "", "max_wait_ns", offsetof(stats_bin_t, mutex.max_wait_time), figure_gauge, figure_max},
    {"mutex.max_num_thds", "", "max_n_thds", offsetof(stats_bin_t, mutex.max_num_thds), figure_gauge, figure_max},
};

static const figure_t large[] = {
    {"nmalloc", "", "", offsetof(stats_large_t, nmalloc), figure_counter, figure_sum},
    {"ndalloc", "", "", offsetof(stats_large_t, ndalloc), figure_counter, figure_sum},
    {"nrequests", "", "", offsetof(stats_large_t, nrequests), figure_counter, figure_sum},
    {"curlextents", "", "", offsetof(stats_large_t, curlextents), figure_gauge, figure_sum},
};

static const figure_t extents[] = {
    {"ndirty", "", "", offsetof(stats_extents_t, ndirty), figure_gauge, figure_sum},
    {"dirty_bytes", "", "dirty", offsetof(stats_extents_t, dirty_bytes), figure_gauge, figure_sum},
    {"nmuzzy", "", "", offsetof(stats_extents_t, nmuzzy), figure_gauge, figure_sum},
    {"muzzy_bytes", "", "muzzy", offsetof(stats_extents_t, muzzy_bytes), figure_gauge, figure_sum},
    {"nretained", "", "", offsetof(stats_extents_t, nretained), figure_gauge, figure_sum},
    {"retained_bytes", "", "retained", offsetof(stats_extents_t, retained_bytes), figure_gauge, figure_sum},
};

static const figure_t cache[] = {
    {"cached", "", "", offsetof(stats_cache_t, cached), figure_gauge, figure_sum},
    {"nrequests", "", "", offsetof(stats_cache_t, nrequests), figure_counter, figure_sum},
    {"nfills", "", "", offsetof(stats_cache_t, nfills), figure_counter, figure_sum},
    {"nflushes", "", "", offsetof(stats_cache_t, nflushes), figure_counter, figure_sum},
    {"hit_ratio", "", "", offsetof(stats_cache_t, hit_ratio), figure_ratio, figure_sum},
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
const figure_t *
figures_of(record_t record, uint32_t *n) {
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
merged(figure_merge_t how, uint64_t a, uint64_t b) {
    switch (how) {
    case figure_max:
        return a > b ? a : b;
    case figure_min:
        return a < b ? a : b;
    case figure_limit:
        return a == FIGURE_NEVER || b == FIGURE_NEVER ? FIGURE_NEVER : a + b;
    default:
        return a + b;
    }
}

/* The figures are the words. */
void
figures_merge(record_t record, void *into, const void *from) {
    uint32_t n;
    const figure_t *figures = figures_of(record, &n);
    uint64_t *a = into;
    const uint64_t *b = from;
    for (uint32_t i = 0; i < n; i++) {
        a[i] =
            LIKELY(figures[i].merge == figure_sum) ? a[i] + b[i] : merged((figure_merge_t)figures[i].merge, a[i], b[i]);
    }
}
