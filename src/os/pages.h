/*
 * pages.h -- the contract with the system's virtual memory: map, commit, purge, move, guard. Everything above os/ gets
 * and returns memory through it; applications replace it, arena by arena, with extent hooks (extent/hooks.h).
 *
 * One implementation is linked: the system's own, pages_linux.c or pages_windows.c, or for tests pages_regions.c, which
 * enforces the rules stated here as VirtualAlloc would.
 *
 * Addresses and sizes are multiples of pages_size(). A *region* is what one call of pages_map or pages_reserve
 * returned; it is unmapped whole. The other functions act on any pages within one region and never span two. Every
 * function is thread-safe, allocates nothing, and keeps errno. A function that returns bool returns true if it did what
 * it says; false leaves the pages as they were.
 */
#ifndef LUNALLOC_OS_PAGES_H
#define LUNALLOC_OS_PAGES_H

#include "base/atomic.h"

/* The system's page size, bytes. */
size_t pages_size(void);

/* ---- regions ---- */

/* Reserves and commits: the pages are readable and writable, and read as zeros. alignment: a power of two. NULL if the
 * system refuses. */
void *pages_map(size_t size, size_t alignment);
/* The same for a region that will be used piece by piece. Where the system promises memory before it is touched, or
 * locks it as soon as it is accessible (mlockall), this reserves only the addresses and sets *committed to false: then
 * call pages_commit before any use. */
void *pages_reserve(size_t size, size_t alignment, bool *committed);
void pages_unmap(void *addr, size_t size);

/* ---- commit and purge ---- */

/* Makes pages accessible that are only reserved, or that pages_decommit made inaccessible; they read as zeros. */
bool pages_commit(void *addr, size_t size);
/* Returns the memory and makes the pages inaccessible. False where the system gains nothing by that. */
bool pages_decommit(void *addr, size_t size);
/* Lets the system take the memory when it needs it; until then the pages may read as their old contents. */
bool pages_purge_lazy(void *addr, size_t size);
/* Returns the memory at once; the pages stay accessible and read as zeros. */
bool pages_purge_forced(void *addr, size_t size);

/* ---- moving memory to another address ---- */

/* Whether the two functions below are worth trying. */
bool pages_can_move(void);
/*
 * Moves the memory of committed pages to other committed pages, without a page fault. The old memory of `to` is
 * returned; `from` reads as zeros and takes no memory. The two may lie in different regions and must not overlap.
 *
 * False: both are as accessible as before, with undefined contents; except that if *lost, `to` may be unmapped or be
 * another thread's mapping by now, so the caller must neither touch nor unmap any page of it.
 */
bool pages_move(void *from, void *to, size_t size, bool *lost);
/*
 * Makes the contents of `from` those of the start of `to`, whose pages read as zeros before; copies what cannot be
 * moved. If *moved, `from` reads as zeros and takes no memory; else its contents are undefined.
 *
 * False: `from` is as it was, and all of `to` is lost, as above.
 */
bool pages_carry(void *from, size_t size, void *to, size_t to_size, bool *moved);

/* ---- guards ---- */

/* Makes committed pages inaccessible, whatever they hold, or accessible again. If pages_unguard is refused, decommit
 * the pages, or purge them where decommit does nothing; then pages_commit makes them accessible. */
bool pages_guard(void *addr, size_t size);
bool pages_unguard(void *addr, size_t size);

/* ---- huge pages ---- */

/* How the system is to back a region with huge pages: as it does by default, whenever it can, or never. */
typedef enum {
    pages_thp_default,
    pages_thp_always,
    pages_thp_never
} pages_thp_t;

/* Bytes of a huge page, a power of two; 0 where the system does not back memory with huge pages as it is touched. The
 * first call may read a file. */
size_t pages_huge_size(void);
/* False where it is always 0. A variable, so that another process can read it. */
extern const bool pages_can_be_huge;
/* False where the system offers no choice. A choice cannot be reset to the default. */
bool pages_thp(void *addr, size_t size, pages_thp_t mode);

/* ---- fork ---- */

/* fork calls these while it holds every other lock of the allocator. */
void pages_prefork(void);
void pages_postfork(bool child);

/*
 * ---- fault injection ----
 *
 * The slot by which a test refuses memory; empty otherwise. The allocator calls fault() before each system call that
 * may fail and before it hands out a piece of metadata. If the function in the slot returns true, the caller fails as
 * if there were no memory.
 *
 * Synchronization: set while no other thread allocates. Any thread may call the function, with any lock held, so it
 * must not allocate.
 */
typedef enum {
    fault_map,
    fault_commit,
    fault_decommit,
    fault_purge,
    fault_ineffective, /* purging returns true, and does nothing */
    fault_move,        /* moving is refused */
    fault_stranded,    /* moving is refused after the target has been unmapped */
    fault_refill,      /* the target cannot be mapped again */
    fault_guard,
    fault_unguard,
    fault_metadata,
    fault_share, /* a call that opens, examines or prepares the memory of a recording, or reads a thread's name */
    fault_kinds
} fault_kind_t;

typedef bool (*fault_fn_t)(fault_kind_t kind);
extern _Atomic(fault_fn_t) fault_slot;

/* False if the slot is empty. */
bool fault(fault_kind_t kind);

/* ---- for tests of one implementation ---- */

/* pages_linux.c: the trial by which pages_purge_forced learns whether purged pages read as zeros. */
bool pages_linux_try_purge(void);
/* pages_regions.c: whether pages_purge_lazy works (by default it does); how many regions are mapped now. */
void pages_regions_set_lazy(bool works);
size_t pages_regions_count(void);

#endif
