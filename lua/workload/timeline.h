/*
 * timeline.h -- memory over the time of a run, with marks at its changes.
 *
 * The engine adds an entry at each interval and each change. The number of entries is bounded: when they are full,
 * every second entry without a mark is dropped and the interval doubles, so a run of any length has evenly spaced
 * entries over all its time. Entries are in the order of time. The caller synchronises.
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
    uint64_t live;   /* requested by the workload and not yet freed */
    uint64_t engine; /* the engine's descriptions of live blocks: a part of rss, but not of the workload */
    uint64_t ops;    /* count, operations so far */
    bool allocator;  /* lunalloc is present: the next fields are valid */
    uint64_t allocated, active, dirty, muzzy, retained; /* as in lunalloc_stats_t */
    const char *mark;                                   /* the change at this moment, or NULL */
} timeline_entry_t;

typedef struct {
    region_t region;
    timeline_entry_t *entries;
    size_t n;
    size_t nmarks;
    uint64_t interval; /* ns between unmarked entries */
    uint64_t peak_rss;
    uint32_t apart;    /* as in plan_t */
    bool private_only; /* rss is without shared mappings and pages of files */
    int statm;         /* file descriptor, -1 if there is no /proc */
    int (*stats)(uint32_t arena, lunalloc_stats_t *out);
} timeline_t;

/* Each entry will read the counters of `heap`, if it has any. 0 or an errno value. */
int timeline_open(timeline_t *timeline, const heap_t *heap, uint64_t interval);

/* Adds an entry of which the caller sets time, live, engine, ops and mark; the rest is filled in. The mark is copied,
 * and cut if it is too long. */
void timeline_add(timeline_t *timeline, timeline_entry_t entry);

void timeline_close(timeline_t *timeline);

/* Resident memory of the process now, in bytes; 0 if it is unknown. With private_only, its anonymous memory. */
uint64_t timeline_rss(const timeline_t *timeline);

#endif
