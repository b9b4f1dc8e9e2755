/*
 * populate.h -- makes pages resident before they are touched: one system call instead of a page fault for each.
 *
 * Use it for committed pages that will soon be written to, and not for pages that may stay untouched: it takes their
 * memory now. Thread-safe, allocates nothing, opens no file, keeps errno, is no cancellation point.
 */
#ifndef LUNALLOC_OS_POPULATE_H
#define LUNALLOC_OS_POPULATE_H

#include "base/config.h"

/* Makes pages of one region resident; what they read as stays the same. huge: with huge pages, as far as the range
 * consists of them and the system has some; small pages where not. Pages of this range that are purged later are not
 * made huge again behind the allocator's back. False: the system refuses; part of the pages may be resident. */
bool pages_populate(void *addr, size_t size, bool huge);
/* Makes a huge page of the small ones of a range of just its size and alignment, by copying. Pages of the range that
 * are not resident become so. False: the system refuses; the pages are as they were. */
bool pages_collapse(void *addr, size_t size);

#endif
