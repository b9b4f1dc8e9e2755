/* ctl_experimental.c -- experimental.*: allocation in batches, and how full the extents of given allocations are. */
#include "control/ctl_call.h"
#include "observe/stats.h"
#include "observe/walk.h"
#include "thread/flags.h"
#include "thread/thread_life.h"

#include <errno.h>

/* ---- batches ---- */

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

/* ---- utilization ---- */

/* What jemalloc tells of an extent and of the bin that it belongs to. */
typedef struct {
    size_t nfree, nregs, size;
} extent_use_t;

typedef struct {
    void *current; /* always NULL; in jemalloc, the slab that the bin allocates from */
    extent_use_t extent;
    size_t bin_nfree, bin_nregs;
} use_t;

/* All zeros where there is no allocation. */
static extent_use_t
extent_use(const lunalloc_location_t *at) {
    if (at->extent.state != LUNALLOC_ACTIVE) {
        return (extent_use_t){0};
    }
    return (extent_use_t){
        .nfree = at->extent.nfree,
        .nregs = at->extent.slab ? at->extent.nregs : 1,
        .size = at->extent.size,
    };
}

static bool
find(const void *ptr, lunalloc_location_t *at) {
    return walk_find((uintptr_t)ptr, at) == 0;
}

/* An estimate if the class has slabs of several sizes: each is counted as if it had the size of this one. */
static void
add_bin_use(const lunalloc_location_t *at, use_t *use) {
    lunalloc_class_stats_t stats;
    if (at->extent.slab && stats_read_class(at->extent.arena, at->extent.szind, &stats) == 0) {
        size_t nregs = stats.nslabs * use->extent.nregs;
        use->bin_nregs = nregs;
        use->bin_nfree = nregs < stats.curregs ? 0 : nregs - stats.curregs;
    }
}

int
exchange_query(ctl_call_t *call) {
    const void *ptr;
    lunalloc_location_t at;
    use_t use = {0};
    if (!ctl_takes(call->io, sizeof use) || !ctl_take(call->io, &ptr, sizeof ptr)) {
        return EINVAL;
    }
    if (find(ptr, &at)) {
        use.extent = extent_use(&at);
        add_bin_use(&at, &use);
    }
    return ctl_put(call->io, &use, sizeof use);
}

int
exchange_batch_query(ctl_call_t *call) {
    size_t n = call->io->newlen / sizeof(void *);
    if (n == 0 || call->io->newp == NULL || call->io->newlen % sizeof(void *) != 0 ||
        !ctl_takes(call->io, n * sizeof(extent_use_t))) {
        return EINVAL;
    }
    void *const *ptrs = call->io->newp;
    extent_use_t *out = call->io->oldp;
    for (size_t i = 0; i < n; i++) {
        lunalloc_location_t at;
        out[i] = find(ptrs[i], &at) ? extent_use(&at) : (extent_use_t){0};
    }
    return 0;
}
