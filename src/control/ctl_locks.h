/*
 * ctl_locks.h -- the locks of the process, by number and by the names in stats.mutexes.*. Private to control/.
 *
 * Locks of arenas are stats_lock_index_t's (observe/detail.h).
 */
#ifndef LUNALLOC_CONTROL_CTL_LOCKS_H
#define LUNALLOC_CONTROL_CTL_LOCKS_H

#include "control/ctl_call.h"
#include "observe/arena_stats.h"

typedef enum {
#define PROCESS_LOCK(name, lock) process_lock_##name,
#include "control/process_locks.def"
    PROCESS_LOCKS
} process_lock_t;

extern const char process_lock_names[PROCESS_LOCKS][20];

lock_t *process_lock(process_lock_t which);

/* A row's arg: the number of a lock, and the offset of a counter in stats_lock_t. */
#define CTL_LOCK(lock, offset) ((uint32_t)(lock) << 8 | (uint32_t)(offset))

#endif
