/* ctl_locks.h -- the locks of the process as a whole, by the names that their figures have. Private to control/. */
#ifndef LUNALLOC_CONTROL_CTL_LOCKS_H
#define LUNALLOC_CONTROL_CTL_LOCKS_H

#include "control/ctl_call.h"
#include "observe/arena_stats.h"

typedef enum {
    process_lock_background_thread,
    process_lock_threads,
    process_lock_arenas,
    process_lock_descriptors,
    process_lock_pagemap,
    process_lock_metadata,
    process_lock_prof,
    process_lock_prof_dump,
    PROCESS_LOCKS
} process_lock_t;

extern const char process_lock_names[PROCESS_LOCKS][20];

lock_t *process_lock(process_lock_t which);

/* A row's arg: a lock, and a figure's offset in stats_lock_t. */
#define CTL_LOCK(lock, offset) ((uint32_t)(lock) << 8 | (uint32_t)(offset))

#endif
