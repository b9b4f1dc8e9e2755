/* guard.c -- asks the system (VirtualQuery) where its regions are. */
#include "guard.h"

#include "base/atomic.h"

#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

guard_counts_t guard_counts;

void __real_pages_unmap(void *addr, size_t size);
bool __real_pages_commit(void *addr, size_t size);
bool __real_pages_decommit(void *addr, size_t size);
bool __real_pages_purge_lazy(void *addr, size_t size);
void __wrap_pages_unmap(void *addr, size_t size);
bool __wrap_pages_commit(void *addr, size_t size);
bool __wrap_pages_decommit(void *addr, size_t size);
bool __wrap_pages_purge_lazy(void *addr, size_t size);

/* Base of the region that holds addr; NULL if there is none. */
static const void *
region_of(const void *addr) {
    MEMORY_BASIC_INFORMATION info;
    bool known = VirtualQuery(addr, &info, sizeof info) != 0 && info.State != MEM_FREE;
    return known ? info.AllocationBase : NULL;
}

bool
guard_within_region(const void *addr, size_t size) {
    const void *region = region_of(addr);
    return region != NULL && region == region_of((const char *)addr + size - 1);
}

_Noreturn static void
broken(const char *call, const void *addr, size_t size, const char *why) {
    fprintf(stderr, "guard: %s(%p, %zu): %s\n", call, addr, size, why);
    abort();
}

static void
must_be_within_region(const char *call, const void *addr, size_t size) {
    if (!guard_within_region(addr, size)) {
        broken(call, addr, size, "not within one region");
    }
}

void
__wrap_pages_unmap(void *addr, size_t size) {
    must_be_within_region("pages_unmap", addr, size);
    if (region_of(addr) != addr || region_of((char *)addr + size) == addr) {
        broken("pages_unmap", addr, size, "not a whole region");
    }
    __real_pages_unmap(addr, size);
    atomic_add(&guard_counts.unmaps, 1);
}

/* May be refused: there may be no memory. */
bool
__wrap_pages_commit(void *addr, size_t size) {
    must_be_within_region("pages_commit", addr, size);
    bool done = __real_pages_commit(addr, size);
    atomic_add(&guard_counts.commits, done);
    return done;
}

bool
__wrap_pages_decommit(void *addr, size_t size) {
    must_be_within_region("pages_decommit", addr, size);
    if (!__real_pages_decommit(addr, size)) {
        broken("pages_decommit", addr, size, "refused");
    }
    atomic_add(&guard_counts.decommits, 1);
    return true;
}

bool
__wrap_pages_purge_lazy(void *addr, size_t size) {
    must_be_within_region("pages_purge_lazy", addr, size);
    if (!__real_pages_purge_lazy(addr, size)) {
        broken("pages_purge_lazy", addr, size, "refused");
    }
    atomic_add(&guard_counts.lazy_purges, 1);
    return true;
}
