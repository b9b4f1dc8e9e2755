/*
 * allocator.h -- which allocators there are: the one that is this process's malloc, and those that are installed.
 *
 * Use allocator_of_process() to name what a workload measures. It does not trust names in the environment: it asks the
 * dynamic linker for the file that has the address of malloc, and the library in that file for its version, by the
 * library's own function. A preloaded, a linked and a replaced malloc are found alike; an unknown one has the name of
 * its file.
 *
 * allocator_installed() looks for the files of the known allocators, for a child process that preloads one. They are
 * not loaded for that: two allocators in a process disturb each other. Their versions are texts in the files.
 */
#ifndef WORKLOAD_ALLOCATOR_H
#define WORKLOAD_ALLOCATOR_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

enum {
    ALLOCATOR_NAME_SIZE = 64,
    ALLOCATOR_KNOWN = 5 /* glibc, lunalloc, jemalloc, mimalloc, tcmalloc */
};

typedef struct {
    char name[ALLOCATOR_NAME_SIZE];
    char version[ALLOCATOR_NAME_SIZE]; /* "5.3.0"; "" if it is unknown */
    char path[PATH_MAX];               /* of the library, or of the program that it is linked into; "" if unknown */
} allocator_t;

/* The malloc of this process. Any thread; the result is constant. */
const allocator_t *allocator_of_process(void);

/* "jemalloc 5.3.0": the name and the version of the malloc of this process. */
const char *allocator_title_of_process(void);

/* The known allocator `i`, 0 .. ALLOCATOR_KNOWN - 1, in the order above: false if it is not installed. The libraries'
 * folders are LD_LIBRARY_PATH's, that of the C library, and /usr/local/lib. Any thread. */
bool allocator_installed(size_t i, allocator_t *out);

#endif
