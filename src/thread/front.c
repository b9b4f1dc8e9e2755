/* front.c -- fronts, and isolated threads. Apart from thread.c, because hardly any process needs them. */
#include "thread/front.h"

#include "extent/metadata.h"
#include "thread/isolated.h"

#include <string.h>

/* A front: bins, and the owner behind them. */
#define LG_FRONT 11
_Static_assert(offsetof(cache_t, owner) + sizeof(void *) <= 1U << LG_FRONT, "a front fits its block");

static bool
is_noted(const thread_t *thread) {
    return thread->bytes.exact || thread->record != NULL;
}

/* After a change of what it depends on. */
static void
set_hit_owner(thread_t *thread) {
    bool plain = thread->isolated && !is_noted(thread);
    thread->hit_owner = plain ? extent_owner(atomic_get(&thread->arena)->index, extent_active) : HIT_OWNER_NONE;
}

/* Zeroed bins are empty and full, so both fast paths fail on a front. */
static bool
make_front(thread_t *thread) {
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

bool
thread_see_calls(thread_t *thread) {
    if (thread == &thread_exited) {
        return true;
    }
    set_hit_owner(thread);
    return thread->front != NULL || make_front(thread);
}

void
thread_stop_seeing_calls(thread_t *thread) {
    set_hit_owner(thread);
    if (thread->front != NULL && !thread->isolated && !is_noted(thread)) {
        thread_self = thread;
        thread_delete_front(thread);
        thread->front = NULL;
    }
}

/* Also where an isolated thread changes its arena. */
bool
thread_isolate(thread_t *thread, bool on) {
    thread->isolated = on && thread_see_calls(thread);
    thread_stop_seeing_calls(thread);
    return thread->isolated == on;
}

void
thread_delete_front(thread_t *thread) {
    if (thread->front != NULL) {
        metadata_block_free(thread->front, LG_FRONT);
    }
}

uint32_t
isolated_class(const thread_t *thread, const void *ptr) {
    const extent_t *e = pagemap_extent((uintptr_t)ptr);
    const arena_t *arena = atomic_get(&thread->arena);
    bool own = e != NULL && atomic_get(&e->owner) == extent_owner(arena->index, extent_active);
    return own && isolated_takes(e, ptr) ? e->szind + 1 : 0;
}
