/* replaced.c -- is the process's malloc ours? In a file without a definition of malloc, so that its address is the
 * one the linker chose. */
#include "lunalloc.h"

#include <stdlib.h>

bool
lunalloc_replaced(void) {
    void *(*volatile theirs)(size_t) = malloc;
    void *(*volatile ours)(size_t) = lunalloc_malloc;
    return theirs == ours;
}
