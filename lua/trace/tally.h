/*
 * tally.h -- what a trace, or a part of it, consists of: sums by class, thread and kind, sizes, lifetimes, and live
 * bytes over time. Filled from the steps of a pass, or from events as they are recorded; its size does not depend on
 * how many there are, except for distinct sizes, which are bounded.
 *
 *   trace_tally_t *tally = trace_tally_open(begin, end);
 *   while (trace_pass_next(pass, &step)) { trace_tally_add(tally, &step, trace_pass_bytes(pass)); }
 *
 * A lifetime is the time from a block's allocation to its free, and the bytes that all threads allocate meanwhile. Of
 * blocks that live at the end, and of those that a realloc ends, there is none. The caller synchronises.
 */
#ifndef TRACE_TALLY_H
#define TRACE_TALLY_H

#include "array.h"
#include "classes.h"
#include "pass.h"

enum {
    TALLY_PARTS = 8,      /* of a class, of equal width: for sizes */
    TALLY_LIFETIMES = 64, /* powers of two: [i] counts lifetimes in [2^i, 2^(i+1)), [0] also 0 */
    TALLY_COLUMNS = 1024, /* of live bytes over time */
    TALLY_SIZES = 1 << 16 /* distinct sizes that are counted apart */
};

typedef struct {
    uint64_t allocations, frees; /* counts; a realloc is one of each */
    uint64_t bytes;              /* requested by the allocations */
    uint64_t reallocs;           /* how many of the allocations are */
    uint64_t cross;              /* frees and reallocs by another thread than the one that allocated */
    uint64_t live, live_bytes;   /* at the end */
    uint64_t peak, peak_bytes;   /* the most at once: each of its own moment */
} tally_sums_t;

typedef struct {
    tally_sums_t sums;
    uint64_t parts[TALLY_PARTS];          /* allocations by size; the class before ends where the first begins */
    uint64_t life_time[TALLY_LIFETIMES];  /* frees by lifetime in ns */
    uint64_t life_bytes[TALLY_LIFETIMES]; /* frees by lifetime in bytes */
    double sum_life_bytes;                /* of those lifetimes */
} tally_class_t;

typedef struct {
    tally_sums_t sums;     /* of the calls of the thread; what lives is of the thread that allocated it */
    uint64_t events, lost; /* that pass */
} tally_thread_t;

typedef struct {
    uint64_t size, count;
} tally_size_t;

typedef struct {
    uint64_t peak, last; /* live bytes in that part of the time: the most, and at its end */
    uint64_t any;        /* 1 if something happened, else 0 */
} tally_column_t;

typedef struct {
    tally_sums_t total;
    uint64_t events;       /* that pass, of every kind */
    uint64_t first, last;  /* ns, of those; first is UINT64_MAX without any */
    uint64_t peak_time;    /* ns, of total.peak_bytes */
    uint64_t unknown;      /* frees and reallocs of blocks that were allocated before */
    uint64_t missing;      /* blocks whose address was handed out again without a free */
    uint64_t lost;         /* events */
    uint64_t other_sizes;  /* allocations of sizes that found no room */
    uint64_t begin, width; /* ns: where the columns begin, and one's width */
    uint64_t late; /* events that were summed up while they were recorded, and arrived too late for their order */
} tally_whole_t;

typedef struct trace_tally {
    tally_whole_t whole;
    uint64_t kinds[RECORD_KINDS], kind_bytes[RECORD_KINDS];
    uint64_t alignments[64]; /* allocations by log2 of the alignment that was asked for; [0]: none */
    tally_class_t classes[TRACE_CLASSES];
    tally_column_t columns[TALLY_COLUMNS];
    trace_array_t threads; /* tally_thread_t */
    uint32_t most_threads; /* that are counted apart; further ones count as the last of them */
    trace_array_t sizes;   /* tally_size_t: open addressing; count 0 is free */
    size_t nsizes;
    uint64_t column; /* of the latest event */
    bool no_memory;
} trace_tally_t;

/* Columns of time lie between begin and end, in ns; they get wider if there is more behind. NULL without memory. */
trace_tally_t *trace_tally_open(uint64_t begin, uint64_t end);
/* allocated: bytes that all threads have allocated so far. */
void trace_tally_add(trace_tally_t *tally, const trace_step_t *step, uint64_t allocated);
void trace_tally_close(trace_tally_t *tally);

#endif
