/*
 * realloc.c -- the slow path of realloc. Apart from slow.c, whose code lies among that of boot (the Makefile's link
 * order).
 */
#include "api/alloc_class.h"
#include "api/init.h"
#include "api/seen.h"
#include "api/slow.h"
#include "base/check.h"
#include "base/options.h"
#include "base/witness.h"
#include "thread/resize.h"

/* realloc(ptr, 0), as opt.zero_realloc says. True if the block was freed: the call is complete then. */
static COLD bool
zero_realloc(void *ptr) {
    resize_count_zero_realloc();
    switch (options.zero_realloc) {
    case zero_realloc_alloc:
        return false;
    case zero_realloc_abort:
        misuse("realloc to size 0, with zero_realloc:abort", ptr, "");
    default:
        slow_free(ptr);
        return true;
    }
}

/* Does a block of more than 4 KiB stay in its class? Not asked while each call has to be seen. */
static inline bool
stays(const void *ptr, size_t size) {
    return slow_is_medium(size) && slow_medium_class(size) == slow_class_of(ptr) &&
           relaxed_read(&realloc_fast_max) != 0;
}

void *
slow_realloc(void *ptr, size_t size) {
    witness_no_core_lock();
    if (stays(ptr, size)) {
        return ptr;
    }
    thread_t *thread = slow_self();
    if (UNLIKELY(size == 0)) {
        if (zero_realloc(ptr)) {
            return NULL;
        }
        size = 1;
    }
    if (UNLIKELY(early_has(ptr))) {
        return early_copy(slow_malloc(size), ptr, size);
    }
    if (size > SC_LARGE_MAX) {
        return alloc_fail();
    }
    request_t request = {.szind = sc_index(size), .alignment = 1, .placement = 1, .source = {.cache = &thread->cache}};
    extent_t *e = resize_extent(ptr, "realloc");
    void *to =
        seen_is(thread) ? seen_resize(thread, e, ptr, size, 0, &request) : resize_block(thread, e, ptr, &request);
    return UNLIKELY(to == NULL) ? alloc_fail() : to;
}
