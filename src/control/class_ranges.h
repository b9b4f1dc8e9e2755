/*
 * class_ranges.h -- the options that set something for ranges of small classes: from-to:n|from-to:n ...
 *
 *   slab_sizes    slabs of n pages, or as near as the class allows (1 to sc.max_regs regions)
 *   bin_shards    n bin shards, 1 .. SHARDS_MAX; as in jemalloc, sizes above the largest small class are left out
 *
 * A piece is for every class that serves requests of from .. to bytes. Where ranges overlap, the last one counts. A bad
 * piece is reported on one line and skipped, and the rest applies. Each class that is set gets the option's source
 * (ctl_source.h).
 */
#ifndef LUNALLOC_CONTROL_CLASS_RANGES_H
#define LUNALLOC_CONTROL_CLASS_RANGES_H

#include "control/ctl_source.h"

/* To be called after sc_boot and before the first slab exists. They return the number of bad pieces. */
unsigned class_ranges_slab_sizes(const char *text, ctl_source_t source);
unsigned class_ranges_bin_shards(const char *text, ctl_source_t source);

#endif
