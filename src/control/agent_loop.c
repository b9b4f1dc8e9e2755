/*
 * agent_loop.c -- connections. Blocks of metadata hold them: one for each, and one for a reply that the peer has not
 * taken whole. The child of a fork gets a copy of them, which its own agent frees; so each pointer to a block is
 * cleared before the block is freed.
 */
#include "control/agent_loop.h"

#include "control/agent.h"
#include "control/agent_alone.h"
#include "control/agent_serve.h"
#include "control/agent_socket.h"
#include "extent/metadata.h"
#include "observe/history.h"
#include "os/clock.h"

#include <errno.h>
#include <string.h>

#define LG_CONNECTION 13
#define LG_FRAME      16
#define TICK          UINT64_C(1000000000) /* ns */
#define NEVER         UINT64_MAX

typedef struct {
    /* Synchronization: the agent's: these fields. */
    int fd;
    bool last; /* ends once `out` has been taken */
    agent_client_t client;
    uint64_t deadline;    /* ns: closed then; NEVER */
    char *out;            /* the reply that has not been taken whole; NULL */
    uint32_t taken, size; /* bytes of it */
    uint32_t got;         /* bytes in `in` */
    char in[WIRE_HEADER + WIRE_REQUEST_MAX];
} connection_t;

_Static_assert(sizeof(connection_t) <= (size_t)1 << LG_CONNECTION, "a connection fits its block");
_Static_assert(WIRE_HEADER + WIRE_MAX <= (size_t)1 << LG_FRAME, "a frame fits its block");

uint64_t agent_patience_ns = 2000000000;

/* Synchronization: the agent's: these variables. */
static connection_t *connections[AGENT_CONNECTIONS];
static agent_buffers_t buffers; /* kept when the agent ends */
static agent_socket_t agent_socket;
static uint64_t next_tick; /* ns */
static bool deaf;          /* the system has refused a descriptor: no new connections until the next tick */

/* ---- one connection ---- */

static void
forget_out(connection_t *c) {
    char *out = c->out;
    c->out = NULL;
    if (out != NULL) {
        metadata_block_free(out, LG_FRAME);
    }
}

static void
free_connection(size_t i) {
    connection_t *c = connections[i];
    connections[i] = NULL;
    agent_client_end(&c->client);
    agent_client_end_recording(&c->client);
    forget_out(c);
    metadata_block_free(c, LG_CONNECTION);
}

static void
close_connection(size_t i) {
    agent_client_close(&connections[i]->client);
    socket_close(connections[i]->fd);
    free_connection(i);
    agent_set_connections(agent_connections() - 1);
}

/* What of it is not taken at once is kept. False if that is impossible. */
static bool
send_reply(connection_t *c, size_t size) {
    long n = socket_send(c->fd, buffers.reply, size);
    if (n < 0 && n != -EAGAIN && n != -EINTR) {
        return false;
    }
    size_t taken = n > 0 ? (size_t)n : 0;
    if (taken < size) {
        c->out = metadata_block_alloc(LG_FRAME);
        if (c->out == NULL) {
            return false;
        }
        c->taken = 0;
        c->size = (uint32_t)(size - taken);
        memcpy(c->out, buffers.reply + taken, c->size);
        c->deadline = clock_ns() + agent_patience_ns;
    }
    return true;
}

/* Answers the request of `len` bytes at the start of `in`. False: the connection is to be closed. */
static bool
answer(connection_t *c, size_t len) {
    size_t size = agent_serve(&c->client, c->in, len, &buffers, &c->last);
    c->got -= (uint32_t)len;
    memmove(c->in, c->in + len, c->got);
    return size > 0 && send_reply(c, size);
}

/* Answers what has arrived, as long as the peer takes the replies. False: the connection is to be closed. */
static bool
answer_all(connection_t *c) {
    while (c->out == NULL && !c->last) {
        long len = wire_frame(c->in, c->got, WIRE_REQUEST_MAX);
        if (len == 0) {
            break;
        }
        if (len < 0 || !answer(c, (size_t)len)) {
            return false;
        }
        c->deadline = c->out != NULL ? c->deadline : NEVER;
    }
    bool waits = c->out != NULL || c->got > 0 || !c->client.greeted;
    c->deadline = !waits ? NEVER : c->deadline != NEVER ? c->deadline : clock_ns() + agent_patience_ns;
    return c->out != NULL || !c->last;
}

static bool
receive(connection_t *c) {
    int descriptor = 0;
    long n = socket_receive(c->fd, c->in + c->got, sizeof c->in - c->got, &descriptor);
    if (descriptor != 0) {
        agent_client_close(&c->client);
        c->client.descriptor = descriptor;
    }
    if (n == -EAGAIN || n == -EINTR) {
        return true;
    }
    c->got += n > 0 ? (uint32_t)n : 0;
    return n > 0 && answer_all(c);
}

