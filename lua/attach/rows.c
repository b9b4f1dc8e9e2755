/* rows.c -- see rows.h. */
#include "attach/rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    MORE_MAX = 256 /* rows that are in no list: jemalloc's names without a meaning here */
};

struct rows_block {
    rows_block_t *next;
    char bytes[];
};

void
rows_free(rows_t *rows) {
    while (rows->blocks != NULL) {
        rows_block_t *next = rows->blocks->next;
        free(rows->blocks);
        rows->blocks = next;
    }
    free(rows->all);
    *rows = (rows_t){0};
}

/* Copies the bytes into a block of the list's. NULL if there is no memory. */
static const char *
keep(rows_t *rows, const wire_bytes_t *bytes) {
    rows_block_t *block = malloc(sizeof(*block) + bytes->len);
    if (block == NULL) {
        return NULL;
    }
    memcpy(block->bytes, bytes->data, bytes->len);
    block->next = rows->blocks;
    rows->blocks = block;
    return block->bytes;
}

/* Appends a row behind all others. */
static bool
append(rows_t *rows, const lunalloc_row_t *row) {
    size_t used = rows->n + rows->nmore;
    if (used == rows->room) {
        size_t room = rows->room * 2 + 64;
        lunalloc_row_t *all = realloc(rows->all, room * sizeof(*all));
        if (all == NULL) {
            return false;
        }
        rows->all = all;
        rows->room = room;
    }
    rows->all[used] = *row;
    return true;
}

/* Appends every row of the bytes, which are a block's, and counts them in *n. */
static int
append_all(rows_t *rows, const wire_bytes_t *kept, size_t *n) {
    lunalloc_row_t row;
    uint32_t at = 0;
    while (at < kept->len) {
        if (!wire_get_row(kept, &at, &row)) {
            return EPROTO;
        }
        if (!append(rows, &row)) {
            return ENOMEM;
        }
        ++*n;
    }
    return 0;
}

int
rows_add(rows_t *rows, const wire_bytes_t *batch) {
    const char *kept = keep(rows, batch);
    return kept == NULL ? ENOMEM : append_all(rows, &(wire_bytes_t){.len = batch->len, .data = kept}, &rows->n);
}

int
rows_intern(rows_t *rows, const wire_bytes_t *one, lunalloc_row_t *row) {
    uint32_t at = 0;
    if (!wire_get_row(one, &at, row) || at != one->len) {
        return EPROTO;
    }
    for (size_t i = 0; i < rows->n + rows->nmore; i++) {
        if (strcmp(rows->all[i].name, row->name) == 0) {
            *row = rows->all[i];
            return 0;
        }
    }
    const char *kept = rows->nmore < MORE_MAX ? keep(rows, one) : NULL;
    int error = kept == NULL ? ENOMEM : append_all(rows, &(wire_bytes_t){.len = one->len, .data = kept}, &rows->nmore);
    if (error == 0) {
        *row = rows->all[rows->n + rows->nmore - 1];
    }
    return error;
}
