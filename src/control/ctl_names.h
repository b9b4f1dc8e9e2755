/*
 * ctl_names.h -- names, and what they stand for. The contract of each function is that of the public function of the
 * same meaning in lunalloc.h. Thread-safe.
 */
#ifndef LUNALLOC_CONTROL_CTL_NAMES_H
#define LUNALLOC_CONTROL_CTL_NAMES_H

#include "control/ctl_row.h"

typedef struct {
    const ctl_row_t *row;
    ctl_call_t call;
    bool whole;                      /* it is the row's, not only the beginning of it */
    unsigned ncomponents;            /* parts between dots */
    unsigned nplaces;                /* of these, indices */
    unsigned nindices;               /* that were given; fewer than places only if patterns are allowed */
    unsigned place[CTL_MAX_INDICES]; /* which components they are, from 0 */
} ctl_name_t;

/* ENOENT. With patterns allowed, "<i>" stands for itself. */
int ctl_resolve(const char *name, bool patterns, ctl_name_t *out);
/* As ctl_resolve; or a name that begins with the first n components of this one, of which `out` then tells. ENOENT. */
int ctl_resolve_prefix(const char *name, size_t n, ctl_name_t *out);
/* Subtrees whose first index is an arena. */
#define CTL_ARENA               "arena.<i>."
#define CTL_STATS_ARENAS        "stats.arenas.<i>."
#define CTL_EXPERIMENTAL_ARENAS "experimental.arenas.<i>."

bool ctl_is_of(const ctl_row_t *row, const char *subtree);
/* Does the row's k-th index take this number, now? */
bool ctl_in_reach(const ctl_row_t *row, unsigned k, size_t index);

/* Do longer names begin with all components of this one, whose indices are in reach or left open? */
bool ctl_is_group(const char *name);
/* The first of them into buf. False if there is none. */
bool ctl_member(const char *group, char *buf, size_t size);
size_t ctl_limit(const char *name);
bool ctl_suggest(const char *name, char *buf, size_t size);

#endif
