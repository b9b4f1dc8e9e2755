/*
 * null_heap.h -- an allocator that does nothing: what a bench takes then is its own cost. For one file of a program.
 */
#ifndef BENCH_NULL_HEAP_H
#define BENCH_NULL_HEAP_H

#include "workload/heap.h"

static _Alignas(64) unsigned char null_memory[1 << 20];

static void *
null_malloc(size_t size) {
    (void)size;
    return null_memory;
}

static void *
null_calloc(size_t count, size_t size) {
    (void)count;
    (void)size;
    return null_memory;
}

static void *
null_realloc(void *ptr, size_t size) {
    (void)size;
    return ptr;
}

static void
null_free(void *ptr) {
    (void)ptr;
}

static const heap_t null_heap = {.name = "null",
                                 .malloc = null_malloc,
                                 .calloc = null_calloc,
                                 .aligned_alloc = null_calloc,
                                 .realloc = null_realloc,
                                 .free = null_free};

#endif
