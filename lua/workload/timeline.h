/*
 * timeline.h -- what happened to memory over the time of a run, and the marks that say why.
 *
 * Bounded: when the entries are full, every second unmarked one is dropped and the interval doubles, so a run of any
 * length ends with an evenly spaced picture of the whole. The caller synchronises; the entries are in order of time.
 */
#ifndef WORKLOAD_TIMELINE_H
#define WORKLOAD_TIMELINE_H

#include "calls.h"
#include "region.h"

enum {
    TIMELINE_MAX_ENTRIES = 4096,
    TIMELINE_MAX_MARKS = 1024,
    TIMELINE_MARK_SIZE = 240
};

/* Bytes unless said otherwise. */
typedef struct {
    uint64_t time;   /* ns from the start of the run */
    uint64_t rss;    /* resident memory of the process, from /proc/self/statm */
    uint64_t live;   /* requested by the workload and not freed yet */
    uint64_t engine; /* the engine's own descriptions of live blocks: part of rss, not of the workload */
    uint64_t ops;    /* count, operations so far */
    bool allocator;  /* the following hold: lunalloc answered */
    uint64_t allocated, active, dirty, muzzy, retained; /* as in lunalloc_stats_t */
    const char *mark;                                   /* what was done at this moment, or NULL */
} timeline_entry_t;

typedef struct {
    region_t region;
    timeline_entry_t *entries;
    size_t n;
    size_t nmarks;
    uint64_t interval; /* ns between unmarked entries */
    uint64_t peak_rss;
    int statm; /* file descriptor, -1 if there is no /proc */
    int (*stats)(uint32_t arena, lunalloc_stats_t *out);
} timeline_t;

/* 0 or an errno value. `heap` is asked for its counters at each entry, if it has any. */
int timeline_open(timeline_t *timeline, const heap_t *heap, uint64_t interval);

/* Adds the rest of the entry: the caller gives time, live, engine and ops, and a mark (copied, cut if too long) or
 * NULL. */
void timeline_add(timeline_t *timeline, timeline_entry_t entry);

void timeline_close(timeline_t *timeline);

/* Resident memory of the process now, in bytes; 0 if it cannot be told. */
uint64_t timeline_rss(const timeline_t *timeline);

#endif
