/*
 * ctl.h -- access to controls by name: with messages, and by jemalloc's calling convention. Thread-safe.
 *
 * The contract of each function is that of the public function of the same meaning in lunalloc.h.
 */
#ifndef LUNALLOC_CONTROL_CTL_H
#define LUNALLOC_CONTROL_CTL_H

#include "control/ctl_browse.h"
#include "control/ctl_source.h"

/* ctl.c */
int ctl_get(const char *name, lunalloc_value_t *value, char *message, size_t size);
/* Writes a value, of the row's type or of one that can be converted to it; NULL: does an action. */
int ctl_set(const char *name, const lunalloc_value_t *value, char *message, size_t size);

/* mallctl.c */
int ctl_bymib(const size_t *mib, size_t len, const ctl_io_t *io);
int ctl_byname(const char *name, const ctl_io_t *io);
/* A mib of a name, or of its first components; ENOENT. */
int ctl_nametomib(const char *name, size_t *mib, size_t *len);

#endif
