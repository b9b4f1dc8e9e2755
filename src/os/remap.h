/*
 * remap.h -- Linux only: gives memory another address without copying it (mremap). Used by pages_linux.c for pages_move
 * and pages_carry. Thread-safe, allocates nothing, opens no file, is no cancellation point.
 *
 * The kernel unmaps the target first and may refuse the move then. The caller cannot know whether the target is still
 * unmapped or has meanwhile become another thread's mapping. Such a range is *lost*: the caller must neither use nor
 * unmap it.
 */
#ifndef LUNALLOC_OS_REMAP_H
#define LUNALLOC_OS_REMAP_H

#include "base/config.h"

/* Whether the system can, as far as is known. The first call tries it out. */
bool remap_able(void);
/* That trial, for tests. */
bool remap_try(void);
/* As pages_move and pages_carry (os/pages.h), for accessible, private pages. */
bool remap(void *from, void *to, size_t size, bool *lost);
bool remap_carry(void *from, size_t size, void *to, size_t to_size, bool *moved);

#endif
