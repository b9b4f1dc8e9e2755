/*
 * socket.h -- connects to the socket of another process, and makes sure that it is that process's. channel.c uses it;
 * it says what is trusted.
 */
#ifndef LUNALLOC_LUA_ATTACH_SOCKET_H
#define LUNALLOC_LUA_ATTACH_SOCKET_H

#include "attach/process.h"

/* Connects to `path`, as the process sees it. *fd does not block. 0, or an errno value and a line in
 * process_memory(process)->message. */
int socket_connect(process_t *process, const char *path, int timeout_ms, int *fd);

#endif
