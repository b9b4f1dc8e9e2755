/*
 * trim_to_peak.h -- a higher peak of resident pages is avoided where idle dirty pages can be purged instead.
 *
 * Call it after pages were taken that were not resident. If notably more pages are resident than ever before, as many
 * dirty pages are purged, of extents that have lain idle: not reused while as many extents entered as there are dirty
 * ones, and a few more. So the peak follows the active pages, while pages that circulate stay. If dirty pages never
 * decay, nothing is purged.
 *
 * Notably more is peak / 32 and 16 pages more (pa_exceeds_peak): each trim makes every processor that runs the process
 * forget addresses, so it has to be worth it.
 *
 * Thread-safe. On entry no lock of the core is held. Internal to this folder.
 */
#ifndef LUNALLOC_EXTENT_TRIM_TO_PEAK_H
#define LUNALLOC_EXTENT_TRIM_TO_PEAK_H

#include "extent/page_state.h"

void pa_trim_to_peak(page_alloc_t *pa);

#endif
