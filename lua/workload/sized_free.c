/*
 * sized_free.c -- see sized_free.h.
 */
#include "sized_free.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "loader.h"

/* The functions that were found; constant after identify(). */
static struct {
    void (*free_sized)(void *ptr, size_t size);
    void (*free_aligned_sized)(void *ptr, size_t align, size_t size);
    void (*sdallocx)(void *ptr, size_t size, int flags);
    void (*delete_sized)(void *ptr, size_t size);
    void (*delete_sized_aligned)(void *ptr, size_t size, size_t align);
} found;

static void
by_free_sized(void *ptr, size_t align, size_t size) {
    if (align == 0) {
        found.free_sized(ptr, size);
    } else {
        found.free_aligned_sized(ptr, align, size);
    }
}

/* Its flags are the logarithm of the alignment. */
static void
by_sdallocx(void *ptr, size_t align, size_t size) {
    found.sdallocx(ptr, size, align == 0 ? 0 : __builtin_ctzll(align));
}

static void
by_delete(void *ptr, size_t align, size_t size) {
    if (align == 0) {
        found.delete_sized(ptr, size);
    } else {
        found.delete_sized_aligned(ptr, size, align);
    }
}

static void
by_lunalloc(void *ptr, size_t align, size_t size) {
    const lunalloc_api_t *api = loader_api();
    if (align == 0) {
        api->free_sized(ptr, size);
    } else {
        api->free(ptr);
    }
}

static const sized_free_t forms[] = {
    {"free_sized", by_free_sized}, {"sdallocx", by_sdallocx}, {"operator delete", by_delete}};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const sized_free_t *chosen; /* written under `once` */

static const void *
base_of(const void *address) {
    Dl_info info;
    return address != NULL && dladdr(address, &info) != 0 ? info.dli_fbase : NULL;
}

/* Finds the function in the library of malloc. */
static bool
find(void *function, const char *name) {
    void *(*of_malloc)(size_t) = malloc;
    void *malloc_address, *symbol = dlsym(RTLD_DEFAULT, name);
    memcpy(&malloc_address, &of_malloc, sizeof(malloc_address));
    memcpy(function, &symbol, sizeof(symbol));
    return symbol != NULL && base_of(symbol) == base_of(malloc_address);
}

static void
identify(void) {
    if (find(&found.free_sized, "free_sized") && find(&found.free_aligned_sized, "free_aligned_sized")) {
        chosen = &forms[0];
    } else if (find(&found.sdallocx, "sdallocx")) {
        chosen = &forms[1];
    } else if (find(&found.delete_sized, "_ZdlPvm") && find(&found.delete_sized_aligned, "_ZdlPvmSt11align_val_t")) {
        chosen = &forms[2];
    }
}

const sized_free_t *
sized_free_of_process(void) {
    pthread_once(&once, identify);
    return chosen;
}

const sized_free_t *
sized_free_of_lunalloc(void) {
    static const sized_free_t form = {"free_sized", by_lunalloc};
    return &form;
}
