/*
 * residency.h -- which pages of a heap the system has in memory: runs of pages of one kind, ascending.
 *
 * Use it to see what memory really costs: an extent is address space, and the system may hold all of it, a part, or
 * nothing. residency_read() asks the system about a process, by the best way that it has:
 *
 *     scan      the ioctl PAGEMAP_SCAN on /proc/PID/pagemap (Linux 6.7): runs, in time by what is there
 *     pagemap   the entries of that file, one for each page; huge pages by the sums in smaps, so that it is known how
 *               many there are, and guessed which
 *     mincore   of this process alone, where /proc is not mounted: what is present
 *
 * A page that reads as zeros since nobody has written it (the system's zero page) is absent, as in the system's own
 * figures. A guard is an absent page whose access ends the process, by its mapping or by a mark.
 *
 * The process is looked at while it runs: two pages may be of two times. Not thread-safe.
 */
#ifndef LUNALLOC_LUA_MAP_RESIDENCY_H
#define LUNALLOC_LUA_MAP_RESIDENCY_H

#include "map/extent_set.h"

typedef enum {
    RESIDENCY_ABSENT,  /* no page: never touched, or given back */
    RESIDENCY_PRESENT, /* in pages of the system's size */
    RESIDENCY_HUGE,    /* in a huge page */
    RESIDENCY_SWAPPED,
    RESIDENCY_GUARD,
    RESIDENCY_KINDS
} residency_kind_t;

typedef struct {
    uint64_t start;
    uint64_t end : 61, kind : 3;
} residency_run_t;

/* All zero: nothing is known. What lies between two runs is absent. */
typedef struct {
    residency_run_t *all;
    size_t n;
    size_t room; /* bytes mapped */
} residency_t;

void residency_free(residency_t *residency);

/* ---- reading ---- */

typedef enum {
    RESIDENCY_BEST,
    RESIDENCY_SCAN,
    RESIDENCY_PAGEMAP,
    RESIDENCY_MINCORE
} residency_way_t;

/* Bytes of the whole process: of the heap, of code, of files. */
typedef struct {
    uint64_t bytes[RESIDENCY_KINDS]; /* absent: 0 */
    uint64_t file;                   /* of those in memory: of files, or shared */
} residency_process_t;

/* What is asked, and the answer. */
typedef struct residency_job {
    const extent_set_t *set; /* tidy: only its ranges have runs */
    residency_way_t way;     /* BEST becomes the one that was possible */
    residency_t *out;        /* empty */
    bool has_process;        /* by scan alone */
    residency_process_t process;
} residency_job_t;

/*
 * directory: a descriptor of /proc/PID; -1: this process, whose /proc cannot be opened. 0; ENOMEM; ENOSYS if the system
 * has no such way; EPERM if it does not tell this user; ESRCH if the process has ended. After an error, out is empty.
 */
int residency_read(residency_job_t *job, int directory);

/* ---- making runs ---- */

typedef struct {
    residency_t *out;
    const extent_span_t *spans; /* ascending: only what is in them is kept */
    size_t nspans, span;
    bool failed; /* there was no memory */
} residency_builder_t;

/* The ranges of a set, joined where gaps are small, in a block of malloc's: free it. NULL if there is no memory. */
extent_span_t *residency_spans(const extent_set_t *set, size_t *n);
/* Pieces ascend and do not overlap; absent ones are left out. */
void residency_put(residency_builder_t *builder, uint64_t start, uint64_t end, residency_kind_t kind);
/* Adds guards, ascending ranges, where nothing is in memory. False if there is no memory. */
bool residency_add_guards(residency_t *residency, const extent_span_t *guards, size_t n);

/* ---- sums ---- */

/* The bytes of a range by kind, added to `bytes`. Ranges ascend; *run is 0 before the first one. */
void residency_sum(const residency_t *residency, size_t *run, uint64_t start, uint64_t end,
                   uint64_t bytes[RESIDENCY_KINDS]);

#endif
