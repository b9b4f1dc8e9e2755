/* pages_linux.h -- what pages_linux.c shows to its tests. */
#ifndef LUNALLOC_OS_PAGES_LINUX_H
#define LUNALLOC_OS_PAGES_LINUX_H

#include "base/config.h"

/* The trial behind pages_purge_forced: do pages that are given back read as zeros? */
bool pages_linux_try_forgetting(void);

#endif
