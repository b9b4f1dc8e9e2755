/* pages.c -- what all implementations of the page contract share. */
#include "os/pages.h"

#include "base/atomic.h"
#include "os/system.h"

_Atomic(fault_fn_t) fault_slot;

/* Asks the system once, at boot: a preloaded library may answer in the C library's place, and allocate. */
size_t
pages_size(void) {
    static _Atomic size_t known;
    size_t size = atomic_get(&known);
    if (UNLIKELY(size == 0)) {
        size = system_page_size();
        atomic_set(&known, size);
    }
    return size;
}

bool
fault(fault_kind_t kind) {
    fault_fn_t refuses = atomic_get_acquire(&fault_slot);
    return UNLIKELY(refuses != NULL) && refuses(kind);
}
