/*
 * slab_sizes.h -- the option slab_sizes: from-to:pages|from-to:pages ...
 *
 * Each piece sets the slab size of every class that serves requests of from .. to bytes, as near as the class allows
 * (at least one region, at most sc.max_regs). Where ranges overlap the last one counts. A bad piece is reported on
 * one line and skipped, the rest applies. What is set comes from where the option came from, and says so (ctl.h).
 */
#ifndef LUNALLOC_CONTROL_SLAB_SIZES_H
#define LUNALLOC_CONTROL_SLAB_SIZES_H

#include "control/ctl.h"

/* After sc_boot, before the first slab. Returns how many pieces were bad. */
unsigned slab_sizes_apply(const char *text, ctl_source_t source);

#endif
