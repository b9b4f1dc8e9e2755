/* ctl_tcache.c -- caches by name: the calling thread's own, explicit ones, and the allocation of batches past them. */
#include "control/ctl_io.h"
#include "thread/tcaches.h"
#include "thread/flags.h"
#include "thread/refresh.h"
#include "thread/tcache.h"
#include "thread/thread_life.h"

#include <errno.h>

/* ---- the calling thread's own ---- */

int
read_tcache_enabled(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.b = thread_is_cached(thread_get());
    return 0;
}

int
write_tcache_enabled(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    thread_set_cached(thread_get(), value->v.b);
    return 0;
}

/* mallctl's error is jemalloc's; by text it is no error to flush what is off. */
int
write_tcache_flush(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)value;
    thread_flush(thread_get());
    if (call->typed && thread_has_no_cache(thread_get())) {
        fmt_str(why, "the cache is off");
        return EFAULT;
    }
    return 0;
}

/* ---- those of all threads ---- */

int
write_all_tcaches_flush(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)value;
    (void)why;
    threads_request_flush();
    return 0;
}

int
read_nbehind(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.u = threads_stale();
    return 0;
}

static size_t
largest_of(uint32_t nclasses) {
    return nclasses == 0 ? 0 : sc.size[nclasses - 1];
}

int
read_tcache_max(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.u = largest_of(tcache_nclasses());
    return 0;
}

int
read_thread_tcache_max(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    value->v.u = largest_of(thread_nclasses(thread_get()));
    return 0;
}

int
write_thread_tcache_max(const ctl_call_t *call, const lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    (void)why;
    uint64_t max = value->v.u < SC_LARGE_MAX ? value->v.u : SC_LARGE_MAX;
    thread_set_most_cached(thread_get(), sc_index(max) + 1);
    return 0;
}

/* ---- explicit ones ---- */

int
read_tcache_create(const ctl_call_t *call, lunalloc_value_t *value, fmt_t *why) {
    (void)call;
    value->v.u = tcaches_create();
    if (value->v.u == TCACHES_MAX) {
        fmt_str(why, "no memory for a cache, or no number: there are 4094");
        return EFAULT;
    }
    return 0;
}

/* Without room for its number, none is made. */
int
exchange_tcache_create(const ctl_call_t *call, const ctl_io_t *io) {
    lunalloc_value_t value;
    char buf[128];
    fmt_t why = fmt_begin(buf, sizeof buf);
    unsigned id;
    if (!ctl_takes(io, sizeof id)) {
        return ctl_put_nothing(io);
    }
    int error = read_tcache_create(call, &value, &why);
    id = (unsigned)value.v.u;
    return error != 0 ? error : ctl_put(io, &id, sizeof id);
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
exchange_tcache_destroy(const ctl_call_t *call, const ctl_io_t *io) {
    (void)call;
    return with_number(io, tcaches_destroy);
}

int
exchange_tcache_flush(const ctl_call_t *call, const ctl_io_t *io) {
    (void)call;
    return with_number(io, tcaches_flush);
}

/* ---- rows of two types ---- */

int
exchange_ncached_max(const ctl_call_t *call, const ctl_io_t *io) {
    (void)call;
    size_t size, most = 0;
    if (io->oldp == NULL || io->oldlenp == NULL || !ctl_take(io, &size, sizeof size)) {
        return EINVAL;
    }
    if (size <= SC_LARGE_MAX && sc_index(size) < thread_nclasses(thread_get())) {
        most = tcache_max_slots(sc_index(size));
    }
    return ctl_put(io, &most, sizeof most);
}

int
exchange_batch_alloc(const ctl_call_t *call, const ctl_io_t *io) {
    (void)call;
    struct {
        void **ptrs;
        size_t n;
        size_t size;
        int flags;
    } packet;
    if (!ctl_takes(io, sizeof(size_t))) {
        return ctl_put_nothing(io);
    }
    if (!ctl_take(io, &packet, sizeof packet)) {
        return EINVAL;
    }
    size_t filled = flags_alloc_batch(thread_get(), packet.ptrs, packet.n, packet.size, packet.flags);
    return ctl_put(io, &filled, sizeof filled);
}
