/*
 * cxx.c -- C++'s operators new and delete, written in C. Their names are the Itanium ABI's: Znw and Zna are new and
 * new[], Zdl and Zda are delete and delete[]; m is a size, St11align_val_t an alignment, RKSt9nothrow_t "nothrow".
 *
 * If there is no memory, new calls the installed new_handler and tries again; if none is installed, it throws
 * std::bad_alloc. Handler and exception belong to the C++ library, which is not linked: in a process without one, the
 * process ends with a message. A handler may throw, and C cannot catch. So if one is installed, new(nothrow) calls the
 * C++ library's own new(nothrow), which catches what our new throws.
 */
#include "api/entry.h"
#include "api/fast.h"
#include "base/check.h"
#include "lunalloc.h"
#include "os/system.h"

#if LUNALLOC_REPLACE
typedef void new_handler_t(void);
typedef void *new_nothrow_t(size_t size, const void *nothrow);
typedef void *new_aligned_nothrow_t(size_t size, size_t alignment, const void *nothrow);

#define IF_LINKED __attribute__((weak, visibility("default")))

/* std::get_new_handler, std::__throw_bad_alloc. */
extern new_handler_t *_ZSt15get_new_handlerv(void) IF_LINKED;
extern _Noreturn void _ZSt17__throw_bad_allocv(void) IF_LINKED;

static new_handler_t *
installed_handler(void) {
    return _ZSt15get_new_handlerv != NULL ? _ZSt15get_new_handlerv() : NULL;
}

static COLD void
throw_bad_alloc(void) {
    if (_ZSt17__throw_bad_allocv == NULL) {
        fatal("out of memory in operator new, and no C++ library is there to throw std::bad_alloc");
    }
    _ZSt17__throw_bad_allocv();
}

/* Calls the handler: if it returns, the allocation is worth another attempt. */
static COLD void
call_handler(void) {
    new_handler_t *handler = installed_handler();
    if (handler != NULL) {
        handler();
    } else {
        throw_bad_alloc();
    }
}

void *
new_slow(size_t size) {
    void *ptr;
    while (UNLIKELY((ptr = slow_malloc(size)) == NULL)) {
        call_handler();
    }
    return ptr;
}

static void *
lunalloc_new(size_t size) {
    void *ptr;
    return LIKELY(fast_malloc(size, &ptr)) ? ptr : new_slow(size);
}

static void *
lunalloc_new_aligned(size_t size, size_t alignment) {
    void *ptr;
    while (UNLIKELY((ptr = slow_aligned(alignment, size)) == NULL)) {
        call_handler();
    }
    return ptr;
}

/* The C++ library's function of this name; NULL if there is none, or if no handler is installed. */
static COLD void *
library_new(const char *name) {
    return installed_handler() != NULL ? system_next_symbol(name) : NULL;
}

void *
new_nothrow_slow(size_t size, const void *nothrow) {
    void *ptr = slow_malloc(size);
    if (UNLIKELY(ptr == NULL)) {
        new_nothrow_t *library = (new_nothrow_t *)library_new("_ZnwmRKSt9nothrow_t");
        ptr = library != NULL ? library(size, nothrow) : NULL;
    }
    return ptr;
}

static void *
lunalloc_new_nothrow(size_t size, const void *nothrow) {
    void *ptr;
    return LIKELY(fast_malloc(size, &ptr)) ? ptr : new_nothrow_slow(size, nothrow);
}

static void *
lunalloc_new_aligned_nothrow(size_t size, size_t alignment, const void *nothrow) {
    void *ptr = slow_aligned(alignment, size);
    if (UNLIKELY(ptr == NULL)) {
        new_aligned_nothrow_t *library = (new_aligned_nothrow_t *)library_new("_ZnwmSt11align_val_tRKSt9nothrow_t");
        ptr = library != NULL ? library(size, alignment, nothrow) : NULL;
    }
    return ptr;
}

static void
lunalloc_delete(void *ptr) {
    free_block(ptr);
}

static void
lunalloc_delete_nothrow(void *ptr, const void *nothrow) {
    (void)nothrow;
    free_block(ptr);
}

static void
lunalloc_delete_sized(void *ptr, size_t size) {
    free_block_sized(ptr, size, 1);
}

static void
lunalloc_delete_aligned(void *ptr, size_t alignment) {
    (void)alignment;
    free_block(ptr);
}

static void
lunalloc_delete_aligned_nothrow(void *ptr, size_t alignment, const void *nothrow) {
    (void)alignment;
    (void)nothrow;
    free_block(ptr);
}

static void
lunalloc_delete_sized_aligned(void *ptr, size_t size, size_t alignment) {
    free_block_sized(ptr, size, alignment);
}

#define REPLACES(name) __attribute__((visibility("default"), alias("lunalloc_" #name)))

void *_Znwm(size_t size) REPLACES(new);
void *_Znam(size_t size) REPLACES(new);
void *_ZnwmRKSt9nothrow_t(size_t size, const void *nothrow) REPLACES(new_nothrow);
void *_ZnamRKSt9nothrow_t(size_t size, const void *nothrow) REPLACES(new_nothrow);
void *_ZnwmSt11align_val_t(size_t size, size_t alignment) REPLACES(new_aligned);
void *_ZnamSt11align_val_t(size_t size, size_t alignment) REPLACES(new_aligned);
void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t align, const void *nothrow) REPLACES(new_aligned_nothrow);
void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t size, size_t align, const void *nothrow) REPLACES(new_aligned_nothrow);

void _ZdlPv(void *ptr) REPLACES(delete);
void _ZdaPv(void *ptr) REPLACES(delete);
void _ZdlPvRKSt9nothrow_t(void *ptr, const void *nothrow) REPLACES(delete_nothrow);
void _ZdaPvRKSt9nothrow_t(void *ptr, const void *nothrow) REPLACES(delete_nothrow);
void _ZdlPvm(void *ptr, size_t size) REPLACES(delete_sized);
void _ZdaPvm(void *ptr, size_t size) REPLACES(delete_sized);
void _ZdlPvSt11align_val_t(void *ptr, size_t alignment) REPLACES(delete_aligned);
void _ZdaPvSt11align_val_t(void *ptr, size_t alignment) REPLACES(delete_aligned);
void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *ptr, size_t align, const void *nothrow) REPLACES(delete_aligned_nothrow);
void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *ptr, size_t align, const void *nothrow) REPLACES(delete_aligned_nothrow);
void _ZdlPvmSt11align_val_t(void *ptr, size_t size, size_t alignment) REPLACES(delete_sized_aligned);
void _ZdaPvmSt11align_val_t(void *ptr, size_t size, size_t alignment) REPLACES(delete_sized_aligned);
#endif
