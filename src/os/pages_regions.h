/*
 * pages_regions.h -- what a test may ask of pages_regions.c beyond the contract of pages.h.
 */
#ifndef LUNALLOC_OS_PAGES_REGIONS_H
#define LUNALLOC_OS_PAGES_REGIONS_H

#include "base/config.h"

/* Does pages_purge_lazy work? True at the start. */
void pages_regions_set_lazy(bool works);
/* Regions that are mapped now. */
size_t pages_regions_count(void);

#endif
