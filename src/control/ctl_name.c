/* ctl_name.c -- names that an application gives its arenas. */
#include "control/ctl_arena.h"
#include "control/ctl_call.h"
#include "extent/metadata.h"

#include <errno.h>

/* With the terminator. */
#define NAME_SIZE 32
#define LG_NAME   METADATA_LG_MIN

/* Synchronization: set once from NULL, any thread; the text may be read while it is written, and is always terminated:
 * its last byte is never touched. */
static char *_Atomic names[ARENAS_MAX];

static const char *
name_of(uint32_t index) {
    const char *name = atomic_get_acquire(&names[index]);
    return name == NULL ? "" : name;
}

/* The block of an arena's name, made on first use; NULL without memory. */
static char *
block_of(uint32_t index) {
    char *old = atomic_get_acquire(&names[index]);
    char *fresh = old == NULL ? metadata_block_alloc(LG_NAME) : NULL;
    if (fresh == NULL) {
        return old;
    }
    memset(fresh, 0, (size_t)1 << LG_NAME);
    if (atomic_compare_exchange_strong(&names[index], &old, fresh)) {
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
    char *block = text == NULL || strlen(text) >= NAME_SIZE ? NULL : block_of(index);
    if (block == NULL) {
        return text == NULL || strlen(text) >= NAME_SIZE ? EINVAL : EAGAIN;
    }
    memcpy(block, text, strlen(text) + 1);
    return 0;
}

void
ctl_forget_name(uint32_t index) {
    if (atomic_get_acquire(&names[index]) != NULL) {
        set_name(index, "");
    }
}

/* The old value points to a pointer to the caller's buffer of NAME_SIZE bytes. */
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
