/* channel.c -- see channel.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* POLLRDHUP */
#endif
#include "attach/channel.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "attach/socket.h"

enum {
    END_MS = 100, /* how long a process may take to end, once nobody serves its connections */
    END_STEP_MS = 1
};

struct channel {
    process_t *process;
    char path[TARGET_SOCKET];
    int timeout_ms;
    int fd; /* -1: not connected now */
    uint32_t id;
    char sent[WIRE_HEADER + WIRE_REQUEST_MAX];
    char received[WIRE_HEADER + WIRE_MAX];
};

/* An exchange on its way. The message is the caller's. */
typedef struct {
    channel_t *channel;
    int64_t deadline; /* ms of the monotonic clock */
    char *message;
    size_t size;
    int descriptor; /* goes along with the request's first bytes; -1: none */
} exchange_t;

__attribute__((format(printf, 3, 4))) static int
fail(const exchange_t *e, int error, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(e->message, e->size, format, args);
    va_end(args);
    return error;
}

static int64_t
now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- what went wrong ---- */

static void
disconnect(channel_t *channel) {
    if (channel->fd >= 0) {
        close(channel->fd);
        channel->fd = -1;
    }
}

/* After this the connection is out of step, or gone. */
static int
fail_silent(const exchange_t *e) {
    process_info_t info;
    process_t *process = e->channel->process;
    disconnect(e->channel);
    if (process_info(process, &info) != 0 || process_check(process) != 0) {
        return fail(e, ESRCH, "%s", memory_of(process)->message);
    }
    if (info.state == 'T' || info.state == 't') {
        return fail(e, ETIMEDOUT, "%s is stopped%s: continue it, or read it without its help (way = 'memory')",
                    process_title(process), info.state == 't' ? " by a debugger" : "");
    }
    return fail(e, ETIMEDOUT,
                "the agent of %s does not answer: try again, or read it without its help (way = 'memory')",
                process_title(process));
}

/*
 * Is the process gone, or will it be in a moment? Whoever asks has lost its agent. A process that calls exit() ends its
 * agent first; one that is killed loses its memory before its sockets, but has both when the signal is sent.
 */
static bool
is_ending(process_t *process) {
    for (int waited = 0; waited < END_MS; waited += END_STEP_MS) {
        if (process_check(process) != 0) {
            return true;
        }
        poll(NULL, 0, END_STEP_MS);
    }
    return process_check(process) != 0;
}

static int
fail_closed(const exchange_t *e) {
    process_t *process = e->channel->process;
    disconnect(e->channel);
    if (is_ending(process)) {
        return fail(e, ESRCH, "%s", memory_of(process)->message);
    }
    return fail(e, EPIPE, "the agent of %s closed the connection; it takes only so many at a time",
                process_title(process));
}

static int
fail_nonsense(const exchange_t *e) {
    disconnect(e->channel);
    return fail(e, EPROTO, "the agent of %s answers what this lunalloc (%s) does not understand",
                process_title(e->channel->process), LUNALLOC_VERSION);
}

/* ---- bytes ---- */

/* Waits until the socket is ready. 0 or an errno value. */
static int
wait_for(const exchange_t *e, short events) {
    struct pollfd socket = {.fd = e->channel->fd, .events = events};
    for (;;) {
        int64_t left = e->deadline - now_ms();
        int n = left <= 0 ? 0 : poll(&socket, 1, (int)left);
        if (n != 0 && !(n < 0 && errno == EINTR)) {
            return n > 0 ? 0 : fail(e, errno, "poll: %s", strerror(errno));
        }
        if (n == 0) {
            return fail_silent(e);
        }
    }
}

/* Sends bytes, and with the first of them the descriptor, if there is one. As send(). */
static ssize_t
send_some(const exchange_t *e, const char *bytes, size_t len, bool first) {
    if (!first || e->descriptor < 0) {
        return send(e->channel->fd, bytes, len, MSG_NOSIGNAL);
    }
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {(char *)(uintptr_t)bytes, len};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(rights), &e->descriptor, sizeof(int));
    return sendmsg(e->channel->fd, &header, MSG_NOSIGNAL);
}

