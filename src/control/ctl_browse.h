/*
 * ctl_browse.h -- questions about names: how far an index goes, what a group holds, what a mistyped name may mean.
 *
 * For tools that list and complete controls, for messages, and for mallctl, which refuses an index that is out of reach
 * before it does anything else. Private to control/; the contract of ctl_limit and ctl_suggest is that of the public
 * functions in lunalloc.h. Thread-safe.
 */
#ifndef LUNALLOC_CONTROL_CTL_BROWSE_H
#define LUNALLOC_CONTROL_CTL_BROWSE_H

#include "control/ctl_names.h"

/* Subtrees whose first index is an arena. */
#define CTL_ARENA               "arena.<i>."
#define CTL_STATS_ARENAS        "stats.arenas.<i>."
#define CTL_EXPERIMENTAL_ARENAS "experimental.arenas.<i>."

bool ctl_is_of(const ctl_row_t *row, const char *subtree);

/* Does the row's k-th index take this number, now? */
bool ctl_in_reach(const ctl_row_t *row, unsigned k, size_t index);
size_t ctl_limit(const char *name);

/* Do longer names begin with all components of this one, whose indices are in reach or left open? */
bool ctl_is_group(const char *name);
/* The first of them into buf. False if there is none. */
bool ctl_member(const char *group, char *buf, size_t size);

/* Unsupported names are not suggested. */
bool ctl_suggest(const char *name, char *buf, size_t size);

#endif
