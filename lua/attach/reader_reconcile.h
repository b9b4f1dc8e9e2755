/*
 * reader_reconcile.h -- the bytes that the allocator of another process counts, beside those that the system has
 * resident: lunalloc_reconcile() from outside, by the files smaps_rollup and pagemap of /proc/PID.
 */
#ifndef LUNALLOC_LUA_ATTACH_READER_RECONCILE_H
#define LUNALLOC_LUA_ATTACH_READER_RECONCILE_H

#include "attach/reader.h"

/* directory: a descriptor of /proc/PID. ENOSYS if the system does not tell, EPERM if it must not. */
int reader_reconcile(reader_t *reader, int directory, lunalloc_reconciliation_t *out);

#endif
