/*
 * loader.c -- finds the allocator and fills the table of its entry points.
 *
 * Search order; the first that is found is used:
 *   1. symbols already in the process: preloaded, linked, or loaded globally by other code;
 *   2. the file that LUNALLOC_SO names. If that is set, it is the only candidate, so that a wrong path is reported and
 *      not silently replaced by another library;
 *   3. liblunalloc.so in the module's own directory           (a rock);
 *   4. ../../liblunalloc.so from there                        (BUILD/lua/lunalloc/core.so -> BUILD/liblunalloc.so);
 *   5. ../../../liblunalloc.so from there                     (PREFIX/lib/lua/5.4/lunalloc/core.so -> PREFIX/lib);
 *   6. "liblunalloc.so" on the dynamic linker's own path.
 *
 * The library is loaded with local scope, since its malloc must not capture later lookups of other modules. It is never
 * unloaded, since its blocks and threads may outlive every lua_State.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr, RTLD_DEFAULT, secure_getenv */
#endif
#include "loader.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The members are filled as if they were void *: POSIX guarantees that pointers to functions have that size. */
static const struct {
    const char *name;
    size_t offset;
} symbols[] = {
    {"lunalloc_malloc", offsetof(lunalloc_api_t, malloc)},
    {"lunalloc_calloc", offsetof(lunalloc_api_t, calloc)},
    {"lunalloc_realloc", offsetof(lunalloc_api_t, realloc)},
    {"lunalloc_free", offsetof(lunalloc_api_t, free)},
    {"lunalloc_aligned_alloc", offsetof(lunalloc_api_t, aligned_alloc)},
    {"lunalloc_usable_size", offsetof(lunalloc_api_t, usable_size)},
    {"lunalloc_free_sized", offsetof(lunalloc_api_t, free_sized)},
    {"lunalloc_mallocx", offsetof(lunalloc_api_t, mallocx)},
    {"lunalloc_rallocx", offsetof(lunalloc_api_t, rallocx)},
    {"lunalloc_dallocx", offsetof(lunalloc_api_t, dallocx)},
    {"lunalloc_replaced", offsetof(lunalloc_api_t, replaced)},
    {"lunalloc_ctl_count", offsetof(lunalloc_api_t, ctl_count)},
    {"lunalloc_ctl_row", offsetof(lunalloc_api_t, ctl_row)},
    {"lunalloc_ctl_describe", offsetof(lunalloc_api_t, ctl_describe)},
    {"lunalloc_ctl_source", offsetof(lunalloc_api_t, ctl_source)},
    {"lunalloc_ctl_limit", offsetof(lunalloc_api_t, ctl_limit)},
    {"lunalloc_ctl_suggest", offsetof(lunalloc_api_t, ctl_suggest)},
    {"lunalloc_ctl_get", offsetof(lunalloc_api_t, ctl_get)},
    {"mallctl", offsetof(lunalloc_api_t, mallctl)},
    {"lunalloc_ctl_write", offsetof(lunalloc_api_t, ctl_write)},
    {"lunalloc_extents", offsetof(lunalloc_api_t, extents)},
    {"lunalloc_find", offsetof(lunalloc_api_t, find)},
    {"lunalloc_nsizes", offsetof(lunalloc_api_t, nsizes)},
    {"lunalloc_sizeclass", offsetof(lunalloc_api_t, sizeclass)},
    {"lunalloc_sizeclass_of", offsetof(lunalloc_api_t, sizeclass_of)},
    {"lunalloc_stats", offsetof(lunalloc_api_t, stats)},
    {"lunalloc_class_stats", offsetof(lunalloc_api_t, class_stats)},
    {"lunalloc_stats_names", offsetof(lunalloc_api_t, stats_names)},
    {"lunalloc_stats_write", offsetof(lunalloc_api_t, stats_write)},
    {"lunalloc_reconcile", offsetof(lunalloc_api_t, reconcile)},
    {"lunalloc_prof_samples", offsetof(lunalloc_api_t, prof_samples)},
    {"lunalloc_prof_frames", offsetof(lunalloc_api_t, prof_frames)},
    {"lunalloc_prof_frame", offsetof(lunalloc_api_t, prof_frame)},
    {"lunalloc_prof_frame_name", offsetof(lunalloc_api_t, prof_frame_name)},
    {"lunalloc_threads", offsetof(lunalloc_api_t, threads)},
    {"lunalloc_moments", offsetof(lunalloc_api_t, moments)},
    {"lunalloc_marks", offsetof(lunalloc_api_t, marks)},
};

