/* ctl_thread.c -- the calling thread, and its cache, by name. */
#include "control/ctl_arena.h"
#include "thread/tcache.h"
#include "thread/thread.h"

#include <errno.h>

int
read_thread_arena(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.u = atomic_get(&thread_get()->arena)->index;
    return 0;
}

int
write_thread_arena(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    arena_t *arena = value->v.u < ARENAS_MAX ? arenas_bind_to((uint32_t)value->v.u) : NULL;
    if (arena == NULL && value->v.u < arenas_count() && arenas_get((uint32_t)value->v.u) == NULL) {
        fmt_str(why, "no memory to make this arena");
        return EAGAIN;
    }
    if (arena == NULL) {
        ctl_no_such_arena(why, value->v.u);
        return EINVAL;
    }
    thread_bind(thread_get(), arena);
    arenas_unbind(arena);
    return 0;
}

int
read_tcache_enabled(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.b = thread_get()->cache.ncached > 0;
    return 0;
}

int
write_tcache_enabled(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    thread_set_cached(thread_get(), value->v.b);
    return 0;
}

int
write_tcache_flush(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)value;
    (void)why;
    tcache_flush(&thread_get()->cache);
    return 0;
}
