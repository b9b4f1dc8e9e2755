/*
 * ctl_arena.h -- which arena a control is about: for handlers of rows whose first index is an arena. Private to
 * control/.
 */
#ifndef LUNALLOC_CONTROL_CTL_ARENA_H
#define LUNALLOC_CONTROL_CTL_ARENA_H

#include "arena/arenas.h"
#include "control/ctl_call.h"

/* ENOENT, with the reason "there is no <what> <index>". */
int ctl_no_such(fmt_t *why, const char *what, size_t index);
/* ENOENT, with the reason that there is no such arena, and with the indices that are allowed. */
int ctl_no_such_arena(fmt_t *why, size_t index);
/* The one arena that the call's first index names; an automatic one is created if it does not exist yet. NULL, with the
 * reason in the call's `why`, if there is none or all are meant. */
arena_t *ctl_one_arena(const ctl_call_t *call);
/* Does the call's first index name an arena that exists, all of them, or the destroyed ones? If not, the reason is in
 * the call's `why`. */
bool ctl_has_stats(const ctl_call_t *call);

#endif
