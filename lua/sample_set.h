/*
 * sample_set.h -- a compact copy of the profiler's samples that fit conditions, and sums over them.
 *
 * Use it for any question about many samples (lunalloc/samples.lua asks them): a million samples take some 60 MB and a
 * few tenths of a second. Begin with a set of zeros, set its conditions, add samples, sum. Each different stack and
 * each different thread is kept once; a sample refers to it by number.
 *
 * The memory is the set's own mappings: memory from the allocator that is looked at would change the picture. Whatever
 * a sample says is only a number here: one of a hostile process cannot do harm. Not thread-safe.
 */
#ifndef LUNALLOC_LUA_SAMPLE_SET_H
#define LUNALLOC_LUA_SAMPLE_SET_H

#include "lunalloc.h"

#include <stdbool.h>

/* An array that grows; all zero is an empty one. */
typedef struct {
    void *data;
    size_t n;    /* elements */
    size_t room; /* bytes mapped */
} sample_array_t;

/* Numbers by hash: the place of the number is that of its hash, or one behind it. 0: free; else the number + 1. */
typedef struct {
    sample_array_t slots; /* uint32_t; a power of two of them, at most half of which are used */
    uint32_t n;
} sample_index_t;

/* All that hold must be met. */
typedef struct {
    uint64_t min_time, max_time; /* of the allocation: ns */
    uint64_t min_size, max_size; /* bytes */
    int64_t szind, arena, tid;   /* -1: any */
    const char *thread;          /* the thread's name; NULL: any */
} sample_conditions_t;

typedef struct {
    uint64_t time;
    uintptr_t addr, place;
    size_t size;
    double weight;
    uint32_t szind, arena, thread, stack; /* the last two are numbers of the set */
} sample_entry_t;

typedef struct {
    uint32_t tid;
    char name[LUNALLOC_THREAD_NAME_MAX];
} sample_thread_t;

typedef struct {
    uint64_t hash;
    size_t first; /* its place in `words` */
    uint32_t depth;
} sample_stack_t;

typedef struct {
    sample_array_t entries, threads, stacks, words; /* sample_entry_t, sample_thread_t, sample_stack_t, uintptr_t */
    sample_index_t by_thread, by_stack;
    sample_conditions_t conditions;
    uint64_t now; /* ns: ages count from there */
} sample_set_t;

typedef enum {
    SAMPLES_BY_STACK,
    SAMPLES_BY_CLASS,
    SAMPLES_BY_ARENA,
    SAMPLES_BY_THREAD,
    SAMPLES_BY_ARENA_AND_CLASS, /* key: arena << 32 | szind */
    SAMPLES_BY_AGE,             /* key: 0 below 1 s, 1 below 10 s, 1 min, 10 min, 1 h, 1 day, and 6 from there on */
    SAMPLES_TOGETHER            /* key: 0 */
} sample_key_t;

/* Sums over the samples that have the key in common. */
typedef struct {
    uint64_t key;
    uint64_t samples;
    double objects, bytes; /* estimates */
    uint64_t oldest;       /* the earliest time */
    uint64_t first;        /* the number of one of them */
} sample_sum_t;

/* Adds the sample if it fits the conditions. False if there is no memory. */
bool sample_set_add(sample_set_t *set, const lunalloc_sample_t *sample);
/* Adds sample_sum_t to an empty array, in the order in which the keys are met. False if there is no memory. */
bool sample_set_sum(const sample_set_t *set, sample_key_t by, sample_array_t *sums);
/* Drops the samples for which wanted() is false. */
void sample_set_keep(sample_set_t *set, bool (*wanted)(void *context, const sample_entry_t *entry), void *context);
void sample_set_free(sample_set_t *set);
void sample_array_free(sample_array_t *array);

#endif
