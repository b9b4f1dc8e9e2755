/* subprocess.c -- see subprocess.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2, memfd_create, posix_spawn_file_actions_addclosefrom_np */
#endif
#include "subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    ABOVE = 10, /* descriptors for the child are above those that they become */
    IN = 0,
    OUT,
    ERR,
    REPLY,
    ENDS
};

uint64_t
child_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int
fail(char *message, const char *what, int error) {
    snprintf(message, CHILD_MESSAGE, "%s: %s", what, strerror(error));
    return error;
}

static void
close_all(int *fds, int n) {
    for (int i = 0; i < n; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
            fds[i] = -1;
        }
    }
}

/* ---- descriptors ------------------------------------------------------------------------------------------------ */

/* The descriptor moved above those that the child has; -1 with errno. A process may run with 0 to 2 closed. */
static int
lifted(int fd) {
    int above = fcntl(fd, F_DUPFD_CLOEXEC, ABOVE);
    int error = errno;
    close(fd);
    errno = error;
    return above;
}

/* A file with that text, at its start; -1 with errno. */
static int
open_input(const char *text, size_t len) {
    int fd = text != NULL ? memfd_create("input", MFD_CLOEXEC) : open("/dev/null", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && len > 0 && text != NULL) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno != EINTR) {
            int error = errno;
            close(fd);
            errno = error;
            return -1;
        }
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    if (fd >= 0) {
        lseek(fd, 0, SEEK_SET);
    }
    return fd < 0 ? -1 : lifted(fd);
}

/* A pipe: the read end, nonblocking, to *ours, the write end to *theirs. False with errno, and -1 in what is not. */
static bool
open_pipe(int *ours, int *theirs) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return false;
    }
    *theirs = lifted(ends[1]);
    *ours = lifted(ends[0]);
    return *ours >= 0 && *theirs >= 0 && fcntl(*ours, F_SETFL, O_NONBLOCK) == 0;
}

/* Opens all ends; 0 or an errno value, and what failed in *what. Those that are open remain to be closed. */
static int
open_ends(child_t *child, int theirs[ENDS], const char *input, size_t input_len, const char **what) {
    *what = "the input of a child process";
    theirs[IN] = open_input(input, input_len);
    if (theirs[IN] < 0) {
        return errno;
    }
    *what = "a pipe to a child process";
    for (int i = 0; i < CHILD_STREAMS; i++) {
        if (!open_pipe(&child->streams[i], &theirs[OUT + i])) {
            return errno;
        }
    }
    return 0;
}

/* ---- the start -------------------------------------------------------------------------------------------------- */

static int
add_actions(posix_spawn_file_actions_t *actions, const int theirs[ENDS]) {
    int error = 0;
    for (int i = 0; i < ENDS && error == 0; i++) {
        error = posix_spawn_file_actions_adddup2(actions, theirs[i], i);
    }
    return error != 0 ? error : posix_spawn_file_actions_addclosefrom_np(actions, ENDS);
}

static int
set_attributes(posix_spawnattr_t *attributes) {
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    int error = posix_spawnattr_setpgroup(attributes, 0);
    error = error != 0 ? error : posix_spawnattr_setsigdefault(attributes, &all);
    error = error != 0 ? error : posix_spawnattr_setsigmask(attributes, &none);
    return error != 0 ? error
                      : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                                                 POSIX_SPAWN_SETSIGMASK);
}

static int
start(child_t *child, char *const argv[], char *const envp[], const int theirs[ENDS]) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error != 0) {
        return error;
    }
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        error = add_actions(&actions, theirs);
        error = error != 0 ? error : set_attributes(&attributes);
        child->started = child_clock();
        pid_t pid = 0;
        error = error != 0 ? error : posix_spawnp(&pid, argv[0], &actions, &attributes, argv, envp);
        child->pid = error == 0 ? pid : 0;
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

int
child_spawn(child_t *child, char *const argv[], char *const envp[], const char *input, size_t input_len,
            char message[CHILD_MESSAGE]) {
    int theirs[ENDS] = {-1, -1, -1, -1};
    const char *what;
    *child = CHILD_NONE;
    child->owner = getpid();
    int error = open_ends(child, theirs, input, input_len, &what);
    if (error == 0) {
        error = start(child, argv, envp, theirs);
        what = "cannot start a child process";
    }
    close_all(theirs, ENDS);
    if (error != 0) {
        close_all(child->streams, CHILD_STREAMS);
        return fail(message, what, error);
    }
    return 0;
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

/* The process is a zombie, or somebody else has reaped it. While it is a zombie its number is not given to another. */
static void
collect(child_t *child, bool zombie) {
    if (zombie) {
        kill(-child->pid, SIGKILL);
        pid_t reaped;
        while ((reaped = wait4(child->pid, &child->status, 0, &child->usage)) < 0 && errno == EINTR) {
        }
        child->known = reaped == child->pid;
    }
    child->ended = child_clock();
    child->pid = 0;
}

bool
child_reap(child_t *child) {
    siginfo_t info = {0};
    if (child->pid > 0) {
        int result = waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT);
        if (result == 0 && info.si_pid == child->pid) {
            collect(child, true);
        } else if (result != 0 && errno == ECHILD) {
            collect(child, false);
        }
    }
    return child->pid == 0;
}

void
child_end(child_t *child) {
    if (child->pid > 0 && child->owner == getpid()) {
        siginfo_t info;
        int result;
        kill(-child->pid, SIGKILL);
        while ((result = waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOWAIT)) != 0 && errno == EINTR) {
        }
        collect(child, result == 0);
    }
    child->pid = 0;
    close_all(child->streams, CHILD_STREAMS);
}
