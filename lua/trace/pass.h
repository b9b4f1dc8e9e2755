/*
 * pass.h -- one pass over a trace, or over a part of it, with the blocks that live meanwhile. For counting, for saving
 * a part, and for going through the events from Lua.
 *
 *   trace_pass_t *pass = trace_pass_open(file, &filter);
 *   while (trace_pass_next(pass, &step)) { if (step.passes) { ... step.event, step.old ... } }
 *   trace_pass_close(pass);
 *
 * Conditions on events: time, thread, kind. Conditions on blocks: the size. An event passes if it meets the first, and
 * the block that it begins or ends meets the others. Of a realloc, only the half passes that meets them: it becomes a
 * free of the old block, or a realloc of none; so what passes is consistent again.
 *
 * Memory: in proportion to the blocks that live at once, not to the events.
 */
#ifndef TRACE_PASS_H
#define TRACE_PASS_H

#include "file.h"
#include "live.h"

typedef struct trace_pass trace_pass_t;

typedef struct {
    uint64_t from, to;           /* ns, CLOCK_MONOTONIC: from <= time < to */
    uint64_t min_size, max_size; /* bytes, both included */
    int64_t thread;              /* index; -1: any */
    uint32_t kinds;              /* a bit for each record_kind_t */
} trace_filter_t;

#define TRACE_ALL ((trace_filter_t){0, UINT64_MAX, 0, UINT64_MAX, -1, UINT32_MAX})

typedef struct {
    record_event_t event;
    bool passes;
    bool begins;   /* it passes, and a block begins with it */
    bool ended;    /* it ended the block `old`, whether it passes or not */
    bool unknown;  /* it ends a block that the trace does not allocate */
    bool moved;    /* a realloc whose old block a RECORD_MOVE has taken away before */
    bool replaced; /* `old` lived at the address that was handed out: its free is missing, or a RECORD_LIVE was void */
    trace_block_t old; /* old.counted: its allocation has passed */
} trace_step_t;

/* Does the step resize the block `old`? Not if only the new half of a realloc passes. */
static inline bool
trace_resizes(const trace_step_t *step) {
    return step->event.kind == RECORD_REALLOC && step->ended && step->event.old_addr != 0;
}

/* NULL without memory. */
trace_pass_t *trace_pass_open(const trace_file_t *file, const trace_filter_t *filter);
/* A pass without a file: over events that the caller has, in the order of time. */
trace_pass_t *trace_pass_open_fed(void);
/* The step of the next event. False without memory. */
bool trace_pass_feed(trace_pass_t *pass, const record_event_t *event, trace_step_t *step);
bool trace_pass_next(trace_pass_t *pass, trace_step_t *step);
/* Why it ended: true if memory was short, so that events are missing. */
bool trace_pass_short(const trace_pass_t *pass);
/* Bytes that the events so far have allocated, whether they pass or not. */
uint64_t trace_pass_bytes(const trace_pass_t *pass);
/* How many blocks the thread has begun so far; a realloc begins none. */
uint64_t trace_pass_begun(const trace_pass_t *pass, uint32_t thread);
/* The blocks that live now. */
const trace_live_t *trace_pass_live(const trace_pass_t *pass);
/* As trace_merge_damaged(). */
uint64_t trace_pass_damaged(const trace_pass_t *pass);
void trace_pass_close(trace_pass_t *pass);

/* ---- what kinds are ---- */

/* Has it conditions on blocks? */
static inline bool
trace_any_size(const trace_filter_t *filter) {
    return filter->min_size == 0 && filter->max_size == UINT64_MAX;
}

/* Does an event of this kind begin a block? RECORD_LIVE is told of blocks that are known, too. */
static inline bool
trace_begins(uint32_t kind) {
    return kind == RECORD_MALLOC || kind == RECORD_CALLOC || kind == RECORD_ALIGNED || kind == RECORD_REALLOC ||
           kind == RECORD_LIVE;
}

static inline bool
trace_frees(uint32_t kind) {
    return kind == RECORD_FREE || kind == RECORD_FREE_SIZED;
}

#endif
