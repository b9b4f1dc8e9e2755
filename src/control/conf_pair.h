/*
 * conf_pair.h -- applying one pair "name:value" of a configuration: for conf.c, which finds the pairs. conf.h says what
 * a pair may be. Private to control/.
 */
#ifndef LUNALLOC_CONTROL_CONF_PAIR_H
#define LUNALLOC_CONTROL_CONF_PAIR_H

#include "control/ctl_source.h"

/* Part of a text, which is not terminated. */
typedef struct {
    const char *text;
    size_t len;
} conf_span_t;

bool conf_is_blank(char c);
/* Without the blanks at both ends. */
conf_span_t conf_trim(conf_span_t span);

/* Stores the option that the pair names, and remembers its source. If the option is unsupported, reports that its value
 * is ignored. False if the pair is bad: then the reason is appended to `why`. */
bool conf_apply_pair(conf_span_t text, ctl_source_t source, fmt_t *why);

#endif
