/*
 * pretender.c -- a process that tells other processes that it runs lunalloc, and does not: for tests of what a console
 * trusts.
 *
 *   pretender PATH HOW    tells of an agent at PATH, listens there (unless HOW is "stale" or "other"), and answers:
 *
 *     good            HELLO as an agent does; everything else with records of wrong sizes and counts
 *     newer, older    HELLO with another protocol version;  library  with another library's version
 *     sizes           HELLO with other structures
 *     silent          nothing;  close  nothing, and closes the connection
 *     nonsense        bytes that are no frame;  huge  a frame of 4 GB;  half  half a frame, then closes
 *     slow            a byte a second
 *     child           as good, but another process, a child, listens
 *     stale           nobody listens;  other  another process listens at PATH
 *     magic, version  the structure is overwritten, or of another version
 *
 * It writes "ready" when it listens, and runs until it is killed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/target.h"
#include "control/wire.h"

static uint32_t requests;

target_t lunalloc_target = {
    .magic = TARGET_MAGIC,
    .version = TARGET_VERSION,
    .size = sizeof(target_t),
    .library = LUNALLOC_VERSION,
    .booted = 1,
};

extern target_t target_here __attribute__((alias("lunalloc_target"), visibility("hidden")));
__asm__(".pushsection .note.lunalloc, \"a\", %note\n"
        ".balign 4\n"
        ".long 9, 8, 1\n"
        ".asciz \"lunalloc\"\n"
        ".balign 4\n"
        ".quad target_here - .\n"
        ".popsection\n");

static const char *how;
static char frame[WIRE_HEADER + WIRE_MAX];

static bool
is(const char *what) {
    return strcmp(how, what) == 0;
}

/* ---- answers ---- */

static size_t
hello(uint32_t id) {
    wire_message_t m = {.kind = WIRE_HELLO,
                        .id = id,
                        .number = {WIRE_VERSION, (uint64_t)getpid(), 0, sizeof(lunalloc_stats_t)},
                        .text = {LUNALLOC_VERSION}};
    m.number[0] += is("newer") ? 1 : is("older") ? (uint64_t)-1 : 0;
    m.number[3] -= is("sizes") ? 8 : 0;
    m.text[0] = is("library") ? "99.0.1" : m.text[0];
    return wire_encode(frame, sizeof(frame), wire_reply, &m);
}

/* Replies that a careless console would follow out of its buffers. */
static size_t
wrong(const wire_message_t *request) {
    static const lunalloc_sample_t sample = {.depth = UINT32_MAX, .thread_name = "pretender"};
    static const lunalloc_thread_t thread = {.nclasses = UINT32_MAX};
    static const uint64_t cursor;
    static const char bytes[256];
    wire_message_t m = {.kind = request->kind, .id = request->id, .text = {"x", "y"}};
    m.bytes = (wire_bytes_t){.len = sizeof(bytes), .data = bytes};
    for (int i = 0; i < WIRE_RECORDS; i++) {
        m.records[i] = (wire_records_t){.size = 1, .count = sizeof(bytes), .data = bytes};
    }
    if (request->kind == WIRE_SAMPLES) {
        m.records[1] = (wire_records_t){.size = sizeof(sample), .count = 1, .data = &sample};
        m.records[0] = (wire_records_t){.size = sizeof(cursor), .count = 1, .data = &cursor};
    } else if (request->kind == WIRE_THREADS) {
        m.records[1] = (wire_records_t){.size = sizeof(thread), .count = 1, .data = &thread};
        m.records[0] = (wire_records_t){.size = sizeof(cursor), .count = 1, .data = &cursor};
    } else if (request->kind == WIRE_GET) {
        m.value = (lunalloc_value_t){.type = LUNALLOC_STRING, .v.s = "line\none\033[2J"};
    } else if (request->kind == WIRE_LIMIT) {
        m.number[0] = UINT64_MAX;
    }
    return wire_encode(frame, sizeof(frame), wire_reply, &m);
}

static void
put(int fd, const void *bytes, size_t len) {
    if (send(fd, bytes, len, MSG_NOSIGNAL) < 0) {
        perror("pretender: send");
    }
}

/* Answers one request. False: closes the connection. */
static bool
answer(int fd, const wire_message_t *request) {
    static const char nonsense[64] = "HTTP/1.1 400 Bad Request\r\n";
    static const unsigned char huge[WIRE_HEADER] = {0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 1};
    size_t len = request->kind == WIRE_HELLO ? hello(request->id) : wrong(request);
    if (is("close")) {
        return false;
    } else if (is("nonsense") || is("huge")) {
        put(fd, is("huge") ? (const void *)huge : nonsense, is("huge") ? sizeof(huge) : sizeof(nonsense));
    } else if (is("half")) {
        put(fd, frame, len / 2);
        return false;
    } else if (is("slow")) {
        for (size_t i = 0; i < len; i++) {
            put(fd, frame + i, 1);
            sleep(1);
        }
    } else if (!is("silent")) {
        put(fd, frame, len);
    }
    return true;
}

static void
serve(int fd) {
    static char received[WIRE_HEADER + WIRE_REQUEST_MAX];
    size_t got = 0;
    ssize_t n;
    while ((n = recv(fd, received + got, sizeof(received) - got, 0)) > 0) {
        wire_message_t request;
        got += (size_t)n;
        long whole = wire_frame(received, got, WIRE_REQUEST_MAX);
        if (whole > 0 && (!wire_decode(received, (size_t)whole, wire_request, &request) || !answer(fd, &request))) {
            return;
        }
        got = whole > 0 ? 0 : got;
    }
}

/* ---- main ---- */

static int
listen_at(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 || chmod(path, 0600) != 0 ||
        (!is("stale") && listen(fd, 8) != 0)) {
        perror(path);
        exit(1);
    }
    return fd;
}

static void
tell(const char *path) {
    snprintf(lunalloc_target.socket, sizeof(lunalloc_target.socket), "%s", path);
    lunalloc_target.requests = (uint64_t)(uintptr_t)&requests;
    lunalloc_target.pid = (uint32_t)getpid();
    lunalloc_target.magic[0] = is("magic") ? 'L' : lunalloc_target.magic[0];
    lunalloc_target.version += is("version");
    lunalloc_target.agent = AGENT_LISTENS;
    puts("ready");
    fflush(stdout);
}

int
main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: pretender PATH HOW\n");
        return 2;
    }
    how = argv[2];
    if (is("child") && fork() != 0) {
        sleep(1); /* the child listens by then */
        tell(argv[1]);
        pause();
    }
    int fd = is("other") ? -1 : listen_at(argv[1]);
    if (!is("child")) {
        tell(argv[1]);
    }
    while (is("stale") || is("other")) {
        pause();
    }
    for (;;) {
        int connection = accept(fd, NULL, NULL);
        serve(connection);
        close(connection);
    }
}
