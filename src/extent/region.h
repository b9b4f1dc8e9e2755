/*
 * region.h -- the list of an arena's regions, and how it grows. Internal to this folder.
 *
 * A region is the memory that one call of the system's mapping, or of an alloc hook, returned. Its record is in a list,
 * oldest first, under retained.lock. Regions grow geometrically up to pa_grow_limit: each is twice as large as the one
 * before. If the provider refuses that size, the smallest sufficient one is tried, then room is made and it is tried
 * again. The regions of a hugepage-aware arena consist of whole huge pages, if possible. How regions leave the list is
 * in region_release.h.
 */
#ifndef LUNALLOC_EXTENT_REGION_H
#define LUNALLOC_EXTENT_REGION_H

#include "extent/page_state.h"

/* Makes room in the address space after the provider refused; true if it is worth trying again. */
typedef bool make_room_t(page_alloc_t *pa);

/* Returns a busy extent that is a whole new region of at least `size` bytes (exact: just so many) at an alignment.
 * NULL: out of memory. */
extent_t *pa_new_region(page_alloc_t *pa, size_t size, size_t alignment, bool exact, make_room_t *make_room);

/* A record is a block of metadata of 2^LG_REGION_RECORD bytes. */
#define LG_REGION_RECORD 6
/* Allocates and frees a region's record. NULL: out of memory. */
region_t *pa_new_record(void);
void pa_delete_record(region_t *record);

/* Appends a region, whose addr and size are set, as the youngest. */
void region_enlist(page_alloc_t *pa, region_t *region) REQUIRES(role_extents);
/* Removes *link, which follows `previous` in the list (NULL: it is the first). Its extents are busy or gone. */
void region_delist(page_alloc_t *pa, region_t **link, region_t *previous) REQUIRES(role_extents);
/* Enters an extent of the region into the page map, with the region's serial number. */
void region_enter_extent(const region_t *region, extent_t *e) REQUIRES(role_extents);

/* Tells the system how the region uses huge pages, by the arena's `thp` setting. Not of memory that hooks provide. */
void region_advise_thp(page_alloc_t *pa, const region_t *region);

#endif
