/*
 * ctl.h -- reading and writing by name. The contract of each function is that of the public function of the same
 * meaning in lunalloc.h. Thread-safe.
 */
#ifndef LUNALLOC_CONTROL_CTL_H
#define LUNALLOC_CONTROL_CTL_H

#include "control/ctl_mib.h"
#include "control/ctl_source.h"

/* ctl_typed.c */
int ctl_bymib(const size_t *mib, size_t len, const ctl_io_t *io);
int ctl_byname(const char *name, const ctl_io_t *io);

/* ctl.c */
int ctl_get(const char *name, lunalloc_value_t *value, char *message, size_t size);
int ctl_set(const char *name, const char *text, char *message, size_t size);
/* Between the two: a write of a value of the row's type, whose range is checked. range_error: what a value that is not
 * accepted is. */
int ctl_write_checked(const ctl_name_t *name, const lunalloc_value_t *value, int range_error, fmt_t *why);

#endif
