/* ctl_tcache.c -- caches by name: the calling thread's own, explicit ones, and the allocation of batches past them. */
#include "control/ctl_call.h"
#include "thread/tcaches.h"
#include "thread/flags.h"
#include "thread/refresh.h"
#include "thread/tcache.h"
#include "thread/thread_life.h"

#include <errno.h>

/* ---- the calling thread's own ---- */

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

/* mallctl's error is jemalloc's; by text it is no error to flush what is off. */
int
write_tcache_flush(ctl_call_t *call) {
    thread_flush(thread_get());
    if (call->typed && thread_has_no_cache(thread_get())) {
        fmt_str(call->why, "the cache is off");
        return EFAULT;
    }
    return 0;
}

/* ---- those of all threads ---- */

int
write_all_tcaches_flush(ctl_call_t *call) {
    (void)call;
    threads_request_flush();
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

/* ---- explicit ones ---- */

int
read_tcache_create(ctl_call_t *call) {
    call->value.v.u = tcaches_create();
    if (call->value.v.u == TCACHES_MAX) {
        fmt_str(call->why, "no memory for a cache, or no number: there are 4094");
        return EFAULT;
    }
    return 0;
}

/* Without room for its number, none is made. */
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

/* Calls a function of tcaches.h for the number that is written; EFAULT if there is no such cache. */
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

/* ---- rows of two types ---- */

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

int
exchange_batch_alloc(ctl_call_t *call) {
    struct {
        void **ptrs;
        size_t n;
        size_t size;
        int flags;
    } packet;
    if (!ctl_takes(call->io, sizeof(size_t))) {
        return ctl_put_nothing(call->io);
    }
    if (!ctl_take(call->io, &packet, sizeof packet)) {
        return EINVAL;
    }
    size_t filled = flags_alloc_batch(thread_get(), packet.ptrs, packet.n, packet.size, packet.flags);
    return ctl_put(call->io, &filled, sizeof filled);
}
