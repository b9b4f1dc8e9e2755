/* watch.c -- see watch.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "watch.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int
open_proc(uint32_t pid, const char *name) {
    char path[64];
    snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

void
trace_watch_open(trace_watch_t *watch, uint32_t pid) {
    watch->pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    watch->status = open_proc(pid, "status");
}

void
trace_watch_close(trace_watch_t *watch) {
    if (watch->pidfd >= 0) {
        close(watch->pidfd);
    }
    if (watch->status >= 0) {
        close(watch->status);
    }
    *watch = (trace_watch_t){-1, -1};
}

bool
trace_watch_ended(const trace_watch_t *watch) {
    struct pollfd fd = {.fd = watch->pidfd, .events = POLLIN};
    return watch->pidfd >= 0 && poll(&fd, 1, 0) == 1;
}

/* The number of KiB behind the name, in bytes. */
static uint64_t
field(const char *text, const char *name) {
    const char *at = strstr(text, name);
    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10) << 10;
}

trace_memory_t
trace_watch_memory(const trace_watch_t *watch) {
    char text[4096];
    ssize_t n = watch->status < 0 ? -1 : pread(watch->status, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return (trace_memory_t){
        .rss = field(text, "\nVmRSS:"), .anonymous = field(text, "\nRssAnon:"), .highest = field(text, "\nVmHWM:")};
}
