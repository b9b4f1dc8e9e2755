/*
 * agent_socket.h -- where the agent's socket lies: PID.sock in a directory that only the process's own user can enter.
 *
 *   $XDG_RUNTIME_DIR/lunalloc   if that variable names a directory of the user's, closed to others
 *   /tmp/lunalloc-UID           else
 *
 * PID is the process's number in its own namespace, UID its effective user. The directory is made, mode 0700, unless it
 * exists. It must be no link, belong to the user and be closed to others; whoever prepares another one under the name
 * keeps an agent from listening, and gains nothing. The socket has mode 0600. Sockets that killed processes have left
 * in the directory are removed. If a process of another namespace has the same number and directory, the name is
 * PID-2.sock, and so on up to 9.
 */
#ifndef LUNALLOC_CONTROL_AGENT_SOCKET_H
#define LUNALLOC_CONTROL_AGENT_SOCKET_H

#include "os/socket.h"

typedef struct {
    /* Synchronization: the agent's: these fields. */
    int directory, listening; /* descriptors */
    uint32_t pid;             /* the process that it was made for */
    char name[24];            /* in the directory */
} agent_socket_t;

/* Makes the socket of process `pid` and writes its path, SOCKET_PATH_MAX bytes. scratch: holds the environment, or its
 * beginning, meanwhile. The calling thread has a table of descriptors of its own. 0, or an errno value. */
int agent_socket_open(agent_socket_t *out, uint32_t pid, char *path, char *scratch, size_t size);
/* Closes it; in its own process, removes the name, too. */
void agent_socket_close(agent_socket_t *agent_socket);

#endif
