/*
 * cells.h -- blocks by size and lifetime together: what a description of a workload is made of.
 *
 * A block begins with its first allocation and ends with its free; reallocs in between belong to it. Its lifetime is
 * counted in blocks that its thread begins meanwhile, as the workload engine counts it. Cells are classes by half
 * powers of two of lifetimes, and one more for blocks that live at the end and for most of the time. The caller
 * synchronises.
 */
#ifndef TRACE_CELLS_H
#define TRACE_CELLS_H

#include "classes.h"
#include "pass.h"

enum {
    CELLS_LIVES = 2 * 48 + 2, /* 0; [2^(i/2), 2^((i+1)/2)); the last one: forever */
    CELLS_FOREVER = CELLS_LIVES - 1
};

typedef struct {
    uint64_t count;
    double size, life; /* sums */
} trace_cell_t;

typedef struct {
    uint64_t blocks;           /* counts: that began, */
    uint64_t ended, cross;     /* that ended, that another thread ended, */
    uint64_t sized, zeroed;    /* freed with their size, from calloc, */
    uint64_t resized, resizes; /* that were resized, how often they were */
    double product;            /* sum of bytes times lifetime, with the sizes that resizes gave */
    uint64_t alignments[64];   /* blocks by log2 of the alignment that was asked for */
    double byte_blocks;        /* sum of live bytes at each beginning of a block: the mean is live bytes over time */
    uint64_t live_bytes;
} cells_whole_t;

typedef struct {
    cells_whole_t whole;
    trace_cell_t cells[TRACE_CLASSES][CELLS_LIVES];
} trace_cells_t;

/* NULL without memory. */
trace_cells_t *trace_cells_open(void);
void trace_cells_add(trace_cells_t *cells, const trace_step_t *step, const trace_pass_t *pass);
/* At the end of the pass: the blocks that live. */
void trace_cells_end(trace_cells_t *cells, const trace_pass_t *pass);
void trace_cells_close(trace_cells_t *cells);

#endif
