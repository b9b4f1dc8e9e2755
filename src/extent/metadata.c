/* metadata.c -- the bump pointer, and recycled blocks by size. */
#include "extent/metadata.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "os/pages.h"

/* The size of the first mapping; each one after it is twice as large, up to the largest. Untouched pages cost nothing.
 */
#define MAPPING_MIN ((size_t)256 << 10)
#define MAPPING_MAX ((size_t)8 << 20)

typedef struct free_block {
    struct free_block *next;
} free_block_t;

/* Not static: another process finds it (control/layout.def). */
lock_t lock_of_metadata = LOCK_INITIALIZER(RANK_METADATA);
static uintptr_t bump GUARDED_BY(role_metadata);
static uintptr_t bump_end GUARDED_BY(role_metadata);
static size_t next_mapping GUARDED_BY(role_metadata) = MAPPING_MIN;
static free_block_t *recycled[METADATA_LG_MAX + 1] GUARDED_BY(role_metadata);
/* Written under the lock, read at any time. */
/* Not static: another process finds it (control/layout.def). */
_Atomic size_t metadata_used;

static void
metadata_lock(void) ACQUIRE(role_metadata) NO_THREAD_SAFETY {
    lock_acquire(&lock_of_metadata);
}

static void
metadata_unlock(void) RELEASE(role_metadata) NO_THREAD_SAFETY {
    lock_release(&lock_of_metadata);
}

/* Maps memory for `size` bytes and more. The end of the mapping before is wasted. */
static bool
map_more(size_t size) REQUIRES(role_metadata) {
    size_t want = size > next_mapping ? align_up(size, MAPPING_MIN) : next_mapping;
    void *mapping = pages_map(want, pages_size());
    if (mapping == NULL && want > size) {
        want = align_up(size, pages_size());
        mapping = pages_map(want, pages_size());
    }
    if (mapping == NULL) {
        return false;
    }
    bump = (uintptr_t)mapping;
    bump_end = bump + want;
    next_mapping = next_mapping * 2 > MAPPING_MAX ? MAPPING_MAX : next_mapping * 2;
    return true;
}

/* What alignment leaves unused before the block is wasted, and counted as allocated. */
static void *
bump_alloc(size_t size, size_t alignment) REQUIRES(role_metadata) {
    uintptr_t start = align_up(bump, alignment);
    if (bump == 0 || start + size > bump_end) {
        if (!map_more(size)) {
            return NULL;
        }
        start = bump;
    }
    counter_add(&metadata_used, start + size - bump);
    bump = start + size;
    return (void *)start;
}

void *
metadata_alloc(size_t size, size_t alignment) {
    if (fault(fault_metadata)) {
        return NULL;
    }
    metadata_lock();
    void *p = bump_alloc(size, alignment);
    metadata_unlock();
    return p;
}

void *
metadata_block_alloc(unsigned lg) {
    if (fault(fault_metadata)) {
        return NULL;
    }
    lg = lg < METADATA_LG_MIN ? METADATA_LG_MIN : lg;
    metadata_lock();
    free_block_t *block = recycled[lg];
    if (block != NULL) {
        recycled[lg] = block->next;
    } else {
        block = bump_alloc((size_t)1 << lg, CACHELINE);
    }
    metadata_unlock();
    return block;
}

void
metadata_block_free(void *block, unsigned lg) {
    lg = lg < METADATA_LG_MIN ? METADATA_LG_MIN : lg;
    free_block_t *node = block;
    metadata_lock();
    node->next = recycled[lg];
    recycled[lg] = node;
    metadata_unlock();
}

size_t
metadata_bytes(void) {
    return align_up(atomic_get(&metadata_used), pages_size());
}

lock_t *
metadata_mutex(void) {
    return &lock_of_metadata;
}

void
metadata_prefork(void) {
    lock_prefork(&lock_of_metadata);
}

void
metadata_postfork(bool child) {
    lock_postfork(&lock_of_metadata, child);
}
