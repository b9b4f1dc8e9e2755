/*
 * ctl.h -- names: resolving them to rows, and reading and writing by name. The contract of each function is that of the
 * public function of the same meaning in lunalloc.h. Thread-safe.
 *
 * A mib is {position of the row, or index where the name has one, ...}: mib[0] is the row's position in the schema,
 * mib[k] the index for a component <i>, 0 for the other components.
 */
#ifndef LUNALLOC_CONTROL_CTL_H
#define LUNALLOC_CONTROL_CTL_H

#include "control/ctl_row.h"

typedef struct {
    const ctl_row_t *row;
    ctl_call_t call;
    unsigned nindices; /* that were given; fewer than the row has only if allowed */
} ctl_name_t;

/* ENOENT. With patterns allowed, "<i>" stands for itself. */
int ctl_resolve(const char *name, bool patterns, ctl_name_t *out);
int ctl_nametomib(const char *name, size_t *mib, size_t *len);
int ctl_bymib(const size_t *mib, size_t len, void *oldp, size_t *oldlenp, void *newp, size_t newlen);
int ctl_byname(const char *name, void *oldp, size_t *oldlenp, void *newp, size_t newlen);

int ctl_get(const char *name, lunalloc_value_t *value, char *message, size_t size);
int ctl_set(const char *name, const char *text, char *message, size_t size);
size_t ctl_limit(const char *name);
bool ctl_suggest(const char *name, char *buf, size_t size);
const char *ctl_source(const ctl_name_t *name);

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
/* Of arenas.bin.<szind>.slab_size. */
void ctl_set_slab_size_source(uint32_t szind, ctl_source_t source);

#endif
