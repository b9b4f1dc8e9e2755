/*
 * allocator.c -- the malloc of this process: its name and its version. See allocator.h.
 */
#include "allocator_known.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lunalloc.h"

/* ---- versions, by each library's own interface ---- */

void
allocator_copy(char *out, size_t size, const char *text) {
    size_t length = text == NULL ? 0 : strnlen(text, size - 1);
    memcpy(out, text == NULL ? "" : text, length);
    out[length] = '\0';
}

/* A function at the address that dlsym() gives. */
static void
to_function(void *function, size_t size, void *symbol) {
    memcpy(function, &symbol, size);
}

/* gnu_get_libc_version(): "2.36" */
static void
ask_glibc(void *symbol, char *version, size_t size) {
    const char *(*get)(void);
    to_function(&get, sizeof(get), symbol);
    allocator_copy(version, size, get());
}

/* lunalloc_ctl_get("version"): "0.1.0" */
static void
ask_lunalloc(void *symbol, char *version, size_t size) {
    int (*get)(const char *name, lunalloc_value_t *value, char *message, size_t message_size);
    lunalloc_value_t value;
    to_function(&get, sizeof(get), symbol);
    if (get("version", &value, NULL, 0) == 0 && value.type == LUNALLOC_STRING) {
        allocator_copy(version, size, value.v.s);
    }
}

/* mallctl("version"): "5.3.0-0-g54eaed1d", of which the first part is the version. */
static void
ask_jemalloc(void *symbol, char *version, size_t size) {
    int (*control)(const char *name, void *old, size_t *old_size, void *new, size_t new_size);
    const char *text = NULL;
    size_t text_size = sizeof(text);
    to_function(&control, sizeof(control), symbol);
    if (control("version", &text, &text_size, NULL, 0) == 0 && text != NULL) {
        allocator_copy(version, size, text);
        version[strcspn(version, "-")] = '\0';
    }
}

/* mi_version(): 209 is 2.0.9 */
static void
ask_mimalloc(void *symbol, char *version, size_t size) {
    int (*get)(void);
    to_function(&get, sizeof(get), symbol);
    int number = get();
    snprintf(version, size, "%d.%d.%d", number / 100, number / 10 % 10, number % 10);
}

/* tc_version(): "gperftools 2.10" */
static void
ask_tcmalloc(void *symbol, char *version, size_t size) {
    const char *(*get)(int *major, int *minor, const char **patch);
    int major, minor;
    const char *patch;
    to_function(&get, sizeof(get), symbol);
    const char *text = get(&major, &minor, &patch);
    const char *space = text == NULL ? NULL : strrchr(text, ' ');
    allocator_copy(version, size, space == NULL ? text : space + 1);
}

const allocator_known_t allocator_known[ALLOCATOR_KNOWN] = {
    {.name = "glibc", .marker = "gnu_get_libc_version", .ask = ask_glibc, .files = {"libc.so.6"}},
    {.name = "lunalloc", .marker = "lunalloc_ctl_get", .ask = ask_lunalloc, .files = {"liblunalloc.so"}},
    {.name = "jemalloc",
     .marker = "mallctl",
     .ask = ask_jemalloc,
     .prefix = "",
     .files = {"libjemalloc.so.2", "libjemalloc.so.1", "libjemalloc.so"}},
    {.name = "mimalloc",
     .marker = "mi_version",
     .ask = ask_mimalloc,
     .files = {"libmimalloc.so.3", "libmimalloc.so.2", "libmimalloc.so"}},
    {.name = "tcmalloc",
     .marker = "tc_version",
     .ask = ask_tcmalloc,
     .prefix = "gperftools ",
     .files = {"libtcmalloc_minimal.so.4", "libtcmalloc.so.4", "libtcmalloc_minimal.so"}},
};

/* ---- the malloc of this process ---- */

/* Written under `once`; constant afterwards. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static allocator_t process;
static char title[2 * ALLOCATOR_NAME_SIZE];

static void *
address_of_malloc(void) {
    void *(*function)(size_t) = malloc;
    void *address;
    memcpy(&address, &function, sizeof(address));
    return address;
}

/* The marker, if the object that is loaded at `base` has it; else NULL. */
static void *
marker_in(const allocator_known_t *row, const void *base) {
    Dl_info info;
    void *symbol = dlsym(RTLD_DEFAULT, row->marker);
    return symbol != NULL && dladdr(symbol, &info) != 0 && info.dli_fbase == base ? symbol : NULL;
}

/* The name of a file without its folder, "lib" and what follows ".so": "hoard" of "/usr/lib/libhoard.so.3". */
static void
name_of_file(const char *path, char *name, size_t size) {
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    allocator_copy(name, size, strncmp(base, "lib", 3) == 0 ? base + 3 : base);
    char *end = strstr(name, ".so");
    if (end != NULL && end != name) {
        *end = '\0';
    }
}

static void
identify(void) {
    Dl_info info;
    allocator_copy(process.name, sizeof(process.name), "unknown");
    if (dladdr(address_of_malloc(), &info) != 0) {
        if (realpath(info.dli_fname, process.path) == NULL) {
            allocator_copy(process.path, sizeof(process.path), info.dli_fname);
        }
        name_of_file(process.path, process.name, sizeof(process.name));
        for (size_t i = 0; i < ALLOCATOR_KNOWN; i++) {
            void *symbol = marker_in(&allocator_known[i], info.dli_fbase);
            if (symbol != NULL) {
                allocator_copy(process.name, sizeof(process.name), allocator_known[i].name);
                allocator_known[i].ask(symbol, process.version, sizeof(process.version));
                break;
            }
        }
    }
    snprintf(title, sizeof(title), "%s%s%s", process.name, process.version[0] == '\0' ? "" : " ", process.version);
}

const allocator_t *
allocator_of_process(void) {
    pthread_once(&once, identify);
    return &process;
}

const char *
allocator_title_of_process(void) {
    pthread_once(&once, identify);
    return title;
}
