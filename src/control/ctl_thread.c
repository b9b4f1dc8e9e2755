/* ctl_thread.c -- the calling thread by name: its arena, and what it has allocated and freed. */
#include "arena/arenas_bind.h"
#include "control/ctl_arena.h"
#include "extent/decay_pass.h"
#include "os/clock.h"
#include "thread/refresh.h"
#include "thread/thread_life.h"

#include <errno.h>

int
read_thread_arena(ctl_call_t *call) {
    call->value.v.u = atomic_get(&thread_get()->arena)->index;
    return 0;
}

int
write_thread_arena(ctl_call_t *call) {
    arena_t *arena = call->value.v.u < ARENAS_MAX ? arenas_bind_to((uint32_t)call->value.v.u) : NULL;
    if (arena == NULL && call->value.v.u < arenas_count() && arenas_get((uint32_t)call->value.v.u) == NULL) {
        fmt_str(call->why, "no memory to make this arena");
        return EAGAIN;
    }
    if (arena == NULL) {
        ctl_no_such_arena(call->why, call->value.v.u);
        return EINVAL;
    }
    thread_bind(thread_get(), arena);
    arenas_unbind(arena);
    return 0;
}

/* ---- bytes ---- */

static uint64_t *
total(const ctl_call_t *call) {
    return (uint64_t *)(void *)((char *)&thread_get()->bytes + call->row->arg);
}

int
read_thread_allocated(ctl_call_t *call) {
    call->value.v.u = byte_counters_allocated(thread_get());
    return 0;
}

int
read_thread_deallocated(ctl_call_t *call) {
    call->value.v.u = byte_counters_freed(thread_get());
    return 0;
}

int
read_thread_bytesp(ctl_call_t *call) {
    if (!byte_counters_make_exact(thread_get())) {
        fmt_str(call->why, "there is no memory to count the thread's calls one by one");
        return EAGAIN;
    }
    call->value.v.p = total(call);
    return 0;
}

int
read_thread_peak(ctl_call_t *call) {
    byte_counters_track(thread_get());
    call->value.v.u = thread_get()->bytes.peak;
    return 0;
}

int
write_thread_peak_reset(ctl_call_t *call) {
    (void)call;
    byte_counters_reset_peak(thread_get());
    return 0;
}

/* ---- rest ---- */

int
write_thread_idle(ctl_call_t *call) {
    (void)call;
    thread_t *thread = thread_get();
    arena_t *arena = atomic_get(&thread->arena);
    thread_flush(thread);
    if (atomic_get(&arena->nthreads) <= 1) {
        pa_decay(&arena->pages, clock_coarse_ns());
    }
    return 0;
}
