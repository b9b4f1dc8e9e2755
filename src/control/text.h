/* text.h -- values as people write them: "true", "500", "0x1f", "017", "-1", "64M", "1.5G", "10s". No allocation, no
 * locale. */
#ifndef LUNALLOC_CONTROL_TEXT_H
#define LUNALLOC_CONTROL_TEXT_H

#include "base/fmt.h"
#include "lunalloc.h"

typedef enum {
    text_good,
    text_malformed,
    text_out_of_range
} text_result_t;

/* Parses len bytes of text (a string's must be terminated) for a row, checking type and range. Unless it is good, `why`
 * says what is wrong and what is allowed. */
text_result_t text_read(const lunalloc_row_t *row, const char *text, size_t len, lunalloc_value_t *value, fmt_t *why);
/* Is it good? */
bool text_parse(const lunalloc_row_t *row, const char *text, size_t len, lunalloc_value_t *value, fmt_t *why);
/* Is a typed value within the row's range? False: as above. */
bool text_in_range(const lunalloc_row_t *row, const lunalloc_value_t *value, fmt_t *why);
void text_put(fmt_t *out, const lunalloc_value_t *value);

/* Bytes of a control's name, with numbers in the place of its indices. */
#define TEXT_MAX_NAME 96

#endif
