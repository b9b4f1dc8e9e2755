/*
 * ctl_thread.c -- thread.*, tcache.*, and arenas.* as far as it is about caches: the calling thread's arena, counters
 * and cache, the caches of all threads, and explicit caches.
 */
#include "arena/arenas_bind.h"
#include "control/ctl_arena.h"
#include "extent/decay_pass.h"
#include "os/clock.h"
#include "thread/refresh.h"
#include "thread/tcache.h"
#include "thread/tcaches.h"
#include "thread/thread_life.h"

#include <errno.h>

/* ---- its arena ---- */

int
read_thread_arena(ctl_call_t *call) {
    call->value.v.u = atomic_get(&thread_get()->arena)->index;
    return 0;
}

int
write_thread_arena(ctl_call_t *call) {
    arena_t *arena = call->value.v.u < ARENAS_MAX ? arenas_bind_to((uint32_t)call->value.v.u) : NULL;
    if (arena == NULL && call->value.v.u < arenas_count() && arenas_get((uint32_t)call->value.v.u) == NULL) {
        fmt_str(call->why, "no memory to create this arena");
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

/* ---- its bytes (thread/byte_counters.h) ---- */

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

/* The address of a counter, whose offset in byte_counters_t is the row's arg. */
int
read_thread_bytesp(ctl_call_t *call) {
    if (!byte_counters_make_exact(thread_get())) {
        fmt_str(call->why, "there is no memory to count the thread's calls one by one");
        return EAGAIN;
    }
    call->value.v.p = (char *)&thread_get()->bytes + call->row->arg;
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

/* ---- idling ---- */

/* The arena decays only if no other thread is bound to it: others' activity decays it anyway. */
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

/* ---- the calling thread's cache ---- */

int
read_tcache_enabled(ctl_call_t *call) {
    call->value.v.b = thread_is_cached(thread_get());
    return 0;
}

int
write_tcache_enabled(ctl_call_t *call) {
    thread_set_cached(thread_get(), call->value.v.b);
    return 0;
}

/* As in jemalloc, mallctl fails if the cache is off. By text that is no error: nothing is cached. */
int
write_tcache_flush(ctl_call_t *call) {
    thread_flush(thread_get());
    if (call->typed && thread_has_no_cache(thread_get())) {
        fmt_str(call->why, "the cache is off");
        return EFAULT;
    }
    return 0;
}

/* ---- the caches of all threads ---- */

int
write_all_tcaches_flush(ctl_call_t *call) {
    (void)call;
    threads_request_flush();
    return 0;
}

int
write_tcache_flush_of(ctl_call_t *call) {
    if (!threads_request_flush_of((uint32_t)call->value.v.u)) {
        fmt_str(call->why, "no thread of this number uses the allocator");
        return EINVAL;
    }
    return 0;
}

int
read_nbehind(ctl_call_t *call) {
    call->value.v.u = threads_stale();
    return 0;
}

static size_t
largest_of(uint32_t nclasses) {
    return nclasses == 0 ? 0 : sc.size[nclasses - 1];
}

int
read_tcache_max(ctl_call_t *call) {
    call->value.v.u = largest_of(tcache_nclasses());
    return 0;
}

int
read_thread_tcache_max(ctl_call_t *call) {
    call->value.v.u = largest_of(thread_nclasses(thread_get()));
    return 0;
}

int
write_thread_tcache_max(ctl_call_t *call) {
    uint64_t max = call->value.v.u < SC_LARGE_MAX ? call->value.v.u : SC_LARGE_MAX;
    thread_set_most_cached(thread_get(), sc_index(max) + 1);
    return 0;
}

/* A size is written; the most objects of its class that a cache holds is read. */
int
exchange_ncached_max(ctl_call_t *call) {
    size_t size, most = 0;
    if (call->io->oldp == NULL || call->io->oldlenp == NULL || !ctl_take(call->io, &size, sizeof size)) {
        return EINVAL;
    }
    if (size <= SC_LARGE_MAX && sc_index(size) < thread_nclasses(thread_get())) {
        most = tcache_max_slots(sc_index(size));
    }
    return ctl_put(call->io, &most, sizeof most);
}

/* ---- explicit caches ---- */

int
read_tcache_create(ctl_call_t *call) {
    call->value.v.u = tcaches_create();
    if (call->value.v.u == TCACHES_MAX) {
        fmt_str(call->why, "no memory for a cache, or no number: there are 4094");
        return EFAULT;
    }
    return 0;
}

/* Creates no cache if the caller has no room for its number. */
int
exchange_tcache_create(ctl_call_t *call) {
    unsigned id;
    if (!ctl_takes(call->io, sizeof id)) {
        return ctl_put_nothing(call->io);
    }
    int error = read_tcache_create(call);
    id = (unsigned)call->value.v.u;
    return error != 0 ? error : ctl_put(call->io, &id, sizeof id);
}

/* Calls a function of tcaches.h with the number that is written; EFAULT if no cache has it. */
static int
with_number(const ctl_io_t *io, bool (*call)(uint32_t id)) {
    unsigned id;
    if (!ctl_take(io, &id, sizeof id)) {
        return EINVAL;
    }
    return call(id) ? 0 : EFAULT;
}

int
exchange_tcache_destroy(ctl_call_t *call) {
    return with_number(call->io, tcaches_destroy);
}

int
exchange_tcache_flush(ctl_call_t *call) {
    return with_number(call->io, tcaches_flush);
}
