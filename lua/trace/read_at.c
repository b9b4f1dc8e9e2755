/* read_at.c -- reads a part of a trace file. */
#include "reader.h"

#include <errno.h>
#include <unistd.h>

bool
trace_read_at(int fd, void *to, size_t size, uint64_t offset) {
    char *p = to;
    while (size > 0) {
        ssize_t got = pread(fd, p, size, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        } else if (got <= 0) {
            return false;
        }
        p += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return true;
}
