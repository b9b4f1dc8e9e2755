/*
 * plan.h -- the plan of a replay: what each thread of a trace calls, with numbers of slots in the place of addresses.
 *
 * A trace is compiled into a plan once (compile.h), and replayed from it any number of times, on any malloc (replay.h).
 * A plan is a file that is mapped, so it may be larger than memory, and no page of it counts as the replay's anonymous
 * memory. It is written by this module for its own child processes, and holds only for the machine that wrote it.
 *
 * The trace is cut into *windows*, in the order of time. A window has a *run* of operations for each thread that is at
 * work in it. A replay begins a window when all runs of the one before it are done, so no thread is ever further ahead
 * than a window, and the blocks that live at the end of a window are those of the recording. A window ends
 *
 *   - after PLAN_WINDOW_OPS operations,
 *   - when its threads, in another order, could have more live at once, by 1/64 of all that live and at least 1 MiB: if
 *     each had as much more than at the window's begin as it ever has,
 *   - when the live bytes are 0.1 % and 64 KiB above their peak at the end of an earlier window,
 *   - before a thread starts, and after a thread ends,
 *   - when the recorder first looked at the process's memory.
 *
 * A *slot* holds the pointer of one live block. It is used by at most one block in a window. So an operation waits for
 * its slot only if the block is of the same window and of another thread (`waits`), and never in a circle, since it was
 * allocated earlier in the order of the trace. A free need not hold its thread up: player.c puts some off.
 *
 *   | plan_head_t | window: plan_window_t, its plan_run_t, its plan_op_t | window | ... | padding |
 */
#ifndef REPLAY_PLAN_H
#define REPLAY_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "blocks.h"
#include "workload/calls.h"

#define PLAN_MAGIC   "lnaplan" /* 8 bytes with the zero */
#define PLAN_VERSION 3

enum {
    PLAN_WINDOW_OPS = 1 << 15,
    PLAN_WINDOW_RUNS = 512,   /* most threads of a window */
    PLAN_MOST_THREADS = 4096, /* that live at once */
    PLAN_LG_SIZE = 44,
    PLAN_LARGE = 128 << 10,       /* bytes: from this size on an operation PLAN_TOUCH says what is touched of a block */
    PLAN_MEDIUM = (14 << 10) + 1, /* bytes: from this size on plan_head_t.touched does */
    PLAN_WHOLE = 255,             /* there: every block of the class, to its end */
    PLAN_CLASSES = 4 * PLAN_LG_SIZE,
    PLAN_AHEAD = 8 /* operations that may be read, without a meaning, behind the last one */
};

/* Operations: the calls of call_t, and these. */
enum {
    PLAN_FROM = CALL_KINDS, /* the next operation, a realloc, resizes the block of this slot */
    PLAN_TOUCH,             /* of the next operation's block, which is large, the first `size` bytes are written */
    PLAN_PAUSE              /* the next operation is `size` ns later */
};

typedef struct {
    uint32_t slot;
    uint32_t delta;               /* ns since the operation before it in the run; the run's time for the first */
    uint64_t size : PLAN_LG_SIZE; /* bytes; of a free: of its block */
    uint64_t class : 8;           /* of the size: plan_class() */
    uint64_t kind : 4;
    uint64_t remote : 1;   /* a free or FROM: another thread allocated the block */
    uint64_t waits : 1;    /* FROM, a free: another thread allocates the block in this window */
    uint64_t lg_align : 6; /* of CALL_ALIGNED, and of the CALL_FREE_SIZED of its block */
} plan_op_t;

/* What replays count by: class, kind and remote as one number, so that a call is counted in three instructions. */
#define PLAN_KEYS (1U << 13)

static inline uint32_t
plan_key(uint32_t remote, uint32_t kind, uint32_t class) {
    return remote << 12 | kind << 8 | class;
}

/* The key of an operation: its three fields lie side by side. */
static inline uint32_t
plan_op_key(const plan_op_t *op) {
    uint64_t word;
    memcpy(&word, (const char *)op + sizeof(uint64_t), sizeof(word));
    return (uint32_t)(word >> PLAN_LG_SIZE) & (PLAN_KEYS - 1);
}

/* The largest size. Masks keep the compiler's checks of bit fields quiet. */
#define PLAN_SIZE_MASK (((uint64_t)1 << PLAN_LG_SIZE) - 1)

