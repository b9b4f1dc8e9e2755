/*
 * reader_value.h -- one reading of a control of another process: what it is about, its failures, and setting its value.
 * For the files that read values: reader_settings.c, reader_state.c, reader_counters.c.
 */
#ifndef LUNALLOC_LUA_ATTACH_READER_VALUE_H
#define LUNALLOC_LUA_ATTACH_READER_VALUE_H

#include "attach/reader.h"

typedef struct {
    const char *name;
    reader_name_t at;
    const ctl_row_t *row;
    lunalloc_value_t *value;
} get_t;

/* ---- failures: each sets the message and returns the error ---- */

int no_such(reader_t *reader, const get_t *get, const char *what, size_t index);
int no_such_arena(reader_t *reader, const get_t *get);
/* Only the target's own code can tell it. */
int not_from_outside(reader_t *reader, const get_t *get);

/* ---- text: kept until the next reading ---- */

int set_text(reader_t *reader, const get_t *get, const char *text);
/* The keyword of a number; EPROTO if it has none. */
int set_keyword(reader_t *reader, const get_t *get, const char *const *keywords, size_t n, uint64_t number);

/* ---- the files; *known: false, and 0, if the row's handler is not one of theirs ---- */

int get_setting(reader_t *reader, const get_t *get, bool *known);
int get_state(reader_t *reader, const get_t *get, bool *known);
int get_counter(reader_t *reader, const get_t *get, bool *known);

#endif
