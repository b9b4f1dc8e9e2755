/* ctl_arenas.c -- arenas.*: size classes, limits of all arenas, creation; and the names of arenas. */
#include "arena/arenas_bind.h"
#include "control/background.h"
#include "control/ctl_args.h"
#include "control/ctl_arena.h"
#include "control/ctl_epoch.h"
#include "control/ctl_source.h"
#include "extent/hugepage.h"
#include "extent/metadata.h"
#include "observe/walk.h"
#include "os/pages.h"
#include "thread/refresh.h"
#include "thread/tcache.h"
#include "thread/thread_life.h"

#include <errno.h>

/* ---- size classes, and numbers that hold for all arenas ---- */

static uint64_t
bin_field(size_t szind, bin_field_t field) {
    size_t slab_size = atomic_get(&sc.slab_size[szind]);
    switch (field) {
    case BIN_NREGS:
        return slab_size / sc.size[szind];
    case BIN_NSHARDS:
        return shards_number((uint32_t)szind);
    case BIN_SIZE:
        return sc.size[szind];
    case BIN_SLAB_SIZE:
        return slab_size;
    }
    return 0;
}

int
read_bin(ctl_call_t *call) {
    size_t i = call->index[0];
    if (i >= sc.nsmall) {
        return ctl_no_such(call->why, "small class", i);
    }
    call->value.v.u = bin_field(i, (bin_field_t)call->row->arg);
    return 0;
}

int
write_bin_slab_size(ctl_call_t *call) {
    size_t i = call->index[0];
    if (i >= sc.nsmall) {
        return ctl_no_such(call->why, "small class", i);
    }
    if (!sc_set_slab_size((uint32_t)i, call->value.v.u)) {
        fmt_str(call->why, "a slab is a multiple of the page (");
        fmt_u64(call->why, sc.page);
        fmt_str(call->why, ") that holds 1 to ");
        fmt_u64(call->why, sc.max_regs);
        fmt_str(call->why, " regions of ");
        fmt_u64(call->why, sc.size[i]);
        fmt_str(call->why, " bytes");
        return EINVAL;
    }
    return 0;
}

int
write_bin_nshards(ctl_call_t *call) {
    size_t i = call->index[0];
    if (i >= sc.nsmall) {
        return ctl_no_such(call->why, "small class", i);
    }
    arenas_set_nshards((uint32_t)i, (uint32_t)call->value.v.u);
    return 0;
}

int
read_lextent(ctl_call_t *call) {
    if (call->index[0] >= sc.nsizes - sc.nsmall) {
        return ctl_no_such(call->why, "large class", call->index[0]);
    }
    call->value.v.u = sc.size[sc.nsmall + call->index[0]];
    return 0;
}

static uint64_t
number(number_t which) {
    switch (which) {
    case NUMBER_ARENAS:
        return arenas_count();
    case NUMBER_AUTO:
        return arenas_nauto();
    case NUMBER_BINS:
        return sc.nsmall;
    case NUMBER_CACHED:
        return tcache_nclasses();
    case NUMBER_HUGEPAGE:
        return pages_huge_size();
    case NUMBER_LEXTENTS:
        return sc.nsizes - sc.nsmall;
    case NUMBER_PAGE:
        return sc.page;
    case NUMBER_QUANTUM:
        return UINT64_C(1) << sc.config.lg_quantum;
    }
    return 0;
}

int
read_number(ctl_call_t *call) {
    call->value.v.u = number((number_t)call->row->arg);
    return 0;
}

int
write_nauto(ctl_call_t *call) {
    arenas_set_nauto((uint32_t)call->value.v.u);
    thread_refresh(thread_get());
    return 0;
}

/* Without anything to release, nothing has failed. */
int
write_arenas_release(ctl_call_t *call) {
    (void)call;
    arenas_release_unused();
    return 0;
}

/* ---- names of arenas ---- */

/* Bytes of a name, with its terminator. */
#define NAME_SIZE 32
#define LG_NAME   METADATA_LG_MIN

/* Synchronization: set once from NULL, any thread; the text may be read while it is written, and is always terminated:
 * its last byte is never touched. */
/* Not static: another process finds it (control/layout.def). */
char *_Atomic ctl_arena_names[ARENAS_MAX];

static const char *
name_of(uint32_t index) {
    const char *name = atomic_get_acquire(&ctl_arena_names[index]);
    return name == NULL ? "" : name;
}

/* The block of an arena's name, allocated at its first use; NULL if out of memory. */
static char *
name_block(uint32_t index) {
    char *old = atomic_get_acquire(&ctl_arena_names[index]);
    char *fresh = old == NULL ? metadata_block_alloc(LG_NAME) : NULL;
    if (fresh == NULL) {
        return old;
    }
    memset(fresh, 0, (size_t)1 << LG_NAME);
    if (atomic_compare_exchange_strong(&ctl_arena_names[index], &old, fresh)) {
        return fresh;
    }
    metadata_block_free(fresh, LG_NAME);
    return old;
}

