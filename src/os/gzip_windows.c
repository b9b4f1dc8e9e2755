/* gzip_windows.c -- no compression: no files are written on Windows. */
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
