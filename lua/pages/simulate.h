/*
 * simulate.h -- replays the extent events of a trace on this allocator's own page layer (src/extent), over a simulated
 * system (memory.h) and a simulated clock: years of decay in seconds.
 *
 *   error = simulate_begin(&settings);
 *   while (next event) simulate_event(&event);
 *   simulate_end();  simulate_result
 *
 * Settings that are not given follow the recording. The program is taken to be busy: it makes a decay pass whenever one
 * is due, as a thread does that goes on allocating, or the background thread. An extent is touched as a whole when it
 * is allocated. The page layer's state is global, so a process simulates once.
 */
#ifndef PAGES_SIMULATE_H
#define PAGES_SIMULATE_H

#include "memory.h"
#include "observe/record_event.h"

/* The setting follows the recording, or its default. */
#define SIMULATE_AS_RECORDED INT64_MIN

typedef struct {
    int64_t dirty_decay_ms, muzzy_decay_ms; /* -1: never */
    int64_t dirty_max;                      /* bytes; -1: no limit */
    int64_t retain;                         /* 0 or 1 */
    int64_t retain_grow_limit;              /* bytes */
    int64_t lg_extent_max_active_fit;
    uint64_t interval; /* ns between entries of the timeline */
} simulate_settings_t;

/* Bytes, at one time. */
typedef struct {
    uint64_t time; /* ns from the first event */
    uint64_t active, dirty, muzzy, retained, rss;
    uint64_t faults; /* pages, so far */
} simulate_entry_t;

typedef struct {
    const simulate_entry_t *entries;
    size_t nentries;
    simulate_entry_t peak; /* the largest of each */
    uint64_t events, allocs, frees, grows, moved_grows, user_purges;
    uint64_t unmatched; /* frees and changes of extents that were never allocated */
    uint64_t reused;    /* addresses handed out twice without a free: one was added */
    uint64_t refused;   /* allocations that did not fit in the simulated addresses */
    uint64_t left_out;  /* extents of no size, or of more than a TiB; events of other kinds */
    uint64_t narenas;
    uint64_t duration; /* ns */
    memory_counts_t memory;
} simulate_result_t;

/* 0, or an errno value. */
int simulate_begin(const simulate_settings_t *settings);

/* 0, or ENOMEM. Any event; times that fall count as equal. */
int simulate_event(const record_event_t *event);

/* Completes the result, whose entries stay. */
void simulate_end(simulate_result_t *result);

#endif
