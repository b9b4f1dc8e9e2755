/* unwind_linux.c -- the compiler's unwinder, which is loaded when it is first wanted: the library does not need it. */
#include "os/unwind.h"

#include "base/atomic.h"

#include <dlfcn.h>
#include <unwind.h>

/* A program without dynamic linking has none. */
#pragma weak dlsym

typedef _Unwind_Reason_Code backtrace_t(_Unwind_Trace_Fn visit, void *context);
/* dlopen's; found by its name when it is wanted, because every process would look up what this file refers to. */
typedef void *open_t(const char *name, int flags);
typedef _Unwind_Word get_t(struct _Unwind_Context *context);
typedef _Unwind_Word get_register_t(struct _Unwind_Context *context, int number);

/* The frame pointer's number in unwind tables; -1: it is not known how frames are linked here. */
#if defined(__x86_64__)
#define FRAME_POINTER 6
#elif defined(__aarch64__)
#define FRAME_POINTER 29
#else
#define FRAME_POINTER (-1)
#endif

/* Synchronization: `trace` publishes the others, which are constant then. */
static get_t *get_ip, *get_sp, *get_start;
static get_register_t *get_register;
static backtrace_t *_Atomic trace;

typedef struct {
    frame_t *frames;
    uint32_t n, most;
} walk_t;

static _Unwind_Reason_Code
visit(struct _Unwind_Context *context, void *argument) {
    walk_t *walk = argument;
    uintptr_t ip = get_ip(context);
    if (ip == 0 || walk->n == walk->most) {
        return _URC_NORMAL_STOP;
    }
    walk->frames[walk->n++] = (frame_t){
        .ip = ip,
        .start = get_start(context),
        .sp = get_sp(context),
        .fp = FRAME_POINTER < 0 ? 0 : get_register(context, FRAME_POINTER),
    };
    return _URC_NO_REASON;
}

/* POSIX promises that an address from dlsym is a function's; ISO C has no conversion. */
static void
find(void *library, const char *name, void *function) {
    *(void **)function = dlsym(library, name);
}

bool
unwind_load(void) {
    if (atomic_get_acquire(&trace) != NULL) {
        return true;
    }
    open_t *open;
    backtrace_t *found;
    if (dlsym == NULL) {
        return false;
    }
    find(RTLD_DEFAULT, "dlopen", &open);
    void *library = open == NULL ? NULL : open("libgcc_s.so.1", RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        return false;
    }
    find(library, "_Unwind_GetIP", &get_ip);
    find(library, "_Unwind_GetCFA", &get_sp);
    find(library, "_Unwind_GetGR", &get_register);
    find(library, "_Unwind_GetRegionStart", &get_start);
    find(library, "_Unwind_Backtrace", &found);
    if (get_ip == NULL || get_sp == NULL || get_register == NULL || get_start == NULL || found == NULL) {
        return false;
    }
    frame_t first;
    found(visit, &(walk_t){.frames = &first, .most = 1});
    atomic_set_release(&trace, found);
    return true;
}

uint32_t
unwind(frame_t *frames, uint32_t n) {
    walk_t walk = {.frames = frames, .most = n};
    backtrace_t *found = atomic_get_acquire(&trace);
    if (found != NULL) {
        found(visit, &walk);
    }
    return walk.n;
}
