/*
 * allocator_known.h -- the allocators that are known by name. Private to allocator.c and allocator_files.c.
 */
#ifndef WORKLOAD_ALLOCATOR_KNOWN_H
#define WORKLOAD_ALLOCATOR_KNOWN_H

#include "allocator.h"

/* Writes the version, as `symbol` tells it, which is the allocator's marker. */
typedef void allocator_ask_t(void *symbol, char *version, size_t size);

typedef struct {
    const char *name;
    const char *marker; /* a function that no other allocator has */
    allocator_ask_t *ask;
    const char *prefix;   /* of the version, as a text in the library's file; NULL: after ".so." in its name */
    const char *files[4]; /* names of the library, the preferred first */
} allocator_known_t;

/* lunalloc is before jemalloc, since it has jemalloc's functions, too. */
extern const allocator_known_t allocator_known[ALLOCATOR_KNOWN];

/* Copies a text, cut to the size; NULL as "". */
void allocator_copy(char *out, size_t size, const char *text);

#endif
