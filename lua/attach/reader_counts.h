/*
 * reader_counts.h -- what the threads of another process have cached, arena by arena. reader_stats.c makes statistics
 * of it, reader_threads.c lists it by thread.
 */
#ifndef LUNALLOC_LUA_ATTACH_READER_COUNTS_H
#define LUNALLOC_LUA_ATTACH_READER_COUNTS_H

#include "attach/reader.h"
#include "observe/requests.h"

/* Counts by arena, in the order of the snapshot's. */
typedef struct {
    requests_t *of; /* `arena` is an address of the target */
    uint32_t n;
} reader_counts_t;

/* Counts all caches and quarantines of the process. 0, or an errno value. */
int reader_count(reader_t *reader, reader_counts_t *counts);

/* Objects of a class in a cache, and in the quarantine of a thread. */
uint32_t reader_cached(const cache_t *cache, uint32_t szind);
bool reader_quarantine(reader_t *reader, const thread_t *thread, uint32_t held[SC_MAX_SIZES]);
/* Requests that a cache has counted for a class. */
uint64_t reader_requests(const cache_t *cache, uint32_t szind);

#endif