/* Sends as much as the peer takes before it closes the connection. */
static int
send_all(const exchange_t *e, const char *bytes, size_t len) {
    const char *start = bytes;
    while (len > 0) {
        ssize_t n = send_some(e, bytes, len, bytes == start);
        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            return 0; /* why it was closed may be there to receive */
        }
        bytes += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
        int error = n < 0 ? wait_for(e, POLLOUT) : 0;
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* Receives one frame. Bytes that follow it are no reply to anything. */
static int
receive_frame(const exchange_t *e, size_t *frame) {
    channel_t *channel = e->channel;
    for (size_t got = 0;;) {
        ssize_t n = recv(channel->fd, channel->received + got, sizeof(channel->received) - got, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
            return fail_closed(e);
        }
        got += n > 0 ? (size_t)n : 0;
        long whole = wire_frame(channel->received, got, WIRE_MAX);
        if (whole != 0) {
            *frame = (size_t)whole;
            return whole == (long)got ? 0 : fail_nonsense(e);
        }
        int error = n < 0 ? wait_for(e, POLLIN) : 0;
        if (error != 0) {
            return error;
        }
    }
}

/* ---- requests ---- */

/* A refusal of the whole connection answers no request: its number is 0. */
static bool
is_answer(const wire_message_t *reply, const wire_message_t *request) {
    return reply->kind == WIRE_ERROR ? reply->id == request->id || reply->id == 0
                                     : reply->kind == request->kind && reply->id == request->id;
}

static int
exchange(const exchange_t *e, const wire_message_t *request, wire_message_t *reply) {
    channel_t *channel = e->channel;
    wire_message_t numbered = *request;
    size_t frame = 0;
    numbered.id = ++channel->id;
    size_t len = wire_encode(channel->sent, sizeof(channel->sent), wire_request, &numbered);
    if (len == 0) {
        return fail(e, EINVAL, "the request is too long: at most %u bytes", WIRE_REQUEST_MAX);
    }
    int error = send_all(e, channel->sent, len);
    if (error == 0) {
        error = receive_frame(e, &frame);
    }
    if (error != 0) {
        return error;
    }
    if (!wire_decode(channel->received, frame, wire_reply, reply) || !is_answer(reply, &numbered)) {
        return fail_nonsense(e);
    }
    if (reply->kind == WIRE_ERROR) {
        int code = (int)(reply->number[0] & 0xfff);
        return fail(e, code != 0 ? code : EPROTO, "%s", reply->text[0]);
    }
    return 0;
}

/* Introduces this console, and checks that both sides speak of the same things. */
static int
say_hello(const exchange_t *e) {
    channel_t *channel = e->channel;
    wire_message_t hello = {.kind = WIRE_HELLO, .number = {WIRE_VERSION}, .text = {TARGET_MAGIC}};
    wire_message_t reply;
    int error = exchange(e, &hello, &reply);
    if (error != 0) {
        return error;
    }
    if (reply.number[0] == WIRE_VERSION && reply.number[3] != sizeof(lunalloc_stats_t)) {
        return fail(e, EPROTO, "%s runs another build of lunalloc: use its own console",
                    process_title(channel->process));
    }
    if (reply.number[0] != WIRE_VERSION || strcmp(reply.text[0], LUNALLOC_VERSION) != 0) {
        return fail(
            e, EPROTO, "%s runs lunalloc %.31s (protocol %u), and this is %s (protocol %u): use its own console",
            process_title(channel->process), reply.text[0], (unsigned)reply.number[0], LUNALLOC_VERSION, WIRE_VERSION);
    }
    return 0;
}

static int
connect_again(const exchange_t *e) {
    channel_t *channel = e->channel;
    int error = socket_connect(channel->process, channel->path, channel->timeout_ms, &channel->fd);
    if (error != 0) {
        channel->fd = -1;
        return fail(e, error, "%s", memory_of(channel->process)->message);
    }
    error = say_hello(e);
    if (error != 0) {
        disconnect(channel);
    }
    return error;
}

/* The agent has closed the connection, or there are bytes that nobody asked for. */
static bool
is_stale(const channel_t *channel) {
    struct pollfd socket = {.fd = channel->fd, .events = POLLIN | POLLRDHUP};
    return channel->fd < 0 || poll(&socket, 1, 0) != 0;
}

/* A greeting, where the connection has to be made again, goes without the descriptor. */
static int
request_over(const exchange_t *e, const wire_message_t *request, wire_message_t *reply) {
    channel_t *channel = e->channel;
    if (process_check(channel->process) != 0) {
        disconnect(channel);
        return fail(e, ESRCH, "%s", memory_of(channel->process)->message);
    }
    if (is_stale(channel)) {
        exchange_t plain = *e;
        plain.descriptor = -1;
        disconnect(channel);
        int error = connect_again(&plain);
        bool nobody = error == ECONNREFUSED || error == ENOENT;
        if (nobody && is_ending(channel->process)) {
            return fail(e, ESRCH, "%s", memory_of(channel->process)->message);
        }
        if (error != 0) {
            return error;
        }
    }
    return exchange(e, request, reply);
}

int
channel_request(channel_t *channel, const wire_message_t *request, wire_message_t *reply, int patience, char *message,
                size_t size) {
    int64_t deadline = now_ms() + (int64_t)channel->timeout_ms * patience;
    return request_over(&(exchange_t){channel, deadline, message, size, -1}, request, reply);
}

int
channel_send(channel_t *channel, const wire_message_t *request, int descriptor, wire_message_t *reply, char *message,
             size_t size) {
    int64_t deadline = now_ms() + channel->timeout_ms;
    return request_over(&(exchange_t){channel, deadline, message, size, descriptor}, request, reply);
}

/* ---- open and close ---- */

int
channel_open(process_t *process, const char *path, int timeout_ms, channel_t **out) {
    memory_t *memory = memory_of(process);
    channel_t *channel = calloc(1, sizeof(*channel));
    if (channel == NULL) {
        return memory_fail(memory, ENOMEM, "no memory for a connection");
    }
    *channel = (channel_t){.process = process, .timeout_ms = timeout_ms, .fd = -1};
    snprintf(channel->path, sizeof(channel->path), "%s", path);
    char message[MEMORY_MESSAGE] = "";
    int error = connect_again(&(exchange_t){channel, now_ms() + timeout_ms, message, sizeof(message), -1});
    if (error != 0) {
        channel_close(channel);
        return memory_fail(memory, error, "%s", message);
    }
    *out = channel;
    return 0;
}

void
channel_close(channel_t *channel) {
    disconnect(channel);
    free(channel);
}
