/*
 * socket.h -- connects to the socket of another process, and makes sure that it is that process's. channel.c uses it;
 * it says what is trusted.
 */
#ifndef LUNALLOC_LUA_ATTACH_SOCKET_H
#define LUNALLOC_LUA_ATTACH_SOCKET_H

#include "attach/process.h"

/*
 * Where the agent's socket lies, by the rule in control/agent_socket.h: for a process whose memory the kernel does not
 * let one read. False if none is there to which socket_connect connects.
 */
bool socket_guess(process_t *process, char *path, size_t size);

/* Connects to `path`, as the process sees it. *fd does not block. 0, or an errno value and a line in
 * memory_of(process)->message. */
int socket_connect(process_t *process, const char *path, int timeout_ms, int *fd);

#endif
