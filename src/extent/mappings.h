/*
 * mappings.h -- how many mappings the allocator has beyond one for each region: those that moved memory and guard pages
 * make. The system allows a process some 65,000, and the application needs some, too.
 *
 * Nothing tells a process how many it has, but for a file. So this is an upper bound: each range that was moved is one
 * mapping at first, and begins and ends with a *border*, an address at which one mapping may end and another begin. A
 * bit per page says which pages begin with one. Borders go when a later move covers them, and with their region. A
 * guard page is a mapping, and cuts another in two.
 *
 * Thread-safe; takes no lock. Addresses are those of regions, or the end of one.
 */
#ifndef LUNALLOC_EXTENT_MAPPINGS_H
#define LUNALLOC_EXTENT_MAPPINGS_H

#include "base/config.h"

/* A quarter of them for borders, half for guards. */
#define MAPPINGS_BORDERS ((size_t)16384)
#define MAPPINGS_GUARDS  ((size_t)16384)

/* False: there are too many borders. */
bool mappings_may_move(void);
/* The range has become one mapping; or as many as another; or it is not mapped any more. */
void mappings_moved(uintptr_t addr, size_t size);
void mappings_carried(uintptr_t from, uintptr_t to, size_t size);
void mappings_unmapped(uintptr_t addr, size_t size);
/* Borders now. */
size_t mappings_borders(void);

/* May there be one guard page more? The second one counts it, too; and the reverse. */
bool mappings_has_guards(void);
bool mappings_add_guard(void);
void mappings_remove_guard(void);

#endif
