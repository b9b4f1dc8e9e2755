/*
 * ctl_names.h -- from a name to its row and its indices. Private to control/. Thread-safe.
 *
 * ctl_resolve() turns "arena.3.purge" into the row "arena.<i>.purge" and the index 3: how every access begins.
 * What else may be asked about names (limits of indices, groups, suggestions) is ctl_browse.h's.
 */
#ifndef LUNALLOC_CONTROL_CTL_NAMES_H
#define LUNALLOC_CONTROL_CTL_NAMES_H

#include "control/ctl_call.h"

typedef struct {
    ctl_call_t call;                 /* the row and the indices; nothing else is filled in */
    bool whole;                      /* the name is the row's, not only its first components */
    unsigned ncomponents;            /* parts between dots */
    unsigned nplaces;                /* of these, indices */
    unsigned nindices;               /* places whose number is given; a pattern leaves some open */
    unsigned place[CTL_MAX_INDICES]; /* which components they are, from 0 */
} ctl_name_t;

/* 0, or ENOENT. With patterns allowed, a component "<i>" stands for itself. */
int ctl_resolve(const char *name, bool patterns, ctl_name_t *out);
/* As ctl_resolve; or a row that begins with the first n components of the name, which `out` then describes. */
int ctl_resolve_prefix(const char *name, size_t n, ctl_name_t *out);
/* The row of exactly this pattern; NULL if there is none. */
const ctl_row_t *ctl_row_named(const char *pattern);

/* ---- components: the text between dots ---- */

/* Bytes of the first one. */
size_t ctl_component(const char *name);
/* Is the first one of a pattern "<i>" or "<j>"? */
bool ctl_is_index(const char *pattern);
/* The number in len bytes of text: a decimal of at most 9 digits without leading zeros. */
bool ctl_parse_index(const char *text, size_t len, size_t *index);
/* Matches the first n components of a name, or all of them, with those of a pattern. Fills in `out` but for the row;
 * returns what is left of the pattern, NULL if it does not match. */
const char *ctl_match_prefix(const char *pattern, const char *name, size_t n, ctl_name_t *out);

#endif
