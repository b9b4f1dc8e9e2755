/*
 * plan.h -- a workload's description, compiled: the threads of a run read it.
 *
 * To make a plan, zero it, set its scalar fields, call plan_reserve(), fill in rows[] and phases[], and call
 * plan_finish(), which checks it and derives the rest. After that it does not change, and threads may share it.
 * lua_plan.c makes one from a Lua table.
 *
 * Vocabulary. An *operation* is one allocation and its effects: its contents are written, it may be resized, and at the
 * end of its *lifetime* (a number of later operations of the same thread) it is freed by the same or by another thread.
 * A *row* is one kind of block in the mix; weights say how often each is allocated. A *phase* changes settings at a
 * given time. The same description and seed give the same plan, and the same sequence of requests per thread.
 */
#ifndef WORKLOAD_PLAN_H
#define WORKLOAD_PLAN_H

#include "curve.h"
#include "joint.h"
#include "lunalloc.h"
#include "replayer.h"

enum {
    PLAN_MAX_THREADS = 512,
    PLAN_MAX_ROWS = 64,
    PLAN_MAX_PHASES = 1000,
    PLAN_MAX_RESIZES = 1000,
    PLAN_MAX_BATCH = 65536,
    PLAN_MAX_SEGMENTS = 64
};

/* A share 0 .. 1 as a bound for a 32-bit random number: the event happens if random < share. */
typedef uint64_t plan_share_t;

plan_share_t plan_share(double share);

/* A value of row.freer: any thread but the block's own. */
#define PLAN_ANY_OTHER UINT32_MAX

/* The order of the frees of a burst, compared with that in which the blocks ended. */
typedef enum {
    PLAN_FORWARD,
    PLAN_REVERSED,
    PLAN_RANDOM
} plan_order_t;

typedef struct {
    double weight;
    dist_t size;                        /* bytes */
    dist_t lifetime;                    /* operations of the thread; DIST_FIFO: allocations of this row by the thread */
    const joint_t *joint;               /* both of them, drawn together, in the place of the two above; or NULL */
    plan_share_t other;                 /* of blocks that another thread frees */
    uint32_t freer;                     /* index of that thread, or PLAN_ANY_OTHER */
    double touch;                       /* part of the block that is written, 0 .. 1 */
    uint32_t writes;                    /* how many times it is written */
    plan_share_t resized;               /* of blocks that are resized during their life */
    uint32_t resizes;                   /* how many times each of them */
    double grow;                        /* factor of each; 0: a new size is drawn */
    plan_share_t zeroed;                /* of blocks that are allocated by calloc */
    plan_share_t sized;                 /* of blocks that are freed with their size */
    uint32_t batch;                     /* so many ended blocks are freed in one burst; 0 or 1: each at its end */
    plan_order_t order;                 /* of a burst */
    size_t align;                       /* from aligned_alloc with this alignment; 0: malloc */
    uint64_t on[PLAN_MAX_THREADS / 64]; /* bit i: thread i allocates from this row */
} plan_row_t;

/* A control and its new value: a boolean, a signed integer or a text. */
typedef struct {
    const char *name;
    bool given; /* false: an action, which takes no value */
    lunalloc_value_t value;
} plan_setting_t;

/* A change: of the running workload, of the allocator, or none (only a mark on the timeline). */
typedef struct {
    uint64_t at;                /* ns from the start */
    double scale;               /* factor of lifetimes of blocks allocated from now on; < 0: unchanged */
    double rate;                /* operations per second of all threads, 0: as fast as they can; < 0: unchanged */
    const curve_t *scale_curve; /* in the place of scale and rate; or NULL */
    const curve_t *rate_curve;
    const plan_setting_t *settings; /* controls, written in this order */
    size_t nsettings;
    const char *mark; /* or NULL */
} plan_phase_t;

typedef struct {
    region_t region; /* of everything that the plan points to */
    uint32_t threads;
    uint64_t seed;
    uint64_t duration;  /* ns; 0: no end by time */
    uint64_t ops;       /* of all threads; 0: no end by count */
    double scale, rate; /* as in plan_phase_t */
    const curve_t *scale_curve, *rate_curve;
    bool verify;
    uint32_t sample;   /* one call in this many is timed, on average */
    uint64_t live_max; /* bytes: above it, new blocks are freed at once */
    uint64_t interval; /* ns between entries of the timeline */
    uint32_t apart; /* index of an arena that is no part of the timeline's figures; 0: none, since 0 is everybody's */
    plan_row_t *rows;
    size_t nrows;
    double trace_speed;   /* of the trace's times: 1: as recorded; 0: as fast as the blocks are there */
    replayer_t *replayer; /* NULL, or a trace: by one worker; the one row says what is written. plan_free() frees it */
    plan_phase_t *phases; /* by time */
    size_t nphases;
    /* Derived by plan_finish(): */
    uint32_t producers; /* threads that have a row */
    double expected;    /* bytes that live at once in the steady state; infinite with "forever" */
    uint64_t hash;      /* of all of the above that determines the run */
} plan_t;

/* Makes zeroed arrays of rows and phases; false if there is no memory. */
bool plan_reserve(plan_t *plan, size_t nrows, size_t nphases);

static inline bool
plan_row_on(const plan_row_t *row, uint32_t thread) {
    return (row->on[thread / 64] >> (thread % 64)) & 1;
}

/* The distributions of the size and the lifetime of a block; the random number chooses the cell of a joint one. */
static inline const dist_t *
plan_row_size(const plan_row_t *row, uint64_t random) {
    return row->joint == NULL ? &row->size : &joint_draw(row->joint, random)->size;
}

static inline const dist_t *
plan_row_lifetime(const plan_row_t *row, uint64_t random) {
    return row->joint == NULL ? &row->lifetime : &joint_draw(row->joint, random)->lifetime;
}

/* Writes the value as text, as in marks of the timeline: "500"; "()" for an action. */
void plan_setting_text(const plan_setting_t *setting, char *text, size_t size);

/* Checks the plan, sorts the phases by time and derives the last fields. False, with one line in `message`, if the plan
 * is wrong. */
bool plan_finish(plan_t *plan, char *message, size_t message_size);

/*
 * A run is cut into segments at the times of its phases, so that each is measured apart. Segment 0 begins at the start,
 * and phases at time 0 are in it; phases at the same time begin one segment. Beyond PLAN_MAX_SEGMENTS, the last one has
 * the rest of the run.
 */
size_t plan_segments(const plan_t *plan);

/* The segment that phase `i` begins, or is in. */
size_t plan_segment_of(const plan_t *plan, size_t i);

/* The number of operations of thread `index`; UINT64_MAX if there is no end by count. */
uint64_t plan_quota(const plan_t *plan, uint32_t index);

void plan_free(plan_t *plan);

#endif
