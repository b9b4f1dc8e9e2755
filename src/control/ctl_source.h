/* ctl_source.h -- where values come from: labels for people, unordered. Private to control/. Thread-safe. */
#ifndef LUNALLOC_CONTROL_CTL_SOURCE_H
#define LUNALLOC_CONTROL_CTL_SOURCE_H

#include "control/ctl_names.h"

typedef enum {
    source_default,
    source_file,
    source_symbol,
    source_environment,
    source_live
} ctl_source_t;

/* Of a row as a whole, such as an option. */
void ctl_set_source(const ctl_row_t *row, ctl_source_t source);
ctl_source_t ctl_row_source(const ctl_row_t *row);
/* What a small class has of its own: arenas.bin.<szind>. */
typedef enum {
    class_slab_size,
    class_nshards
} ctl_class_t;

void ctl_set_class_source(ctl_class_t which, uint32_t szind, ctl_source_t source);

/* A name was written. */
void ctl_set_live(const ctl_name_t *name);
/* An arena of this index was made: what an earlier one was told no longer holds. */
void ctl_forget_arena(uint32_t index);
/* "default", "file", "symbol", "environment", "live" */
const char *ctl_source(const ctl_name_t *name);

#endif
