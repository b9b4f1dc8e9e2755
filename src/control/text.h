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
/* The whole number, of any radix, that begins a text, and its length; false on overflow or if there is none. */
bool text_whole(const char *text, size_t len, uint64_t *value, size_t *used);
void text_put(fmt_t *out, const lunalloc_value_t *value);
/* Edits that turn a into b: insertions, deletions, replacements. Names of up to TEXT_MAX_NAME bytes, else
 * UINT32_MAX. */
#define TEXT_MAX_NAME 96
uint32_t text_distance(const char *a, const char *b);
/* The same, of a name that was mistyped to one that there is; UINT32_MAX if that is not near: a third of what follows
 * the components that both begin with may differ. */
uint32_t text_nearness(const char *name, const char *known);

#endif
