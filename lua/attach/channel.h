/*
 * channel.h -- a connection to the agent of a process: one request at a time, each with a limit of time.
 *
 * Use it from target_agent.c, which makes the operations of it. The connection is made again when the agent has closed
 * it, as it does after a while without requests; a request that may have been carried out is never sent twice.
 *
 * Trust. The path is what the process says, and whoever may write to its directory could have replaced the socket. So
 * the directory and the socket must belong to the process's user or to root, be closed to all others, and be no links;
 * the path is followed as the process sees it (/proc/PID/root), so a container's socket is found, too; and the kernel
 * must say that the server is this very process.
 */
#ifndef LUNALLOC_LUA_ATTACH_CHANNEL_H
#define LUNALLOC_LUA_ATTACH_CHANNEL_H

#include "attach/process.h"
#include "control/target.h"
#include "control/wire.h"

typedef struct channel channel_t;

/*
 * Connects to the agent at `path` and exchanges HELLO. `timeout_ms`: for each request. 0, or an errno value and a line
 * in memory_of(process)->message: EPERM if the socket is not safe, EPROTO if it speaks another version, ETIMEDOUT
 * if the agent does not answer, ESRCH, ENOMEM. The channel uses the process, which is the caller's.
 */
int channel_open(process_t *process, const char *path, int timeout_ms, channel_t **out);

/*
 * Sends a request and receives its reply, whose pointers are valid until the next request. `patience`: how many times
 * the usual limit the answer may take. 0, or an errno value and a line in `message`: the agent's own, or those above.
 */
int channel_request(channel_t *channel, const wire_message_t *request, wire_message_t *reply, int patience,
                    char *message, size_t size);

/* The same with a descriptor for the agent, -1 for none; the caller's stays open. */
int channel_send(channel_t *channel, const wire_message_t *request, int descriptor, wire_message_t *reply,
                 char *message, size_t size);

/* Closes the connection and frees the channel. */
void channel_close(channel_t *channel);

#endif
