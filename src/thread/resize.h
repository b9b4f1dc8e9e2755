/*
 * resize.h -- changes the size of an allocation: the one realloc, which all entry points share.
 *
 * It takes the cheapest way that works: a large allocation grows or shrinks in place; or its pages are remapped to
 * another address; or the contents are copied to a new allocation, and the old one is freed.
 *
 * The calling thread's own functions; on entry no lock of the core is held.
 */
#ifndef LUNALLOC_THREAD_RESIZE_H
#define LUNALLOC_THREAD_RESIZE_H

#include "thread/dispatch.h"

/* A request for a block, decoded. */
typedef struct {
    uint32_t szind;
    size_t alignment; /* of the address */
    size_t placement; /* the part of it that the class does not guarantee (sc_index_aligned); 1: none */
    bool zero;        /* new bytes read as zeros, up to the usable size */
    source_t source;
} request_t;

/* The extent of a live allocation, a large one by its first address; anything else is misuse, and `what` names the
 * call. */
extent_t *resize_extent(const void *ptr, const char *what);
/* Frees an allocation into a cache, NULL: into its arena. The thread's own cache takes the objects whose class the page
 * map tells (of an isolated thread: those of its arena), an explicit tcache any object but samples; the rest return to
 * their arenas. */
void resize_free(thread_t *thread, cache_t *cache, void *ptr);

/* Resizes a large allocation in place to a large class. False if that is impossible: nothing has changed. */
bool resize_in_place(thread_t *thread, extent_t *e, uint32_t szind);
/* Resizes the allocation of an extent as requested; returns its address, and NULL if there is no memory: nothing has
 * changed. */
void *resize_block(thread_t *thread, extent_t *e, void *ptr, const request_t *request);

/* Counts a call realloc(ptr, 0); and how many such calls all threads have made. */
void resize_count_zero_realloc(void);
uint64_t resize_zero_reallocs(void);

#endif
