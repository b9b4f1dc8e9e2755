/* ctl_locks.c -- the controls of locks' counters. */
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

const char process_lock_names[PROCESS_LOCKS][20] = {
#define PROCESS_LOCK(name, lock) #name,
#include "control/process_locks.def"
};

lock_t *
process_lock(process_lock_t which) {
    switch (which) {
#define PROCESS_LOCK(name, lock)                                                                                       \
    case process_lock_##name:                                                                                          \
        return lock;
#include "control/process_locks.def"
    default:
        return NULL;
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

/* Takes the locks one at a time. */
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
