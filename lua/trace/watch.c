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
    watch->statm = open_proc(pid, "statm");
}

void
trace_watch_close(trace_watch_t *watch) {
    if (watch->pidfd >= 0) {
        close(watch->pidfd);
    }
    if (watch->statm >= 0) {
        close(watch->statm);
    }
    *watch = (trace_watch_t){-1, -1};
}

bool
trace_watch_ended(const trace_watch_t *watch) {
    struct pollfd fd = {.fd = watch->pidfd, .events = POLLIN};
    return watch->pidfd >= 0 && poll(&fd, 1, 0) == 1;
}

uint64_t
trace_watch_rss(const trace_watch_t *watch, uint64_t *anonymous) {
    char text[128];
    ssize_t n = watch->statm < 0 ? -1 : pread(watch->statm, text, sizeof(text) - 1, 0);
    *anonymous = 0;
    if (n <= 0) {
        return 0;
    }
    text[n] = '\0';
    char *end = strchr(text, ' '); /* size resident shared ... */
    uint64_t resident = end == NULL ? 0 : strtoull(end, &end, 10), shared = end == NULL ? 0 : strtoull(end, NULL, 10);
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    *anonymous = resident > shared ? (resident - shared) * page : 0;
    return resident * page;
}
