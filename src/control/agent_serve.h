/*
 * agent_serve.h -- answers one request of a connection: what wire.def lists, by the functions that the process itself
 * uses for the same.
 *
 * What is not answered. Controls of the calling thread (thread.*, tcache.*): that would be the agent. Writes of
 * pointers and of C structures. If opt.agent is read-only, every write, and reading arenas.create, which makes an
 * arena. Each refusal is an ERROR with one line; only what is no request at all ends the connection.
 *
 * Everything runs on the agent's thread. No lock is held between two requests.
 */
#ifndef LUNALLOC_CONTROL_AGENT_SERVE_H
#define LUNALLOC_CONTROL_AGENT_SERVE_H

#include "control/wire.h"
#include "os/socket.h"

/* Bytes of buffers.records. */
#define AGENT_RECORDS (WIRE_HEADER + WIRE_MAX)

/* Shared by all connections: each reply is made here. */
typedef struct {
    /* Synchronization: the agent's: these fields. */
    char *reply;   /* a frame of the largest size */
    char *records; /* what a reply is made of; AGENT_RECORDS */
} agent_buffers_t;

/* What is known of a connection's peer, and kept for it. */
typedef struct {
    /* Synchronization: the agent's: these fields. */
    socket_peer_t peer;
    bool greeted;       /* it has said HELLO */
    int descriptor;     /* that came with a request and is not used yet; 0 */
    uint64_t recording; /* number of the one that it has begun; 0 */
    char *report;       /* the last report, in a mapping of its own, until it has been read to its end; NULL */
    size_t report_len;  /* bytes of text */
    size_t report_size; /* bytes of the mapping */
} agent_client_t;

/* Answers the frame of `len` bytes. Returns the bytes of the reply in buffers->reply, 0 if the frame is no request.
 * *last: the connection ends with this reply. */
size_t agent_serve(agent_client_t *client, const void *frame, size_t len, agent_buffers_t *buffers, bool *last);

/* Makes an ERROR, a line without the name of a control. Returns its bytes. */
size_t agent_refuse(char *reply, uint32_t id, int error, const char *why);

/* Frees the report that is kept for a connection. */
void agent_client_end(agent_client_t *client);
/* Ends its recording; false if none was running. */
bool agent_client_end_recording(agent_client_t *client);
/* Closes the descriptor that came with a request. */
void agent_client_close(agent_client_t *client);

#endif
