/*
 * metadata.h -- memory for the allocator's own structures: a bump allocator over mappings of its own, so that no
 * structure lies beside application memory. Nothing is ever returned to the system; blocks of a power of two can be
 * recycled.
 *
 * Thread-safe; takes RANK_METADATA.
 */
#ifndef LUNALLOC_EXTENT_METADATA_H
#define LUNALLOC_EXTENT_METADATA_H

#include "base/config.h"
#include "os/lock.h"

/* Zeroed memory; alignment a power of two up to the page size. NULL if the system has none. */
void *metadata_alloc(size_t size, size_t alignment) EXCLUDES(role_metadata);

/* A block of 2^lg bytes (6 <= lg <= METADATA_LG_MAX), contents undefined, aligned to a cache line; and its way back. */
#define METADATA_LG_MIN 6
#define METADATA_LG_MAX 16
void *metadata_block_alloc(unsigned lg) EXCLUDES(role_metadata);
void metadata_block_free(void *block, unsigned lg) EXCLUDES(role_metadata);

/* Bytes handed out by metadata_alloc so far, rounded up to whole pages: an upper bound of what is resident. */
size_t metadata_bytes(void);

/* For its figures. */
lock_t *metadata_mutex(void);

void metadata_prefork(void) NO_THREAD_SAFETY;
void metadata_postfork(bool child) NO_THREAD_SAFETY;

#endif
