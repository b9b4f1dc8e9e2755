/*
 * agent.h -- what the tests of the agent share: a directory for its sockets that nobody else uses, children in which an
 * agent runs, and a client. A test's agent and its client are the same process, in a child of the test program.
 */
#ifndef TESTS_CONTROL_AGENT_H
#define TESTS_CONTROL_AGENT_H

#include "../api/support.h"

#include "base/options.h"
#include "control/agent.h"
#include "control/agent_loop.h"
#include "control/target.h"
#include "control/wire.h"
#include "thread/refresh.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- a directory: the agent reads XDG_RUNTIME_DIR from the environment that the program was started with ---- */

#define DIRECTORY_NAME "TEST_AGENT_DIRECTORY"

static inline const char *
socket_directory(void) {
    return getenv(DIRECTORY_NAME);
}

/* Starts the program again with a new directory, unless that has been done. */
static inline void
restart_with_directory(char **argv) {
    char directory[64] = "/tmp/lunalloc-test-XXXXXX";
    if (socket_directory() == NULL && mkdtemp(directory) != NULL) {
        setenv(DIRECTORY_NAME, directory, 1);
        setenv("XDG_RUNTIME_DIR", directory, 1);
        execv("/proc/self/exe", argv);
    }
}

static inline int
remove_directory(int result) {
    char inner[96];
    snprintf(inner, sizeof inner, "%s/lunalloc", socket_directory());
    rmdir(inner);
    return rmdir(socket_directory()) == 0 ? result : 1; /* a socket is left */
}

/* ---- children ---- */

/* Threads of a child may get the numbers of those that the fork left behind, which ThreadSanitizer takes for dead; it
 * also wants descriptors of its own. */
static inline void
need_threads_after_fork(void) {
    if (config_tsan) {
        print_message("skip: ThreadSanitizer does not follow a child that starts threads\n");
        skip();
    }
}

static inline void
assert_well(void (*work)(void *), void *arg) {
    outcome_t out = in_child(work, arg);
    assert_child_well(&out);
}

/* ---- the agent of this process ---- */

static inline agent_state_t
agent_state(void) {
    return (agent_state_t)atomic_get_acquire(&lunalloc_target.agent);
}

static inline bool
state_becomes(agent_state_t wanted) {
    for (int i = 0; i < 10000 && agent_state() != wanted; i++) {
        usleep(1000);
    }
    return agent_state() == wanted;
}

/* As another process asks: the number rises, and a thread notices at its next slow path. */
static inline void
ask_for_agent(void) {
    atomic_add(&config_generation.part.requests, 1);
    thread_refresh(thread_here());
}

static inline void
start_agent(void) {
    lunalloc_free(lunalloc_malloc(1));
    ask_for_agent();
    child_assert(state_becomes(AGENT_LISTENS));
}

static inline void
end_agent(void) {
    agent_set(false);
    child_assert(state_becomes(AGENT_OFF));
    agent_set(false); /* joins the thread */
}

/* ---- a client ---- */

typedef struct {
    int fd;
    uint32_t id;
    char frame[WIRE_HEADER + WIRE_MAX];
    wire_message_t reply; /* points into frame */
} client_t;

static inline int
connect_to(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline bool
send_all(int fd, const void *data, size_t len) {
    size_t done = 0;
    while (done < len) {
        ssize_t n = send(fd, (const char *)data + done, len - done, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        done += (size_t)n;
    }
    return true;
}

/* Receives one frame. Its bytes; 0 if the connection ended. */
static inline size_t
receive_frame(int fd, char *frame) {
    size_t got = 0;
    for (;;) {
        long len = wire_frame(frame, got, WIRE_MAX);
        if (len != 0) {
            return len > 0 ? (size_t)len : 0;
        }
        uint32_t payload = 0;
        memcpy(&payload, frame, got >= WIRE_HEADER ? sizeof payload : 0);
        size_t missing = got < WIRE_HEADER ? WIRE_HEADER - got : WIRE_HEADER + payload - got;
        ssize_t n = recv(fd, frame + got, missing, 0);
        if (n <= 0) {
            return 0;
        }
        got += (size_t)n;
    }
}

/* Is the connection closed by the other side, within ten seconds? What it says before is dropped. */
static inline bool
is_closed(int fd) {
    char rest[4096];
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    while (poll(&wait, 1, 10000) == 1) {
        if (recv(fd, rest, sizeof rest, 0) <= 0) {
            return true;
        }
    }
    return false;
}

/* Receives a reply. 0, the error of an ERROR, or ECONNRESET if the connection ended. */
static inline int
receive_reply(client_t *client) {
    size_t len = receive_frame(client->fd, client->frame);
    if (len == 0 || !wire_decode(client->frame, len, wire_reply, &client->reply)) {
        return ECONNRESET;
    }
    return client->reply.kind == WIRE_ERROR ? (int)client->reply.number[0] : 0;
}

static inline int
request(client_t *client, wire_message_t message) {
    static char frame[WIRE_HEADER + WIRE_MAX];
    message.id = ++client->id;
    size_t len = wire_encode(frame, sizeof frame, wire_request, &message);
    child_assert(len > 0);
    if (!send_all(client->fd, frame, len)) {
        return ECONNRESET;
    }
    int error = receive_reply(client);
    child_assert(error == ECONNRESET || client->reply.id == client->id);
    return error;
}

static inline int
hello(client_t *client, uint64_t version) {
    return request(client, (wire_message_t){.kind = WIRE_HELLO, .number = {version}, .text = {TARGET_MAGIC}});
}

/* Connects and says HELLO; the client is static storage's or the heap's, for its size. */
static inline client_t *
new_client(void) {
    client_t *client = calloc(1, sizeof *client);
    client->fd = connect_to(lunalloc_target.socket);
    child_assert(client->fd >= 0);
    child_assert(hello(client, WIRE_VERSION) == 0);
    return client;
}

static inline void
end_client(client_t *client) {
    close(client->fd);
    free(client);
}

static inline int
get(client_t *client, const char *name) {
    return request(client, (wire_message_t){.kind = WIRE_GET, .text = {name}});
}

static inline int
write_text(client_t *client, const char *name, const char *text) {
    wire_message_t message = {.kind = WIRE_WRITE, .text = {name}};
    if (text != NULL) {
        message.value = (lunalloc_value_t){.type = LUNALLOC_STRING, .v.s = text};
    }
    return request(client, message);
}

#endif
