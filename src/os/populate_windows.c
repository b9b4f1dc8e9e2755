/* populate_windows.c -- Windows has PrefetchVirtualMemory, which does not make pages resident that were never used. */
#include "os/populate.h"

bool
pages_populate(void *addr, size_t size, bool huge) {
    (void)addr;
    (void)size;
    (void)huge;
    return false;
}

bool
pages_collapse(void *addr, size_t size) {
    (void)addr;
    (void)size;
    return false;
}
