/*
 * subprocess.h -- starts a program as a child process, for lua/child.c, and ends it.
 *
 * The child is the leader of a process group of its own, so that it can be killed with what it has started, and so that
 * Ctrl-C reaches only the parent, which then kills the group. It inherits four descriptors and no other:
 *
 *     0   a file with the input's text, or /dev/null
 *     1, 2   pipes that the parent reads: output, and messages
 *     3   a pipe for the child's reply
 *
 * Signals have their default effects in it, and none is blocked.
 *
 * Not thread-safe: one thread at a time uses a child_t. The environment is read without a lock, as getenv reads it.
 */
#ifndef LUNALLOC_LUA_SUBPROCESS_H
#define LUNALLOC_LUA_SUBPROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

enum {
    CHILD_STREAMS = 3,  /* output, messages, reply */
    CHILD_REPLY_FD = 3, /* where the child writes its reply */
    CHILD_MESSAGE = 160 /* bytes of a failure's message */
};

/*
 * Invariant: pid > 0 while the process is neither reaped nor given up; then, and only then, may it be signalled.
 */
typedef struct {
    pid_t pid;                  /* 0: ended, or never started */
    pid_t owner;                /* the process that started it: a fork of that leaves the child alone */
    int streams[CHILD_STREAMS]; /* read ends, nonblocking; -1: at its end */
    uint64_t started, ended;    /* ns, monotonic clock */
    bool known;                 /* status and usage are; they are not if somebody else has reaped it */
    int status;                 /* as wait4 gives it */
    struct rusage usage;        /* of the child and what it has waited for */
} child_t;

/* A child_t without a process. */
#define CHILD_NONE ((child_t){.streams = {-1, -1, -1}})

/*
 * Starts `argv` (argv[0] is a path, or a name to be found in PATH) with the environment `envp`. `input` has input_len
 * bytes; NULL: /dev/null. 0, or an errno value and one line in `message`; then there is no child and no descriptor.
 */
int child_spawn(child_t *child, char *const argv[], char *const envp[], const char *input, size_t input_len,
                char message[CHILD_MESSAGE]);

/* Has it ended? If so, kills what is left of its group, reaps it, and fills in status and usage. Never waits. */
bool child_reap(child_t *child);

/* Ends it, with its group, and closes the streams. In a fork of the process that started it, only closes. */
void child_end(child_t *child);

/* The monotonic clock in ns. */
uint64_t child_clock(void);

#endif