_Static_assert(sizeof(plan_op_t) == 16, "the operations of a plan have no gaps");

typedef struct {
    uint64_t time; /* ns from the start of the trace, of the first operation */
    uint32_t thread;
    uint32_t nops;
    bool starts; /* the thread starts with this run */
    bool ends;   /* it ends after it */
    uint8_t reserved[14];
} plan_run_t;

typedef struct {
    uint64_t size;        /* bytes of the window in the file, this header included */
    uint64_t live_bytes;  /* that live at its end, as requested */
    uint64_t live_blocks; /* likewise */
    uint32_t nruns;
    bool starts; /* a run of it starts */
    bool before; /* all of it lived before the recording began */
    bool look;   /* before it, the recorder first looked at the process's memory */
    uint8_t reserved[1];
} plan_window_t;

_Static_assert(sizeof(plan_run_t) == 32 && sizeof(plan_window_t) == 32, "the headers of a plan have no gaps");

/* What the trace asks for. Counts, unless said otherwise. */
typedef struct {
    uint64_t events; /* of the trace, those of threads included */
    uint64_t calls;  /* in the plan */
    uint64_t count[CALL_KINDS][PLAN_CLASSES];
    uint64_t remote;      /* blocks that another thread freed or resized than the one that allocated them */
    uint64_t waits;       /* operations that wait for a slot */
    uint64_t peak_live;   /* bytes, in the order of the trace */
    uint64_t peak_ends;   /* bytes, at the ends of windows */
    uint64_t duration;    /* ns */
    uint64_t live_at_end; /* blocks */
    uint64_t before;      /* blocks that lived before the recording began, as far as it tells */
    /* What the plan leaves out, or adds. */
    uint64_t lost;      /* events that the recorder dropped */
    uint64_t unmatched; /* frees and resizes of blocks that were never seen: resizes are allocations */
    uint64_t reused;    /* addresses handed out twice without a free: one is added */
    uint64_t failed;    /* allocations that failed: called again, and freed if they succeed */
    uint64_t backwards; /* events whose time is before that of the event before them */
} plan_facts_t;

typedef struct {
    char magic[8];
    uint32_t version;
    uint32_t head_size; /* of this structure */
    uint64_t size;      /* bytes of the file */
    uint64_t nwindows, nslots;
    uint32_t nthreads;     /* in all; runs have numbers below it */
    uint32_t most_threads; /* at once */
    plan_facts_t facts;
    uint8_t touched[PLAN_CLASSES]; /* of a block of PLAN_MEDIUM to PLAN_LARGE, in 255ths: the mean of those known */
} plan_head_t;

_Static_assert(sizeof(plan_head_t) % sizeof(plan_op_t) == 0, "windows are aligned");

/* The class of a size, four in a doubling: of tables alone. */
static inline uint32_t
plan_class(uint64_t size) {
    uint64_t last = size <= 4 ? 4 : size - 1;
    uint32_t lg = 63 - (uint32_t)__builtin_clzll(last);
    return 4 * (lg - 2) + (uint32_t)(last >> (lg - 2) & 3);
}

/* ---- plan_open.c: a plan as a replay reads it ---- */

typedef struct {
    const plan_head_t *head;
    size_t size; /* bytes of the mapping */
} plan_file_t;

/* Maps the plan. 0, or an errno value with one line in `message`. */
int plan_file_open(plan_file_t *plan, const char *path, char *message, size_t message_size);
/* The same with an open file, which may be closed then. All of it is read now, so that a replay takes no more memory.
 * 0, or an errno value: EINVAL if it is no plan. */
int plan_file_map(plan_file_t *plan, int fd);
void plan_file_close(plan_file_t *plan);

/* The window at `*offset`, whose runs and operations lie within the file; `*offset` moves behind it. NULL at the end.
 */
const plan_window_t *plan_next_window(const plan_file_t *plan, uint64_t *offset);

static inline const plan_run_t *
plan_runs(const plan_window_t *window) {
    return (const plan_run_t *)(window + 1);
}

/* The operations of the first run; those of the others follow. */
static inline const plan_op_t *
plan_ops(const plan_window_t *window) {
    return (const plan_op_t *)(plan_runs(window) + window->nruns);
}

#endif
