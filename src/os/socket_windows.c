/* socket_windows.c -- no sockets: on Windows the allocator is only tested. */
#include "os/socket.h"

#include <errno.h>

int
socket_own_table(void) {
    return -ENOSYS;
}

uint32_t
socket_user(void) {
    return 0;
}

uint32_t
socket_real_user(void) {
    return 0;
}

bool
socket_supported(void) {
    return false;
}

bool
socket_calls_filtered(void) {
    return false;
}

int
socket_open_directory(const char *path, uint32_t user) {
    (void)path;
    (void)user;
    return -ENOSYS;
}

int
socket_make_directory(const char *path) {
    (void)path;
    return -ENOSYS;
}

int
socket_open_directory_in(int directory, const char *name, uint32_t user) {
    (void)directory;
    return socket_open_directory(name, user);
}

int
socket_make_directory_in(int directory, const char *name) {
    (void)directory;
    return socket_make_directory(name);
}

int
socket_listen(int directory, const char *name) {
    (void)directory;
    (void)name;
    return -ENOSYS;
}

bool
socket_is_left(int directory, const char *name, uint64_t seconds) {
    (void)directory;
    (void)name;
    (void)seconds;
    return false;
}

void
socket_each_name(int directory, char *buf, size_t size, void (*visit)(int directory, const char *name)) {
    (void)directory;
    (void)buf;
    (void)size;
    (void)visit;
}

void
socket_remove(int directory, const char *name) {
    (void)directory;
    (void)name;
}

void
socket_remove_path(const char *path) {
    (void)path;
}

void
socket_close(int fd) {
    (void)fd;
}

void
socket_knock(const char *path) {
    (void)path;
}

int
socket_accept(int listening, socket_peer_t *peer) {
    (void)listening;
    *peer = (socket_peer_t){0};
    return -ENOSYS;
}

long
socket_receive(int fd, void *buf, size_t size, int *descriptor) {
    (void)descriptor;
    (void)fd;
    (void)buf;
    (void)size;
    return -ENOSYS;
}

long
socket_send(int fd, const void *buf, size_t size) {
    (void)fd;
    (void)buf;
    (void)size;
    return -ENOSYS;
}

int
socket_wait(socket_wait_t *sockets, size_t n, uint64_t ns) {
    (void)ns;
    for (size_t i = 0; i < n; i++) {
        sockets[i].ready = false;
    }
    return -ENOSYS;
}
