/* front.c -- fronts. Apart from thread.c, because hardly any process needs one. */
#include "thread/front.h"

#include "extent/metadata.h"

#include <string.h>

/* A front: bins, and the owner behind them. */
#define LG_FRONT 11
_Static_assert(offsetof(cache_t, owner) + sizeof(void *) <= 1U << LG_FRONT, "a front fits its block");

/* Zeroed bins are empty and full, so both fast paths fail on a front. */
bool
thread_see_calls(thread_t *thread) {
    if (thread == &thread_exited || thread->front != NULL) {
        return true;
    }
    thread_t *front = metadata_block_alloc(LG_FRONT);
    if (front == NULL) {
        return false;
    }
    memset(front, 0, 1U << LG_FRONT);
    atomic_set(&front->cache.owner, thread);
    thread->front = front;
    thread_self = front;
    return true;
}

void
thread_stop_seeing_calls(thread_t *thread) {
    if (thread->front != NULL && !thread->bytes.exact) {
        thread_self = thread;
        thread_delete_front(thread);
        thread->front = NULL;
    }
}

void
thread_delete_front(thread_t *thread) {
    if (thread->front != NULL) {
        metadata_block_free(thread->front, LG_FRONT);
    }
}
