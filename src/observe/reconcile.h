/* reconcile.h -- the allocator's figures beside the system's. The structure is lunalloc.h's. */
#ifndef LUNALLOC_OBSERVE_RECONCILE_H
#define LUNALLOC_OBSERVE_RECONCILE_H

#include "lunalloc.h"

/* 0, or ENOSYS where the system does not tell. */
int reconcile(lunalloc_reconciliation_t *out);

#endif
