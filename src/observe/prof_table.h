/*
 * prof_table.h -- the table of what has been sampled: samples, the stacks they were allocated from, and the threads
 * that allocated them.
 *
 * The sampler adds and removes samples (prof.c). Writers of profiles copy the sums of all stacks and threads
 * (prof_table_copy), and lunalloc_prof_samples lists live samples.
 *
 * A *sample* is an allocation that was sampled and is still live. A *stack* stays until the next reset, and a thread's
 * record as long as the thread or a live sample of it. A *tally* counts samples, their bytes, and what they stand for
 * (prof_sampling.h). There is one table, made in metadata when profiling is first switched on.
 *
 * Invariants, under the lock
 *   a stack's (thread's) live = sum over its samples;  live <= accum, field by field
 *   a sample's stack is NULL  <=>  it was taken before the last reset: it counts nowhere, and is not shown
 *
 * Thread-safe; takes RANK_PROF, and RANK_METADATA under it. Nothing here allocates from the arenas or calls the system.
 */
#ifndef LUNALLOC_OBSERVE_PROF_TABLE_H
#define LUNALLOC_OBSERVE_PROF_TABLE_H

#include "base/list.h"
#include "observe/prof_stack.h"
#include "os/lock.h"
#include "lunalloc.h"

#define PROF_NAME_MAX 96

typedef struct {
    /* Synchronization: that of the structure it is in: these fields. */
    uint64_t count, bytes;
    double objects, size; /* estimates: the allocations, and their bytes, that the samples stand for */
} prof_tally_t;

/* The live samples, and all samples since the last reset, at one instant. */
typedef struct {
    /* Synchronization: that of the structure it is in: these fields. */
    prof_tally_t live, accum;
} prof_sums_t;

typedef struct prof_stack {
    prof_sums_t copy GUARDED_BY(role_dump); /* as prof_table_copy found it */
    struct prof_stack *older;               /* Synchronization: constant; the stack made before it. */
    struct prof_stack *chain;               /* Synchronization: constant; the next stack in its hash bucket. */
    uint64_t hash;                          /* Synchronization: constant. */
    uint32_t depth;                         /* Synchronization: constant. */
    prof_sums_t sums GUARDED_BY(role_prof);
    uintptr_t ips[]; /* Synchronization: constant; innermost first. */
} prof_stack_t;

typedef struct {
    list_t link GUARDED_BY(role_prof);
    prof_sums_t sums GUARDED_BY(role_prof);
    char name[PROF_NAME_MAX]; /* Synchronization: the thread itself writes it, under the lock, and reads it without. */
    bool ended GUARDED_BY(role_prof);
    prof_stack_t *latest GUARDED_BY(role_prof); /* the stack of its latest sample since the last reset, or NULL */

    bool busy;        /* Synchronization: the thread alone; it works for the profiler, is not sampled (prof_state.h). */
    uint32_t id;      /* Synchronization: constant (a fork sets it anew); the system's number of the thread. */
    prof_walk_t walk; /* Synchronization: the thread alone; for prof_stack_capture. */

    /* Synchronization: the thread alone: these fields. */
    unsigned distances_lg;          /* the rate (lg) at which the distances were drawn */
    uint32_t distances[CACHE_BINS]; /* sampling distances by szind, in allocations, counted from the end of the
                                       current countdowns; 0: not drawn */
} prof_thread_t;

typedef struct {
    uint32_t id;
    char name[PROF_NAME_MAX];
    prof_sums_t sums;
} prof_thread_copy_t;

typedef struct prof_sample prof_sample_t;

/* A sampled allocation. */
typedef struct {
    uintptr_t addr;
    uintptr_t place; /* where it would lie if it were not sampled; 0: not known */
    uint32_t szind, arena;
    double weight; /* how many allocations it stands for */
} prof_allocation_t;

/* Makes the table, once. False if memory is exhausted. */
bool prof_table_make(void);

/* Makes a thread's record; NULL if memory is exhausted or there is no table. The thread owns it until prof_thread_end.
 */
prof_thread_t *prof_thread_new(uint32_t id);
void prof_thread_end(prof_thread_t *thread);
void prof_thread_name(prof_thread_t *thread, const char *name);

/* Adds a sample; NULL if memory is exhausted. */
prof_sample_t *prof_table_add(prof_thread_t *thread, const prof_allocation_t *what, const uintptr_t *ips, uint32_t n);
void prof_table_remove(prof_sample_t *sample);
/* Forgets all samples and stacks; threads stay, with sums of 0. */
void prof_table_reset(void) EXCLUDES(role_prof) REQUIRES(role_dump);

/* Copies the sums of all stacks at one instant, into the stacks, and returns the totals. A copy stays until the next
 * call. */
prof_sums_t prof_table_copy(void) EXCLUDES(role_prof) REQUIRES(role_dump);
/* The newest stack, the head of the list of all (`older`); NULL without stacks. While the dump lock is held, the list
 * changes only at its head. */
prof_stack_t *prof_table_stacks(void) REQUIRES(role_dump);
/* Copies the i-th thread that has samples; false if there are fewer. Indices shift when a record is freed. */
bool prof_table_thread(size_t i, prof_thread_copy_t *out) EXCLUDES(role_prof);

/* Counts samples of one class since the last reset. */
typedef struct {
    uint64_t live, accum;
} prof_class_t;

prof_class_t prof_table_class(uint32_t szind) EXCLUDES(role_prof);

/* Copies live samples: the work of lunalloc_prof_samples. */
size_t prof_table_samples(lunalloc_sample_cursor_t *cursor, lunalloc_sample_t *out, size_t n);

/* The lock, so that its counters can be read. */
lock_t *prof_table_mutex(void);

void prof_table_prefork(void);
void prof_table_postfork(bool child);

#endif
