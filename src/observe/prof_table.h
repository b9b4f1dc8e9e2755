/*
 * prof_table.h -- what has been sampled: samples, the stacks that they came from, the threads that took them.
 *
 * One table, made when profiling is first switched on, in metadata. A *sample* is an allocation that was sampled and
 * lives. A *stack* stays until the next reset, and a thread's record as long as the thread or a sample of its.
 * A *tally* counts samples, their bytes, and what they stand for (prof_draw.h).
 *
 * Invariants, under the lock
 *   a stack's (thread's) live = sum over its samples;  live <= accum, field by field
 *   a sample's stack is NULL  <=>  it was taken before the last reset: it counts nowhere, and is not shown
 *
 * Thread-safe; takes RANK_PROF, and RANK_METADATA under it. Nothing here allocates or calls the system.
 */
#ifndef LUNALLOC_OBSERVE_PROF_TABLE_H
#define LUNALLOC_OBSERVE_PROF_TABLE_H

#include "base/list.h"
#include "base/lock.h"
#include "lunalloc.h"

#define PROF_NAME_MAX 96

typedef struct {
    /* Synchronization: that of the structure it is in: these fields. */
    uint64_t count, bytes;
    double objects, size; /* estimates: how many allocations, and of how many bytes, these stand for */
} prof_tally_t;

/* Both tallies at one time. */
typedef struct {
    /* Synchronization: that of the structure it is in: these fields. */
    prof_tally_t live, accum;
} prof_sums_t;

typedef struct prof_stack {
    prof_sums_t copy GUARDED_BY(role_dump); /* as prof_table_copy found it */
    struct prof_stack *older;               /* Synchronization: constant; the one that came before it. */
    struct prof_stack *chain;               /* Synchronization: constant; the next one in its bucket. */
    uint64_t hash;                          /* Synchronization: constant. */
    uint32_t depth;                         /* Synchronization: constant. */
    prof_sums_t sums GUARDED_BY(role_prof);
    uintptr_t ips[]; /* Synchronization: constant; innermost first. */
} prof_stack_t;

typedef struct {
    list_t link GUARDED_BY(role_prof);
    prof_sums_t sums GUARDED_BY(role_prof);
    char name[PROF_NAME_MAX]; /* Synchronization: written under the lock by the thread itself, which may read it so. */
    bool ended GUARDED_BY(role_prof);
    uintptr_t top; /* Synchronization: the thread alone; prof_stack_capture's. */
    bool busy;     /* Synchronization: the thread alone; it is at work for the profiler, and not to be sampled. */
    uint32_t id;   /* Synchronization: constant (a fork sets it anew); the system's number. */

    /* Synchronization: the thread alone: these fields. */
    unsigned drawn_at;          /* the rate (lg) of what was drawn */
    uint32_t drawn[CACHE_BINS]; /* by szind: how many allocations from the end of the present countdowns on the next
                                   sample is; 0: not drawn */
} prof_thread_t;

typedef struct {
    uint32_t id;
    char name[PROF_NAME_MAX];
    prof_sums_t sums;
} prof_thread_copy_t;

typedef struct prof_sample prof_sample_t;

typedef struct {
    uintptr_t addr;
    size_t size;
    uint32_t szind, arena;
    double weight;
} prof_allocation_t;

/* Makes the table, once. False without memory. */
bool prof_table_make(void);

/* A record for a thread; NULL without memory. It is the thread's until prof_thread_end. */
prof_thread_t *prof_thread_new(uint32_t id);
void prof_thread_end(prof_thread_t *thread);
void prof_thread_name(prof_thread_t *thread, const char *name);

/* Records a sample; NULL without memory. */
prof_sample_t *prof_table_add(prof_thread_t *thread, const prof_allocation_t *what, const uintptr_t *ips, uint32_t n);
void prof_table_remove(prof_sample_t *sample);
/* Forgets everything but the threads. */
void prof_table_reset(void) EXCLUDES(role_prof) REQUIRES(role_dump);

/* Copies every stack's and thread's sums, all at one time; returns the totals. The copies stay until the next call. */
prof_sums_t prof_table_copy(void) EXCLUDES(role_prof) REQUIRES(role_dump);
/* The newest stack; their list does not change but at its head while the dump lock is held. NULL: there is none. */
prof_stack_t *prof_table_stacks(void) REQUIRES(role_dump);
/* Copies a thread that has been sampled: the i-th one, until the first of them that ends. False: there are not so many.
 */
bool prof_table_thread(size_t i, prof_thread_copy_t *out) EXCLUDES(role_prof);

/* Samples of one class since the last reset. */
typedef struct {
    uint64_t live, accum;
} prof_class_t;

prof_class_t prof_table_class(uint32_t szind) EXCLUDES(role_prof);

/* The contract is lunalloc_prof_samples'. */
size_t prof_table_samples(lunalloc_sample_cursor_t *cursor, lunalloc_sample_t *out, size_t n);

/* For its figures. */
lock_t *prof_table_mutex(void);

void prof_table_prefork(void);
void prof_table_postfork(bool child);

#endif
