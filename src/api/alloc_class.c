/* alloc_class.c -- see alloc_class.h. */
#include "api/alloc_class.h"

#include <errno.h>

COLD void *
alloc_fail(void) {
    errno = ENOMEM;
    return NULL;
}
