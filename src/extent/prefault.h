/*
 * prefault.h -- fresh pages in batches, for an arena that grows.
 *
 * A page fault costs more than the page that it brings. An arena that has grown to R bytes is likely to grow by a small
 * part of R more, so its next fresh pages are made resident together, by one system call (os/populate.h). From some
 * size on, a batch is one huge page: one fault for 512 pages, and one entry of the TLB. Use it where a slab needs pages
 * that are not resident (page_alloc.c). Pages of large allocations are never prefaulted: the application may leave them
 * untouched.
 *
 *   begin      when PREFAULT_FROM pages are resident in the arena
 *   batch      PREFAULT_LEAST pages at first, then twice as many as the last time; at most 1/PREFAULT_SHARE of the
 *              resident pages, and options.prefault bytes
 *   huge       a batch that could have half of a huge page is a whole one; smaller batches become a huge page once
 *              they fill its range (this takes no more memory than they do). Not if the arena's `thp` is `never`
 *   begin anew if as many pages as half of the last batch have been purged since: the arena does not grow steadily
 *   stop       in this arena, once the system has refused
 *
 * A batch becomes dirty: resident, free, first choice of the next slabs, which take it in the order of addresses, and
 * subject to decay. So at most 2/PREFAULT_SHARE of the resident pages have been prefaulted and not been used. One
 * thread at a time makes a batch; others take single pages meanwhile.
 *
 * No batches with hooks, with no retain, where dirty pages are purged at once or are closely limited, where
 * lg_extent_max_active_fit forbids to cut slabs from a batch, and in a hugepage-aware arena.
 *
 * Thread-safe. On entry no lock of the core is held.
 */
#ifndef LUNALLOC_EXTENT_PREFAULT_H
#define LUNALLOC_EXTENT_PREFAULT_H

#include "extent/page_state.h"

#define PREFAULT_SHARE (config_torture ? 4U : 128U)
#define PREFAULT_LEAST (config_torture ? 4U : 16U)
#define PREFAULT_FROM  ((size_t)PREFAULT_SHARE * PREFAULT_LEAST)
/* Most small pages of a batch: the gain of more is small, and fewer are still in the processor's cache when used. */
#define PREFAULT_SMALL 64U

/* From so many huge pages' worth of resident pages on, small pages are collapsed. */
#define PREFAULT_HUGE 8U

/* Is the arena large enough? */
static inline bool
pa_may_prefault(page_alloc_t *pa) {
    return pa_resident_pages(pa) >= PREFAULT_FROM;
}

/* Makes a batch, for a slab of `size` bytes and more, and frees it as dirty pages. False: there is to be none. */
bool pa_prefault(page_alloc_t *pa, size_t size);

#endif
