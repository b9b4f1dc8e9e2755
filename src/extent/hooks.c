/* hooks.c -- calls the system or the application's hooks; the system's operations in the types of hooks. */
#include "extent/hooks.h"

#include "base/witness.h"
#include "os/pages.h"

/* How many calls of hooks this thread is in. Not a field of the thread's structure: threads that have exited, whose
 * last destructors may still free, share one (thread_exited). */
static __thread unsigned depth __attribute__((tls_model("initial-exec")));

bool
hooks_running(void) {
    return depth > 0;
}

/* After a hook returned: leaves it, and inverts its answer. */
static bool
hook_done(bool refused) {
    depth--;
    return !refused;
}

void *
hook_alloc(extent_hooks_t *hooks, size_t size, size_t alignment, bool *zeroed, bool *committed, uint32_t arena) {
    witness_no_core_lock();
    if (hooks == NULL) {
        *zeroed = true;
        return pages_reserve(size, alignment, committed);
    }
    *zeroed = false;
    *committed = true;
    depth++;
    void *addr = hooks->alloc(hooks, NULL, size, alignment, zeroed, committed, arena);
    depth--;
    return addr;
}

bool
hook_dalloc(extent_hooks_t *hooks, void *addr, size_t size, bool committed, uint32_t arena) {
    witness_no_core_lock();
    if (hooks == NULL) {
        pages_unmap(addr, size);
        return true;
    }
    if (hooks->dalloc == NULL) {
        return false;
    }
    depth++;
    return hook_done(hooks->dalloc(hooks, addr, size, committed, arena));
}

void
hook_destroy(extent_hooks_t *hooks, void *addr, size_t size, bool committed, uint32_t arena) {
    witness_no_core_lock();
    if (hooks == NULL) {
        pages_unmap(addr, size);
    } else if (hooks->destroy != NULL) {
        depth++;
        hooks->destroy(hooks, addr, size, committed, arena);
        depth--;
    } else {
        hook_dalloc(hooks, addr, size, committed, arena);
    }
}

bool
hook_commit(extent_hooks_t *hooks, void *addr, size_t size, uint32_t arena) {
    witness_no_core_lock();
    if (hooks == NULL) {
        return pages_commit(addr, size);
    }
    if (hooks->commit == NULL) {
        return false;
    }
    depth++;
    return hook_done(hooks->commit(hooks, addr, size, 0, size, arena));
}

bool
hook_decommit(extent_hooks_t *hooks, void *addr, size_t size, uint32_t arena) {
    witness_no_core_lock();
    if (hooks == NULL) {
        return pages_decommit(addr, size);
    }
    if (hooks->decommit == NULL) {
        return false;
    }
    depth++;
    return hook_done(hooks->decommit(hooks, addr, size, 0, size, arena));
}

bool
hook_purge_lazy(extent_hooks_t *hooks, void *addr, size_t size, uint32_t arena) {
    witness_no_core_lock();
    if (hooks == NULL) {
        return pages_purge_lazy(addr, size);
    }
    if (hooks->purge_lazy == NULL) {
        return false;
    }
    depth++;
    return hook_done(hooks->purge_lazy(hooks, addr, size, 0, size, arena));
}

bool
hook_purge_forced(extent_hooks_t *hooks, void *addr, size_t size, uint32_t arena) {
    witness_no_core_lock();
    if (hooks == NULL) {
        return pages_purge_forced(addr, size);
    }
    if (hooks->purge_forced == NULL) {
        return false;
    }
    depth++;
    return hook_done(hooks->purge_forced(hooks, addr, size, 0, size, arena));
}

bool
hook_split(extent_hooks_t *hooks, void *addr, size_t size, size_t size_a, bool committed, uint32_t arena) {
    witness_no_core_lock();
    if (hooks->split == NULL) {
        return false;
    }
    depth++;
    return hook_done(hooks->split(hooks, addr, size, size_a, size - size_a, committed, arena));
}

bool
hook_merge(extent_hooks_t *hooks, void *a, size_t size_a, void *b, size_t size_b, bool committed, uint32_t arena) {
    witness_no_core_lock();
    if (hooks->merge == NULL) {
        return false;
    }
    depth++;
    return hook_done(hooks->merge(hooks, a, size_a, b, size_b, committed, arena));
}

/* ---- the system's operations as hooks: true means "refused" ------------------------------------------------------ */

/* Refuses a wanted address: the system chooses. */
static void *
system_alloc(extent_hooks_t *hooks, void *new_addr, size_t size, size_t alignment, bool *zero, bool *commit,
             unsigned arena) {
    (void)hooks;
    (void)arena;
    *zero = *commit = true;
    return new_addr == NULL ? pages_map(size, alignment) : NULL;
}

static bool
system_dalloc(extent_hooks_t *hooks, void *addr, size_t size, bool committed, unsigned arena) {
    (void)hooks;
    (void)committed;
    (void)arena;
    pages_unmap(addr, size);
    return false;
}

static void
system_destroy(extent_hooks_t *hooks, void *addr, size_t size, bool committed, unsigned arena) {
    system_dalloc(hooks, addr, size, committed, arena);
}

static bool
system_commit(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)hooks;
    (void)size;
    (void)arena;
    return !pages_commit((char *)addr + offset, length);
}

static bool
system_decommit(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)hooks;
    (void)size;
    (void)arena;
    return !pages_decommit((char *)addr + offset, length);
}

static bool
system_purge_lazy(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)hooks;
    (void)size;
    (void)arena;
    return !pages_purge_lazy((char *)addr + offset, length);
}

static bool
system_purge_forced(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    (void)hooks;
    (void)size;
    (void)arena;
    return !pages_purge_forced((char *)addr + offset, length);
}

/* The system splits and merges anything; the sizes and addresses of the call are checked. */
static bool
system_split(extent_hooks_t *hooks, void *addr, size_t size, size_t size_a, size_t size_b, bool committed,
             unsigned arena) {
    (void)hooks;
    (void)addr;
    (void)committed;
    (void)arena;
    return size_a + size_b != size;
}

static bool
system_merge(extent_hooks_t *hooks, void *addr_a, size_t size_a, void *addr_b, size_t size_b, bool committed,
             unsigned arena) {
    (void)hooks;
    (void)size_b;
    (void)committed;
    (void)arena;
    return (char *)addr_a + size_a != addr_b;
}

extent_hooks_t hooks_system = {
    .alloc = system_alloc,
    .dalloc = system_dalloc,
    .destroy = system_destroy,
    .commit = system_commit,
    .decommit = system_decommit,
    .purge_lazy = system_purge_lazy,
    .purge_forced = system_purge_forced,
    .split = system_split,
    .merge = system_merge,
};
