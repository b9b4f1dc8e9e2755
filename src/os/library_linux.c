/* library_linux.c -- dlopen, itself found by its name: every process would look up what this file refers to. */
#include "os/library.h"

#include <dlfcn.h>

/* A program without dynamic linking has none. */
#pragma weak dlsym

const int library_deepbind = RTLD_DEEPBIND;

typedef void *open_t(const char *name, int flags);

/* POSIX promises that an address from dlsym is a function's; ISO C has no conversion. */
void
library_find(void *library, const char *name, void *function) {
    *(void **)function = dlsym == NULL ? NULL : dlsym(library == NULL ? RTLD_DEFAULT : library, name);
}

void *
library_open(const char *name) {
    open_t *open;
    library_find(NULL, "dlopen", &open);
    return open == NULL ? NULL : open(name, RTLD_NOW | RTLD_LOCAL);
}
