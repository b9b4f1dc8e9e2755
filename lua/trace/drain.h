/*
 * drain.h -- takes events out of the rings of a recording (observe/record_area.h) and puts them into a trace file. Use
 * it through recorder.h; tests fill an area of their own.
 *
 * Nothing in the area is trusted: positions are bounded, and bytes are copied before they are decoded. The target is
 * never asked for anything, so it may be stopped, or dead. One thread at a time may use a drain.
 */
#ifndef TRACE_DRAIN_H
#define TRACE_DRAIN_H

#include "observe/record_area.h"
#include "write.h"

typedef struct {
    trace_feed_t feed;
    uint64_t read;     /* position in the ring */
    uint64_t told;     /* events lost, as the ring's stream has told so far */
    bool broken;       /* it has bytes that are no events, or an impossible position: it is left alone from then on */
    uint32_t segments; /* that have memory */
} trace_source_t;

/* Allocates memory for the area's bytes [offset, offset + size). False if there is none. */
typedef bool trace_allocate_t(void *opaque, size_t offset, size_t size);

typedef struct {
    void *area; /* mapped, of the shape; the drain does not own it */
    record_shape_t shape;
    trace_writer_t *writer;
    trace_source_t sources[RECORD_RINGS_MAX];
    record_clock_t clock;
    bool began;                 /* the target has taken the area, and the file has its clock */
    uint32_t broken;            /* rings */
    trace_allocate_t *allocate; /* NULL: all of the area has memory */
    void *opaque;               /* of allocate */
    bool nobody;                /* the target should know that the recording is over */
    bool refused;               /* there was no more memory: rings stay as they are, and may lose events */
    uint8_t staging[64 << 10];
} trace_drain_t;

/* All zero but for area, shape, writer, allocate and opaque. */

/* Gives each ring its first segments, a quarter. False if there is no memory for them. Does nothing without
 * `allocate`. */
bool trace_drain_give_memory(trace_drain_t *drain);

/* Takes what is in the rings, and gives more segments to those that fill. Returns the bytes taken; *fullest: the part
 * of a ring's memory that was in use, at most, of 100. */
uint64_t trace_drain_slice(trace_drain_t *drain, uint32_t *fullest);

/* Reads the clock again: drain->clock. */
void trace_drain_read_clock(trace_drain_t *drain);
/* Reads the clock again, and writes it to the file: a later reading makes times more exact. */
void trace_drain_clock(trace_drain_t *drain);

/* Takes the rest, after the target has ended: with the events that were lost and not told. */
void trace_drain_end(trace_drain_t *drain);

/* Bytes of the area that the target has used, at most: they count as its resident memory. */
uint64_t trace_drain_touched(const trace_drain_t *drain);

#endif