enum {
    NSYMBOLS = sizeof(symbols) / sizeof(symbols[0])
};

_Static_assert(sizeof(lunalloc_api_t) == NSYMBOLS * sizeof(void *), "every member has its symbol");
_Static_assert(sizeof(void (*)(void)) == sizeof(void *), "dlsym can return functions");

/* Written by load(), under once; constant afterwards. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static lunalloc_api_t table;
static bool loaded;
static char reason[PATH_MAX + 256];

/* Keeps the first reason: later candidates are more general, and their failures say less. */
__attribute__((format(printf, 1, 2))) static void
explain(const char *format, ...) {
    if (reason[0] == '\0') {
        va_list args;
        va_start(args, format);
        vsnprintf(reason, sizeof(reason), format, args);
        va_end(args);
    }
}

/* True if the library has the same statistics as this module, in the same order: it may be another version. */
static bool
same_layout(void) {
    static const char *const expected[] = {
#define TOTAL(name, ...) #name,
#include "observe/counters.def"
        NULL,
    };
    const char *const *names = table.stats_names();
    size_t i = 0;
    while (expected[i] != NULL && names[i] != NULL && strcmp(expected[i], names[i]) == 0) {
        i++;
    }
    return expected[i] == NULL && names[i] == NULL;
}

/* Fills the table with the symbols of `handle`. False, with a reason, if one is missing or the library is another
 * version. */
static bool
resolve(void *handle, const char *origin) {
    for (size_t i = 0; i < NSYMBOLS; i++) {
        void *address = dlsym(handle, symbols[i].name);
        if (address == NULL) {
            explain("%s has no symbol %s: it is another version than this module (%s)", origin, symbols[i].name,
                    LUNALLOC_VERSION);
            return false;
        }
        memcpy((char *)&table + symbols[i].offset, &address, sizeof(address));
    }
    if (!same_layout()) {
        explain("%s is another version than this module (%s)", origin, LUNALLOC_VERSION);
        return false;
    }
    return true;
}

/* Opens a library and resolves its symbols. */
static bool
load_file(const char *path) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle == NULL) {
        explain("%s", dlerror());
        return false;
    }
    return resolve(handle, path);
}

/* Loads `path`, relative to the directory of this module's file, if there is such a file. */
static bool
load_beside_module(const char *path) {
    Dl_info self;
    char module[PATH_MAX];
    char candidate[PATH_MAX + 64];
    if (dladdr(&once, &self) == 0 || realpath(self.dli_fname, module) == NULL) {
        return false;
    }
    char *slash = strrchr(module, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    snprintf(candidate, sizeof(candidate), "%s/%s", module, path);
    return access(candidate, R_OK) == 0 && load_file(candidate);
}

/* Tries the candidates in the order that the head of this file gives. */
static bool
find_and_load(void) {
    if (dlsym(RTLD_DEFAULT, "lunalloc_ctl_get") != NULL) {
        return resolve(RTLD_DEFAULT, "the allocator in this process");
    }
    const char *named = secure_getenv("LUNALLOC_SO");
    if (named != NULL && named[0] != '\0') {
        return load_file(named);
    }
    return load_beside_module("liblunalloc.so") || load_beside_module("../../liblunalloc.so") ||
           load_beside_module("../../../liblunalloc.so") || load_file("liblunalloc.so");
}

/* The function of pthread_once. A reason of a failed candidate is dropped if a later one succeeds. */
static void
load(void) {
    loaded = find_and_load();
    if (loaded) {
        reason[0] = '\0';
    }
}

const lunalloc_api_t *
loader_api(void) {
    pthread_once(&once, load);
    return loaded ? &table : NULL;
}

const char *
loader_reason(void) {
    pthread_once(&once, load);
    return reason;
}
