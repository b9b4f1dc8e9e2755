/* detail.c -- rows of an arena's records. */
#include "observe/detail.h"

#include "thread/tcache.h"

const char stats_lock_names[STATS_LOCKS][20] = {"decay_dirty", "extents_dirty", "extents_muzzy", "extents_retained"};

uint32_t
stats_nrows(record_t record) {
    switch (record) {
    case record_bin:
        return sc.nsmall;
    case record_large:
        return sc.nsizes - sc.nsmall;
    case record_extents:
        return SC_NPAGE_CLASSES;
    case record_cache:
        return tcache_nclasses();
    case record_lock:
        return STATS_LOCKS;
    default:
        return 1;
    }
}

const void *
stats_detail_row(const stats_detail_t *detail, record_t record, uint32_t row) {
    switch (record) {
    case record_arena:
        return &detail->arena;
    case record_lock:
        return &detail->locks[row];
    case record_bin:
        return &detail->bins[row];
    case record_large:
        return &detail->large[row];
    default:
        return &detail->extents[row];
    }
}
