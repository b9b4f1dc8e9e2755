/*
 * metadata.h -- memory for the allocator's own structures.
 *
 * Use metadata_alloc for structures that live as long as the process, and metadata_block_alloc for those that are
 * freed: blocks of a power of two, which are recycled by size. A bump allocator over mappings of its own, so that no
 * structure is beside application memory. Nothing is ever returned to the system.
 *
 * Thread-safe; takes RANK_METADATA.
 */
#ifndef LUNALLOC_EXTENT_METADATA_H
#define LUNALLOC_EXTENT_METADATA_H

#include "base/config.h"
#include "os/lock.h"

/* Zeroed memory; the alignment is a power of two up to the page size. NULL if the system refuses. */
void *metadata_alloc(size_t size, size_t alignment) EXCLUDES(role_metadata);

/* Allocates and frees a block of 2^lg bytes, aligned to a cache line, with undefined contents. lg <= METADATA_LG_MAX;
 * below METADATA_LG_MIN it is rounded up to that. */
#define METADATA_LG_MIN 6
#define METADATA_LG_MAX 16
void *metadata_block_alloc(unsigned lg) EXCLUDES(role_metadata);
void metadata_block_free(void *block, unsigned lg) EXCLUDES(role_metadata);

/* Bytes allocated so far, recycled blocks included, rounded up to whole pages: an upper bound of resident metadata. */
size_t metadata_bytes(void);

/* The lock, for its counters. */
lock_t *metadata_mutex(void);

void metadata_prefork(void) NO_THREAD_SAFETY;
void metadata_postfork(bool child) NO_THREAD_SAFETY;

#endif
