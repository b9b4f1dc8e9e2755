/*
 * trace.h -- a recorded sequence of allocations, in the text form of Android's malloc debugging, compiled for replay.
 *
 * Each line tells one call of one thread, in the order in which they were recorded:
 *
 *   THREAD: malloc ADDRESS SIZE                   THREAD: free ADDRESS
 *   THREAD: calloc ADDRESS COUNT SIZE             THREAD: realloc NEW_ADDRESS OLD_ADDRESS SIZE
 *   THREAD: memalign ADDRESS ALIGNMENT SIZE       THREAD: thread_done 0x0
 *
 * Addresses are hexadecimal, the other numbers decimal. The times at which a call began and ended may follow (ns); a
 * replay keeps to the first of these if it is asked to. thread_done ends a thread: its number may be used again, by
 * another thread.
 *
 * Addresses serve only to match the lines. trace_load() numbers the blocks: each allocation of the trace is a block of
 * its own, also if an address is given out again. A *step* is one call of one thread. A thread frees a block only after
 * the step that allocates it, which stands earlier in the file, maybe in another thread; so threads that wait for each
 * other's blocks cannot wait in a circle.
 */
#ifndef WORKLOAD_TRACE_H
#define WORKLOAD_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "region.h"

enum {
    TRACE_MAX_THREADS = 512
};

/* No block. */
#define TRACE_NONE UINT32_MAX

/* Bytes of the file. */
#define TRACE_LIMIT ((size_t)1 << 30)

typedef enum {
    TRACE_MALLOC,
    TRACE_CALLOC,
    TRACE_ALIGNED,
    TRACE_REALLOC,
    TRACE_FREE
} trace_kind_t;

typedef struct {
    uint32_t block;     /* that is allocated or freed */
    uint32_t old;       /* realloc: the block that it resizes, or TRACE_NONE; aligned: log2 of the alignment */
    uint64_t at;        /* ns from the first call of the trace; 0 without times */
    uint64_t size : 56; /* bytes */
    uint64_t kind : 8;  /* trace_kind_t */
} trace_step_t;

typedef struct {
    uint64_t number; /* in the file */
    const trace_step_t *steps;
    size_t nsteps;
    bool ends; /* it has a thread_done */
} trace_thread_t;

/* Does not change once it is loaded; threads may share it. */
typedef struct {
    trace_thread_t threads[TRACE_MAX_THREADS];
    uint32_t nthreads;
    uint32_t nblocks;
    size_t nsteps;
    bool timed;         /* each line of a call has its times */
    uint64_t peak;      /* bytes that live at once, in the order of the file */
    uint64_t unmatched; /* frees and resizes of blocks that no line allocates; they are left out */
} trace_t;

/* Reads the file. Its tables are allocated from `region`. 0, or an errno value with one line in `message`:
 * TEXTFILE_WRONG (the line that is wrong, and what is allowed), ENOMEM, or the error of opening the file. */
int trace_load(trace_t *trace, const char *path, region_t *region, char *message, size_t message_size);

/* trace_line.c: a line of the file. */
typedef enum {
    TRACE_LINE_MALLOC,
    TRACE_LINE_CALLOC,
    TRACE_LINE_MEMALIGN,
    TRACE_LINE_REALLOC,
    TRACE_LINE_FREE,
    TRACE_LINE_DONE
} trace_line_kind_t;

typedef struct {
    trace_line_kind_t kind;
    uint64_t thread, address;
    uint64_t old;       /* realloc */
    uint64_t alignment; /* memalign */
    uint64_t size;      /* calloc: of all elements */
    uint64_t begin;     /* ns */
    bool timed;
} trace_line_t;

/* Parses the line in [p, end). NULL, or what is wrong with it and what is allowed. */
const char *trace_line_parse(trace_line_t *line, const char *p, const char *end);

#endif
