/*
 * remap.h -- Linux only: the memory of pages entered at another address (mremap), and whether that is to be done.
 * Thread-safe, allocates nothing, no cancellation point.
 */
#ifndef LUNALLOC_OS_REMAP_H
#define LUNALLOC_OS_REMAP_H

#include "base/config.h"

/* The system can, and the process is not short of mappings. Cheap, but for the first call and one in a thousand. */
bool remap_able(void);
/* As pages_move (os/pages.h), of committed, accessible, private pages. */
bool remap(void *from, void *to, size_t size);

#endif
