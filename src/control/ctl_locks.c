/* ctl_locks.c -- figures of locks by name. */
#include "control/ctl_locks.h"

#include "control/background.h"
#include "control/ctl_arena.h"
#include "control/ctl_epoch.h"
#include "extent/metadata.h"
#include "extent/pagemap.h"
#include "observe/prof_dump.h"
#include "observe/prof_table.h"
#include "observe/stats.h"
#include "thread/thread.h"

#include <errno.h>

const char process_lock_names[PROCESS_LOCKS][20] = {"background_thread", "threads",  "arenas", "descriptors",
                                                    "pagemap",           "metadata", "prof",   "prof_dump"};

lock_t *
process_lock(process_lock_t which) {
    switch (which) {
    case process_lock_background_thread:
        return background_mutex();
    case process_lock_threads:
        return threads_mutex();
    case process_lock_arenas:
        return arenas_mutex();
    case process_lock_descriptors:
        return extent_mutex();
    case process_lock_pagemap:
        return pagemap_mutex();
    case process_lock_metadata:
        return metadata_mutex();
    case process_lock_prof:
        return prof_table_mutex();
    default:
        return prof_dump_mutex();
    }
}

static uint64_t
counter_of(const ctl_call_t *call, const stats_lock_t *stats) {
    return ctl_field_at(stats, call->row->arg & 0xff);
}

int
read_lock_stats(ctl_call_t *call) {
    stats_lock_t stats;
    stats_read_lock(process_lock((process_lock_t)(call->row->arg >> 8)), &stats);
    call->value.v.u = counter_of(call, &stats);
    return 0;
}

int
read_arena_lock_stats(ctl_call_t *call) {
    stats_lock_t stats;
    uint32_t index = (uint32_t)call->index[0], row = (uint32_t)(call->row->arg >> 8);
    if (!ctl_has_stats(call)) {
        return ENOENT;
    }
    if (!call->typed || !ctl_epoch_row(record_lock, index, row, call->row->arg & 0xff, &call->value.v.u)) {
        stats_get(record_lock, index, row, &stats);
        call->value.v.u = counter_of(call, &stats);
    }
    return 0;
}

/* Each for itself, since they are taken one at a time. */
int
write_mutexes_reset(ctl_call_t *call) {
    (void)call;
    for (uint32_t i = 0; i < PROCESS_LOCKS; i++) {
        lock_t *lock = process_lock((process_lock_t)i);
        lock_acquire(lock);
        lock_stats_reset(lock);
        lock_release(lock);
    }
    for (uint32_t i = 0; i < arenas_count(); i++) {
        if (arenas_get(i) != NULL) {
            stats_reset_locks(arenas_get(i));
        }
    }
    return 0;
}
