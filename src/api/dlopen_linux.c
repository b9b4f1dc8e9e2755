/*
 * dlopen_linux.c -- dlopen without RTLD_DEEPBIND.
 *
 * With that flag, an object finds the C library's free before ours, and gives it blocks of ours that it was handed:
 * PHP's modules end their process so. The C library's dlopen looks at who calls it (its RUNPATH, its namespace), so
 * ours leaves by a jump: the caller is seen, not we. opt.dlopen_deepbind leaves the flag as it is. In a program that
 * links the archive, dlopen is not taken over.
 */
#include "api/init.h"
#include "base/options.h"
#include "os/system.h"

#if LUNALLOC_REPLACE
void *dlopen(const char *name, int flags);
typedef void *open_t(const char *name, int flags);

#ifdef __clang__
#define JUMPS
#define JUMP __attribute__((musttail))
#else
#define JUMPS __attribute__((optimize("optimize-sibling-calls")))
#define JUMP
#endif

/* Any thread; found once. */
static open_t *_Atomic next;

static open_t *
find_next(void) {
    open_t *found = atomic_get(&next);
    if (found == NULL) {
        found = (open_t *)system_next_symbol("dlopen");
        atomic_set(&next, found);
    }
    return found;
}

static COLD int
without_deepbind(int flags) {
    bool read = init_boot();
    return read && options.dlopen_deepbind ? flags : flags & ~system_deepbind;
}

static void *
not_there(const char *name, int flags) {
    (void)name;
    (void)flags;
    return NULL;
}

__attribute__((visibility("default"))) JUMPS void *
dlopen(const char *name, int flags) {
    open_t *found = find_next();
    found = found == NULL ? not_there : found;
    flags = (flags & system_deepbind) != 0 ? without_deepbind(flags) : flags;
    JUMP return found(name, flags);
}
#endif
