/* extent.c -- the supply of descriptors: one list, type-stable, so that a stale pointer still points to a
 * descriptor. */
#include "extent/extent.h"

#include "extent/metadata.h"
#include "os/pages.h"

#define BATCH_BYTES 4096

static lock_t lock = LOCK_INITIALIZER(RANK_DESCRIPTORS);
static list_t spare GUARDED_BY(role_descriptors) = {&spare, &spare};

static void
descriptors_lock(void) ACQUIRE(role_descriptors) NO_THREAD_SAFETY {
    lock_acquire(&lock);
}

static void
descriptors_unlock(void) RELEASE(role_descriptors) NO_THREAD_SAFETY {
    lock_release(&lock);
}

static size_t
descriptor_size(void) {
    size_t bitmap = (size_t)((sc.max_regs + 63) / 64) * sizeof(uint64_t);
    return align_up(sizeof(extent_t) + bitmap, CACHELINE);
}

/* A batch is carved at once, the lowest address in front. */
static bool
refill(void) REQUIRES(role_descriptors) {
    size_t each = descriptor_size();
    size_t n = config_torture ? 1 : BATCH_BYTES / each;
    char *batch = metadata_alloc(n * each, CACHELINE);
    for (size_t i = 0; batch != NULL && i < n; i++) {
        extent_t *e = (extent_t *)(void *)(batch + i * each);
        list_push_back(&spare, &e->link);
    }
    return batch != NULL;
}

extent_t *
extent_new(void) {
    if (fault(fault_metadata)) {
        return NULL;
    }
    extent_t *e = NULL;
    descriptors_lock();
    if (!list_empty(&spare) || refill()) {
        e = container_of(spare.next, extent_t, link);
        list_remove(&e->link);
    }
    descriptors_unlock();
    return e;
}

void
extent_delete(extent_t *e) {
    descriptors_lock();
    atomic_set(&e->owner, extent_owner(0, extent_busy));
    list_push_front(&spare, &e->link);
    descriptors_unlock();
}

lock_t *
extent_mutex(void) {
    return &lock;
}

void
extent_prefork(void) {
    lock_prefork(&lock);
}

void
extent_postfork(bool child) {
    lock_postfork(&lock, child);
}
