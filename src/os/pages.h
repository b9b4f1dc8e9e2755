/*
 * pages.h -- the contract with the system's virtual memory. One implementation is linked: the system's own,
 * pages_linux.c or pages_windows.c, or for tests pages_regions.c, which enforces the rules stated here.
 *
 * Addresses and sizes are multiples of pages_size(). A *region* is what one pages_map or pages_reserve returned; it is
 * given back whole. The other functions act on any pages within one region and never span two. Every function is
 * thread-safe and allocates nothing. Functions that return bool return true if it was done; false leaves the pages as
 * they were.
 */
#ifndef LUNALLOC_OS_PAGES_H
#define LUNALLOC_OS_PAGES_H

#include "base/config.h"

/* The system's page size, bytes. */
size_t pages_size(void);

/* Reserves and commits: readable, writable, reads as zeros. alignment: a power of two. NULL if there is no memory. */
void *pages_map(size_t size, size_t alignment);
/* The same for a region that will be used bit by bit: where memory must be promised before it is touched, or is locked
 * as soon as it is accessible (mlockall), only the addresses are reserved, *committed is false, and pages_commit comes
 * before any use. */
void *pages_reserve(size_t size, size_t alignment, bool *committed);
void pages_unmap(void *addr, size_t size);

/* Makes pages accessible that are reserved only, or that pages_decommit made inaccessible; they read as zeros. */
bool pages_commit(void *addr, size_t size);
/* Gives the memory back and makes the pages inaccessible. False where the system has no use for that. */
bool pages_decommit(void *addr, size_t size);
/* The system may take the memory when it needs it; until then the old contents may be read. */
bool pages_purge_lazy(void *addr, size_t size);
/* Gives the memory back at once; the pages stay accessible and read as zeros. */
bool pages_purge_forced(void *addr, size_t size);

/*
 * The memory of committed pages becomes that of others, without a fault: what those held is gone, and `from` reads as
 * zeros and takes no memory. They may lie in different regions and do not overlap. False: both are as accessible as
 * before, with undefined contents; but if *lost, `to` may be another's mapping by now, or none: none of its pages may
 * be touched or unmapped any more.
 */
bool pages_move(void *from, void *to, size_t size, bool *lost);
/*
 * The contents of `from` become those of the start of `to`, whose pages read as zeros before, if need be by copying.
 * *moved: `from` reads as zeros then and takes no memory; else its contents are undefined. False: `from` is as it was,
 * and all of `to` is lost.
 */
bool pages_carry(void *from, size_t size, void *to, size_t to_size, bool *moved);
/* Whether these are worth trying. */
bool pages_can_move(void);

/* Guards: makes committed pages inaccessible, whatever they hold, and accessible again. Where that is refused, they can
 * be decommitted, or, if the system has no use for that, purged; then pages_commit makes them accessible. */
bool pages_guard(void *addr, size_t size);
bool pages_unguard(void *addr, size_t size);

/* How the system is to use huge pages for a region: as it does anyway, whenever it can, or never. */
typedef enum {
    pages_thp_default,
    pages_thp_always,
    pages_thp_never
} pages_thp_t;

/* Bytes of a huge page, a power of two, where the system backs memory by such as it is touched; 0 where it does not.
 * The first call may read a file. */
size_t pages_huge_size(void);
/* False where the system has no such choice. What was chosen cannot be taken back to the default. */
bool pages_thp(void *addr, size_t size, pages_thp_t mode);

/* Called by fork with every other lock of the allocator held. */
void pages_prefork(void);
void pages_postfork(bool child);

#endif
