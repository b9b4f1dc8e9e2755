/*
 * ctl_source.h -- where a control's value comes from: configuration sources and live writes. Private to control/.
 *
 * Configuration and writes record it; la.describe and lunalloc_ctl_source tell it. Sources are labels for people: they
 * order nothing. Thread-safe.
 */
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

/* A configuration set an option. */
void ctl_set_option_source(ctl_option_t option, ctl_source_t source);
ctl_source_t ctl_option_source(ctl_option_t option);
/* A configuration set what a small class has of its own. field: BIN_SLAB_SIZE or BIN_NSHARDS. */
void ctl_set_class_source(unsigned field, uint32_t szind, ctl_source_t source);

/* A control was written by name. */
void ctl_set_live(const ctl_call_t *call);
/* An arena of this index was created: what was written for an earlier one no longer holds. */
void ctl_forget_arena(uint32_t index);

/* "default", "file", "symbol", "environment" or "live". A control that has not been written has the source of the
 * option that it starts from. */
const char *ctl_source(const ctl_name_t *name);

#endif