int
read_arena_name(ctl_call_t *call) {
    const arena_t *arena = ctl_one_arena(call);
    call->value.v.s = arena == NULL ? "" : name_of(arena->index);
    return arena == NULL ? ENOENT : 0;
}

static int
set_name(uint32_t index, const char *text) {
    char *block = text == NULL || strlen(text) >= NAME_SIZE ? NULL : name_block(index);
    if (block == NULL) {
        return text == NULL || strlen(text) >= NAME_SIZE ? EINVAL : EAGAIN;
    }
    memcpy(block, text, strlen(text) + 1);
    return 0;
}

static void
forget_name(uint32_t index) {
    if (atomic_get_acquire(&ctl_arena_names[index]) != NULL) {
        set_name(index, "");
    }
}

/* As in jemalloc, the caller gives the address of a pointer to a buffer of NAME_SIZE bytes, into which the old name is
 * copied. */
int
exchange_arena_name(ctl_call_t *call) {
    const ctl_io_t *io = call->io;
    const arena_t *arena = ctl_one_arena(call);
    if (arena == NULL) {
        return ENOENT;
    }
    char *out;
    const char *text = NULL;
    bool reads = io->oldp != NULL && io->oldlenp != NULL;
    if ((reads && !ctl_takes(io, sizeof out)) || (io->newp != NULL && !ctl_take(io, &text, sizeof text))) {
        return EINVAL;
    }
    char old[NAME_SIZE];
    strcpy(old, name_of(arena->index));
    int error = io->newp != NULL ? set_name(arena->index, text) : 0;
    if (reads && error == 0) {
        memcpy(&out, io->oldp, sizeof out);
        strcpy(out, old);
    }
    return error;
}

/* ---- creating and finding arenas ---- */

/* For mallctl, an arena exists if it existed when the epoch began, and still does. */
int
read_arena_initialized(ctl_call_t *call) {
    size_t index = call->index[0];
    bool several = index == CTL_ALL_ARENAS || (call->typed && index == STATS_DESTROYED);
    if (!several && index >= arenas_count()) {
        return ctl_no_such_arena(call->why, index);
    }
    bool alive = several ? index == CTL_ALL_ARENAS || arenas_ndestroyed() > 0 : arenas_alive((uint32_t)index);
    call->value.v.b = alive && (several || !call->typed || ctl_epoch_began_with((uint32_t)index));
    return 0;
}

/* A new manual arena, without what is remembered of an earlier one of its index. NULL, with the reason in `why`. */
static arena_t *
create_arena(extent_hooks_t *hooks, fmt_t *why) {
    arena_t *arena = arenas_create();
    if (arena == NULL) {
        fmt_str(why, "no memory, or 4096 arenas are in use");
        return NULL;
    }
    if (hooks != NULL && hooks != &hooks_system) {
        background_hooked();
        pa_set_hooks(&arena->pages, hooks);
    }
    stats_begin_life(arena->index);
    ctl_forget_arena(arena->index);
    ctl_epoch_forget(arena->index);
    forget_name(arena->index);
    return arena;
}

int
read_arenas_create(ctl_call_t *call) {
    const arena_t *arena = create_arena(NULL, call->why);
    call->value.v.u = arena == NULL ? 0 : arena->index;
    return arena == NULL ? EAGAIN : 0;
}

/* Creates no arena if the caller has no room for its index. */
static int
create_for(const ctl_call_t *call, bool with_hooks, extent_hooks_t *hooks) {
    const ctl_io_t *io = call->io;
    if (!ctl_takes(io, sizeof(unsigned))) {
        return ctl_put_nothing(io);
    }
    if (with_hooks && (hooks == NULL || hooks->alloc == NULL)) {
        return EINVAL;
    }
    const arena_t *arena = create_arena(hooks, call->why);
    return arena == NULL ? EAGAIN : ctl_put(io, &arena->index, sizeof arena->index);
}

int
exchange_arenas_create(ctl_call_t *call) {
    extent_hooks_t *hooks = NULL;
    bool given = call->io->newp != NULL;
    return given && !ctl_take(call->io, &hooks, sizeof hooks) ? EINVAL : create_for(call, given, hooks);
}

int
exchange_arenas_create_ext(ctl_call_t *call) {
    struct {
        extent_hooks_t *hooks;
        unsigned char metadata_use_hooks; /* a bool of the caller's */
    } config = {0};
    return call->io->newp != NULL && !ctl_take(call->io, &config, sizeof config)
               ? EINVAL
               : create_for(call, config.hooks != NULL, config.hooks);
}

int
exchange_arenas_lookup(ctl_call_t *call) {
    void *ptr;
    lunalloc_location_t at;
    bool fits = call->io->oldp != NULL && call->io->oldlenp != NULL && ctl_take(call->io, &ptr, sizeof ptr);
    if (!fits || walk_find((uintptr_t)ptr, &at) != 0 || at.extent.state != LUNALLOC_ACTIVE) {
        return EINVAL;
    }
    return ctl_put(call->io, &at.extent.arena, sizeof at.extent.arena);
}
