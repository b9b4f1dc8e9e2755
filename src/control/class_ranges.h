/*
 * class_ranges.h -- options that set something for ranges of small classes: from-to:n|from-to:n ...
 *
 *   slab_sizes    n pages, or as near as the class allows (at least one region, at most sc.max_regs)
 *   bin_shards    n shards, 1 .. SHARDS_MAX; sizes beyond the largest small class are none of its, as in jemalloc
 *
 * Each piece is for every class that serves requests of from .. to bytes. Where ranges overlap the last one counts. A
 * bad piece is reported on one line and skipped, the rest applies. What is set comes from where the option came from,
 * and says so (ctl_source.h).
 */
#ifndef LUNALLOC_CONTROL_CLASS_RANGES_H
#define LUNALLOC_CONTROL_CLASS_RANGES_H

#include "control/ctl.h"

/* After sc_boot, before the first slab. They return how many pieces were bad. */
unsigned class_ranges_slab_sizes(const char *text, ctl_source_t source);
unsigned class_ranges_bin_shards(const char *text, ctl_source_t source);

#endif
