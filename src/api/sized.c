/*
 * sized.c -- the slow path of frees that state a size. Apart from slow.c, whose code lies among that of boot (the
 * Makefile's link order): only C++ and a few programs make such calls.
 */
#include "api/fast.h"
#include "api/init.h"
#include "api/seen.h"
#include "api/slow.h"
#include "base/witness.h"

/* Of a call that states size and alignment, which matter to recordings alone. */
void
slow_free_sized(void *ptr, size_t size, size_t alignment) {
    witness_no_core_lock();
    thread_t *thread = atomic_get(&thread_self->cache.owner);
    uint32_t class = slow_class_of(ptr);
    bool recorded = thread != NULL && seen_is(thread) && thread->record != NULL;
    if (LIKELY(!recorded) || ptr == NULL || (class == 0 && early_has(ptr))) {
        slow_free(ptr);
    } else {
        seen_free_sized(thread, class, ptr, size, alignment);
    }
}