static bool
send_rest(connection_t *c) {
    long n = socket_send(c->fd, c->out + c->taken, c->size - c->taken);
    if (n < 0) {
        return n == -EAGAIN || n == -EINTR;
    }
    c->taken += (uint32_t)n;
    if (c->taken < c->size) {
        return true;
    }
    forget_out(c);
    c->deadline = NEVER;
    return answer_all(c);
}

/* ---- new connections ---- */

static void
refuse(int fd, int error, const char *why) {
    size_t size = agent_refuse(buffers.reply, 0, error, why);
    socket_send(fd, buffers.reply, size);
    socket_close(fd);
}

static bool
add_connection(int fd, socket_peer_t peer) {
    for (size_t i = 0; i < AGENT_CONNECTIONS; i++) {
        if (connections[i] == NULL) {
            connection_t *c = metadata_block_alloc(LG_CONNECTION);
            if (c == NULL) {
                return false;
            }
            *c = (connection_t){.fd = fd, .client = {.peer = peer}, .deadline = clock_ns() + agent_patience_ns};
            connections[i] = c;
            agent_set_connections(agent_connections() + 1);
            return true;
        }
    }
    return false;
}

static void
admit(int fd, socket_peer_t peer) {
    if (peer.user != 0 && peer.user != socket_user()) {
        refuse(fd, EACCES, "the process belongs to another user; allowed: its own user, and root");
    } else if (!add_connection(fd, peer)) {
        refuse(fd, EBUSY, "the process has no place for another connection; allowed: 16 at a time");
    }
}

/* A descriptor that the system refuses leaves the peer waiting, and the socket ready. */
static void
accept_all(void) {
    socket_peer_t peer;
    int fd;
    while ((fd = socket_accept(agent_socket.listening, &peer)) >= 0) {
        admit(fd, peer);
    }
    deaf = fd != -EAGAIN && fd != -EINTR && fd != -ECONNABORTED;
}

/* ---- the loop ---- */

/* Serves those that are ready, and closes those whose time is over. */
static void
serve_ready(const socket_wait_t *waits) {
    uint64_t now = clock_ns();
    for (size_t i = 0; i < AGENT_CONNECTIONS; i++) {
        connection_t *c = connections[i];
        bool stays = true;
        if (c != NULL && waits[i].fd >= 0 && waits[i].ready) {
            stays = c->out != NULL ? send_rest(c) : receive(c);
        }
        if (c != NULL && (!stays || c->deadline <= now)) {
            close_connection(i);
        }
    }
}

static uint64_t
fill_waits(socket_wait_t *waits) {
    uint64_t earliest = next_tick;
    for (size_t i = 0; i < AGENT_CONNECTIONS; i++) {
        const connection_t *c = connections[i];
        waits[i] = (socket_wait_t){.fd = c == NULL ? -1 : c->fd, .write = c != NULL && c->out != NULL};
        earliest = c != NULL && c->deadline < earliest ? c->deadline : earliest;
    }
    waits[AGENT_CONNECTIONS] = (socket_wait_t){.fd = deaf ? -1 : agent_socket.listening};
    return earliest;
}

/* Waits and serves once. 0, or an errno value. */
static int
turn(void) {
    socket_wait_t waits[AGENT_CONNECTIONS + 1];
    uint64_t until = fill_waits(waits);
    uint64_t now = clock_ns();
    int error = socket_wait(waits, AGENT_CONNECTIONS + 1, until > now ? until - now : 0);
    serve_ready(waits);
    if (waits[AGENT_CONNECTIONS].ready) {
        accept_all();
    }
    return -error;
}

/* False: the agent is to end. */
static bool
tick(void) {
    uint64_t now = clock_ns();
    if (now < next_tick) {
        return true;
    }
    next_tick = now + TICK;
    deaf = false;
    history_tick();
    return !agent_is_alone();
}

/* ---- begin and end ---- */

static bool
make_buffers(void) {
    buffers.reply = buffers.reply != NULL ? buffers.reply : metadata_block_alloc(LG_FRAME);
    buffers.records = buffers.records != NULL ? buffers.records : metadata_block_alloc(LG_FRAME);
    return buffers.reply != NULL && buffers.records != NULL;
}

/* What the parent's agent had, if this is the child of a fork. */
static void
free_all(void) {
    for (size_t i = 0; i < AGENT_CONNECTIONS; i++) {
        if (connections[i] != NULL) {
            free_connection(i);
        }
    }
}

static void
close_all(void) {
    for (size_t i = 0; i < AGENT_CONNECTIONS; i++) {
        if (connections[i] != NULL) {
            close_connection(i);
        }
    }
}

int
agent_loop(uint32_t pid, char *path, void (*listening)(void), bool (*is_to_stop)(void)) {
    int error = -socket_own_table();
    if (error != 0) {
        return error;
    }
    free_all();
    error = make_buffers() ? agent_socket_open(&agent_socket, pid, path, buffers.records, AGENT_RECORDS) : ENOMEM;
    if (error != 0) {
        return error;
    }
    next_tick = clock_ns();
    listening();
    while (error == 0 && !is_to_stop() && tick()) {
        error = turn();
    }
    close_all();
    agent_socket_close(&agent_socket);
    return error;
}
