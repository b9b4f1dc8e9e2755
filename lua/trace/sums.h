/*
 * sums.h -- sums of a recording that are made while it runs: a file of them has the size of a tally, however long the
 * recording is.
 *
 *   trace_writer_drop(writer);                                  events are not kept,
 *   trace_writer_tap(writer, trace_sums_tap, sums);             they arrive here as they are drained
 *   trace_sums_turn(sums, &clock, now - 500 ms);                those that are older are summed up
 *   trace_sums_write(sums, writer);                             from time to time: what a killed recorder leaves
 *   trace_sums_end(sums, &clock, writer);                       the rest; writes the sums
 *
 * Events are put in the order of time first. One that arrives after younger ones were summed up, because its thread
 * stood still between its time stamp and its hand-over, is counted as late: a free that overtook its allocation counts
 * as unknown. Memory is in proportion to the blocks that live at once.
 *
 * Reading: trace_sums_load(). The caller synchronises.
 */
#ifndef TRACE_SUMS_H
#define TRACE_SUMS_H

#include "cells.h"
#include "sorter.h"
#include "tally.h"
#include "write.h"

enum {
    SUMS_TURN = 1 << 14,    /* events that are summed up at once */
    SUMS_WAITING = 1 << 20, /* events that wait for their order, at most: further ones push the oldest out */
    SUMS_SAMPLES = 512      /* samples that are kept: if there are more, each second one is dropped */
};

typedef struct {
    trace_sorter_t sorter;
    trace_pass_t *pass;
    trace_tally_t *tally;
    trace_cells_t *cells;
    uint64_t last; /* order of the event that was summed up last */
    bool no_memory;
    size_t nsamples;
    trace_sample_t samples[SUMS_SAMPLES];
} trace_sums_t;

/* False without memory. now: ns of CLOCK_MONOTONIC. */
bool trace_sums_open(trace_sums_t *sums, uint64_t now);
void trace_sums_tap(void *sums, const record_event_t *event);
/* Sums up events before `until`, in ns of CLOCK_MONOTONIC, but not more than take a few milliseconds: rings fill
 * meanwhile. True if there are more. */
bool trace_sums_turn(trace_sums_t *sums, const record_clock_t *clock, uint64_t until);
/* Keeps a sample. True if there are half as many now, so that samples should be half as frequent. */
bool trace_sums_sample(trace_sums_t *sums, const trace_sample_t *sample);
/* Writes what is summed up so far. Later sums replace it in a reader's eyes, not in the file: be sparing. */
void trace_sums_write(const trace_sums_t *sums, trace_writer_t *writer);
void trace_sums_end(trace_sums_t *sums, const record_clock_t *clock, trace_writer_t *writer);
void trace_sums_close(trace_sums_t *sums);

/* The sums of a file for which trace_file_summed() holds: the last ones that are whole; *damaged: chunks that were left
 * out. What is out of bounds is left out, too. False without memory. */
bool trace_sums_load(const trace_file_t *file, trace_tally_t **tally, trace_cells_t **cells, uint64_t *damaged);

#endif
