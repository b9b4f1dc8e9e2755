/*
 * remap.h -- Linux only: memory that gets another address without being copied (mremap). Thread-safe, allocates
 * nothing, opens no file, no cancellation point.
 *
 * The system unmaps the target first, and may refuse the rest: then nobody knows whether the target is still ours, or a
 * mapping that another thread has made there meanwhile. Such a range is *lost*: the caller must not use it any more,
 * and must not unmap it.
 */
#ifndef LUNALLOC_OS_REMAP_H
#define LUNALLOC_OS_REMAP_H

#include "base/config.h"

/* The system can, as far as is known: it has been tried out, at the first question. */
bool remap_able(void);
/* The trial. */
bool remap_try(void);
/* As pages_move and pages_carry (os/pages.h), of accessible, private pages. */
bool remap(void *from, void *to, size_t size, bool *lost);
bool remap_carry(void *from, size_t size, void *to, size_t to_size, bool *moved);

#endif
