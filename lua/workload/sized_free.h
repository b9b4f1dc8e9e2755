/*
 * sized_free.h -- free with the size of the block, in the form that the allocator under test has.
 *
 * A caller that knows the size saves the allocator a look-up. C23 has free_sized(), jemalloc has sdallocx(), and C++
 * has a sized operator delete, which allocators replace. The first of these that is in the same library as malloc is
 * used: one of another library would not know the blocks.
 */
#ifndef WORKLOAD_SIZED_FREE_H
#define WORKLOAD_SIZED_FREE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    const char *name; /* "free_sized", "sdallocx", "operator delete" */
    /* align: as in aligned_alloc, or 0; size: as requested. */
    void (*free)(void *ptr, size_t align, size_t size);
} sized_free_t;

/* Of the process's malloc; NULL if it has none. Any thread. */
const sized_free_t *sized_free_of_process(void);

/* Of lunalloc's heap in a process whose malloc is another one. Aligned blocks are freed without their size. */
const sized_free_t *sized_free_of_lunalloc(void);

#endif
