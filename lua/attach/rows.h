/*
 * rows.h -- the rows of another process's schema, with texts that remain as long as the list.
 */
#ifndef LUNALLOC_LUA_ATTACH_ROWS_H
#define LUNALLOC_LUA_ATTACH_ROWS_H

#include "control/wire.h"

/* Bytes that rows were received in: their texts point into them. */
typedef struct rows_block rows_block_t;

/* Begins as zeros. */
typedef struct {
    lunalloc_row_t *all; /* the first n are the list's; `nmore` more follow, which were asked for by name */
    size_t n, nmore, room;
    bool complete; /* set by the caller, once all rows were added */
    rows_block_t *blocks;
} rows_t;

/* Adds the rows of a batch to the list. 0; ENOMEM; EPROTO if they are malformed. */
int rows_add(rows_t *rows, const wire_bytes_t *batch);

/* Reads one row, and copies the list's row of that name, or, if it has none, keeps this one. As rows_add. */
int rows_intern(rows_t *rows, const wire_bytes_t *one, lunalloc_row_t *row);

/* Frees everything; the list is empty then. */
void rows_free(rows_t *rows);

#endif
