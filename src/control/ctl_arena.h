/* ctl_arena.h -- what the rows arena.<i>.* read, write and do. Private to control/; the types are ctl_row.h's. */
#ifndef LUNALLOC_CONTROL_CTL_ARENA_H
#define LUNALLOC_CONTROL_CTL_ARENA_H

#include "arena/arenas.h"
#include "control/ctl_row.h"

typedef enum {
    ARENA_DECAY,
    ARENA_PURGE,
    ARENA_RESET,
    ARENA_DESTROY
} arena_action_t;

/* ENOENT, with the reason and what is allowed. */
int ctl_no_such_arena(fmt_t *why, size_t index);
/* The one arena that a call's first index names, made if it is an automatic one; NULL with the reason in `why`. */
arena_t *ctl_one_arena(const ctl_call_t *call, fmt_t *why);

ctl_read_t read_arena_initialized, read_arena_decay, read_arena_dirty_max, read_extent_hooks, read_arena_guard,
    read_arena_thp, read_opt_thp, read_nguards, read_highwater, read_arenas_create;
ctl_write_t write_arena_decay, write_arena_dirty_max, write_extent_hooks, write_arena_guard, write_arena_thp,
    write_opt_thp, write_arena_action;

#endif
