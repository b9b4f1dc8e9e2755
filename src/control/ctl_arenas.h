/* ctl_arenas.h -- what the rows arenas.* ask for. Private to control/. */
#ifndef LUNALLOC_CONTROL_CTL_ARENAS_H
#define LUNALLOC_CONTROL_CTL_ARENAS_H

#include "control/ctl_row.h"

typedef enum {
    BIN_NREGS,
    BIN_NSHARDS,
    BIN_SIZE,
    BIN_SLAB_SIZE
} bin_field_t;

typedef enum {
    NUMBER_ARENAS,
    NUMBER_AUTO,
    NUMBER_BINS,
    NUMBER_CACHED,
    NUMBER_HUGEPAGE,
    NUMBER_LEXTENTS,
    NUMBER_PAGE,
    NUMBER_QUANTUM
} number_t;

#endif
