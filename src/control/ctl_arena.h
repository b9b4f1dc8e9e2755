/* ctl_arena.h -- which arena a control is about. Private to control/. */
#ifndef LUNALLOC_CONTROL_CTL_ARENA_H
#define LUNALLOC_CONTROL_CTL_ARENA_H

#include "arena/arenas.h"
#include "control/ctl_call.h"

/* ENOENT, with the reason "there is no <what> <index>". */
int ctl_no_such(fmt_t *why, const char *what, size_t index);
/* ENOENT, with the reason and what is allowed. */
int ctl_no_such_arena(fmt_t *why, size_t index);
/* The one arena that a call's first index names, made if it is an automatic one; NULL with the reason in `why`. */
arena_t *ctl_one_arena(const ctl_call_t *call);
/* Does the call's first index name an arena that is alive, or several? If not, the reason is in `why`. */
bool ctl_has_stats(const ctl_call_t *call);

#endif
