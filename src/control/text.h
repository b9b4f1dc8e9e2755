/*
 * text.h -- values as text: for configuration, for lunalloc_ctl_set(), and for messages that repeat a value.
 *
 * A text is parsed for a row, whose type and unit it must fit: "true", "500", "0x1f", "-1", "64M", "1.5G", "10s"
 * (base/units.h). No allocation, no locale.
 */
#ifndef LUNALLOC_CONTROL_TEXT_H
#define LUNALLOC_CONTROL_TEXT_H

#include "control/schema.h"

typedef enum {
    text_good,
    text_malformed,
    text_out_of_range /* of the type; the row's own range is not checked (ctl_write, ctl_in_range) */
} text_result_t;

/* Parses len bytes of text; a string's text must be terminated, and stays the caller's. Unless it is good, appends what
 * is wrong and what is allowed to `why`. */
text_result_t text_parse(const ctl_row_t *row, const char *text, size_t len, lunalloc_value_t *value, fmt_t *why);

/* Appends that a value is out of the row's range, and what is allowed. */
void text_refuse_range(const ctl_row_t *row, fmt_t *why);

/* Appends a value that text_parse() reads as the same value; nothing for an action or a structure. */
void text_put(fmt_t *out, const lunalloc_value_t *value);

/* Bytes of a control's name with numbers in the place of its indices. */
#define TEXT_MAX_NAME 96

#endif
