/*
 * page_watch.h -- a slot that is told of each extent that arenas allocate, free and resize, for recordings of pages
 * (observe/record_pages.c). While the slot is empty, each costs a load and a branch.
 *
 * It is called with no lock of the core held, after an allocation and before a free.
 */
#ifndef LUNALLOC_ARENA_PAGE_WATCH_H
#define LUNALLOC_ARENA_PAGE_WATCH_H

#include "extent/extent.h"

typedef enum {
    page_allocated,
    page_freed,
    page_resized /* in place: it has its new size */
} page_change_t;

typedef void page_watch_t(page_change_t change, const extent_t *e, size_t alignment);

extern page_watch_t *_Atomic page_watch;

/* alignment: of an allocation; else 1. */
static inline void
page_watch_tell(page_change_t change, const extent_t *e, size_t alignment) {
    page_watch_t *watch = atomic_get(&page_watch);
    if (UNLIKELY(watch != NULL)) {
        watch(change, e, alignment);
    }
}

#endif
