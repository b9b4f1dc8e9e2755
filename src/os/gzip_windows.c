/* gzip_windows.c -- no compression there: no files are written. */
#include "os/gzip.h"

#include <errno.h>

bool
gzip_load(void) {
    return false;
}

int
gzip_begin(gzip_t *gzip) {
    (void)gzip;
    return ENOSYS;
}
