/* shared_windows.c -- there are no memfds, so there is nothing to share. */
#include "os/shared.h"

#include <errno.h>

int
shared_open(const char *path) {
    (void)path;
    return -ENOSYS;
}

void
shared_close(int fd) {
    (void)fd;
}

void *
shared_map(int fd, size_t *size, shared_id_t *id, int *error) {
    (void)fd;
    *id = (shared_id_t){0, 0};
    *size = 0;
    *error = ENOSYS;
    return NULL;
}

bool
shared_is_at(const char *path, const shared_id_t *id) {
    (void)path;
    (void)id;
    return true;
}

bool
shared_hide(void *area, size_t size) {
    (void)area;
    (void)size;
    return false;
}

void
shared_unmap(void *area, size_t size) {
    (void)area;
    (void)size;
}

void *
shared_private(size_t size) {
    (void)size;
    return NULL;
}
