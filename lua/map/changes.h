/*
 * changes.h -- what became of each address between two pictures of a heap.
 *
 * Use it to compare two instants: extents split, merge and move, so they have no identity, but an address has. One
 * pass over both sets, no memory. Both are tidy. Not thread-safe.
 */
#ifndef LUNALLOC_LUA_MAP_CHANGES_H
#define LUNALLOC_LUA_MAP_CHANGES_H

#include "map/raster.h"

/* Keys of a raster. */
typedef enum {
    CHANGE_NONE,
    CHANGE_APPEARED,  /* a new mapping */
    CHANGE_GONE,      /* the mapping is no longer there */
    CHANGE_ALLOCATED, /* free before, in use now */
    CHANGE_FREED,     /* in use before, free now */
    CHANGE_PURGED,    /* free, and nearer to being given back: dirty, muzzy, retained */
    CHANGE_REUSED,    /* in use by another class or arena; or dirty again, so it was in use in between */
    CHANGE_KINDS
} change_kind_t;

/* Either may be NULL: there was no extent. */
change_kind_t change_of(const extent_entry_t *before, const extent_entry_t *after);

/* Bytes by state before and after; 0: no extent, 1 + a state. */
typedef struct {
    uint64_t bytes[EXTENT_STATES + 1][EXTENT_STATES + 1];
} change_matrix_t;

void changes_sum(const extent_set_t *before, const extent_set_t *after, change_matrix_t *matrix,
                 uint64_t kinds[CHANGE_KINDS]);

/* As map_raster(); but of the changes in a cell, that with most bytes is shown, however much is unchanged. `only`: an
 * arena, before or after; or LUNALLOC_ALL. */
void changes_raster(const extent_set_t *before, const extent_set_t *after, uint32_t only, const map_layout_t *layout,
                    char *cells, map_totals_t *totals);

#endif
