/*
 * ctl_option.h -- settings that are fields of options_t, and settings that are one of a few keywords. Private to
 * control/.
 *
 * An option has up to three names: opt.X tells what it was at the start; a live name (arenas.X) tells and changes what
 * it is now; and a configuration sets it as X. All of them use the handlers read_option and write_option, whose arg is
 * the field's offset, or handlers of their own for values that are stored otherwise.
 */
#ifndef LUNALLOC_CONTROL_CTL_OPTION_H
#define LUNALLOC_CONTROL_CTL_OPTION_H

#include "control/ctl_call.h"

/* Keywords in the order of the numbers that they stand for; an empty one ends the list. */
typedef char ctl_keyword_t[12];

/* The value that an option had at the start, once a live name has changed it. */
typedef enum {
    start_unchanged,
    start_being_kept,
    start_kept
} start_state_t;

typedef struct {
    _Atomic uint64_t value; /* Synchronization: one thread writes, once; read when `state` says that it is kept. */
    _Atomic uint32_t state; /* Synchronization: any thread; start_state_t; release: the value is stored. */
} ctl_start_t;

/* pages_thp_t */
extern const ctl_keyword_t ctl_thp_keywords[];

/* The number of a keyword. False, with those that are allowed in `why`, if it is none of them; text may be NULL. */
bool ctl_choose(const ctl_keyword_t *keywords, const char *text, uint32_t *number, fmt_t *why);

#endif
