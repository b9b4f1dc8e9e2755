/*
 * heap.h -- the allocator under test, as a table of entry points. The caller chooses: lunalloc's own entry points, the
 * process's malloc, or (in tests) one that misbehaves on purpose.
 */
#ifndef WORKLOAD_HEAP_H
#define WORKLOAD_HEAP_H

#include "lunalloc.h"

typedef struct {
    const char *name; /* shown in results; static */
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*aligned_alloc)(size_t alignment, size_t size);
    void *(*realloc)(void *ptr, size_t size);
    void (*free)(void *ptr);
    /* Where the timeline and the phases reach lunalloc; NULL if it is not in this process. */
    int (*stats)(uint32_t arena, lunalloc_stats_t *out);
    int (*set)(const char *name, const char *text, char *message, size_t message_size);
} heap_t;

#endif
