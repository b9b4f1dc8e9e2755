/*
 * mappings.h -- how many mappings the allocator has beyond one for each region: moved memory (remap.h) and guard pages
 * (guard.h) make more, and so do huge pages (prefault.h). The system allows a process some 65,000 mappings, and the
 * application needs some, too.
 *
 * Check mappings_may_move before memory is moved, and mappings_has_guards before a guard page is made; report what was
 * moved, copied or unmapped.
 *
 * A process can learn its number of mappings only by reading a file, so this is an upper bound. A *border* is an
 * address at which one mapping may end and the next one start. A range that was moved has a border at each end. A bit
 * per page says which pages start with a border. Borders disappear when a later move covers them, and with their
 * region. A guard page is a mapping, and splits another in two.
 *
 * Thread-safe; takes no lock. Addresses are inside of regions, or at the end of one.
 */
#ifndef LUNALLOC_EXTENT_MAPPINGS_H
#define LUNALLOC_EXTENT_MAPPINGS_H

#include "base/config.h"

/* A quarter of the mappings for borders, half for guard pages (two mappings each). */
#define MAPPINGS_BORDERS ((size_t)16384)
#define MAPPINGS_GUARDS  ((size_t)16384)

/* False: there are too many borders. */
bool mappings_may_move(void);
/* The range became one mapping; or part of the one that ends where it starts; or as many as another range was; or it
 * was unmapped. */
void mappings_moved(uintptr_t addr, size_t size);
void mappings_extended(uintptr_t addr, size_t size);
void mappings_carried(uintptr_t from, uintptr_t to, size_t size);
void mappings_unmapped(uintptr_t addr, size_t size);
/* How many borders there are. */
size_t mappings_borders(void);

/* May there be one more guard page? mappings_add_guard counts it, if so; mappings_remove_guard uncounts it. */
bool mappings_has_guards(void);
bool mappings_add_guard(void);
void mappings_remove_guard(void);

#endif
