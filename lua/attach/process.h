/*
 * process.h -- a live process that is not this one: its memory, and what /proc says of it.
 *
 * Open it with a pid, and read with the functions of memory.h. From then on the object stands for that one process:
 * once it has exited, or runs another program (execve), every function fails with ESRCH, also if its number was given
 * to another process. Nothing runs in it, and it is not stopped.
 *
 * How. Files are opened below a descriptor of /proc/PID, which the kernel never lets refer to another process.
 * Memory is read with process_vm_readv, which takes a number; /proc/PID/mem is held open besides, which belongs to one
 * address space, and after each read it must still be there. Where process_vm_readv is refused, it serves to read, too.
 * Writing is through /proc/PID/mem, so a write never reaches another program.
 *
 * Not thread-safe. Messages and errors as in memory.h.
 */
#ifndef LUNALLOC_LUA_ATTACH_PROCESS_H
#define LUNALLOC_LUA_ATTACH_PROCESS_H

#include <sys/types.h>

#include "attach/memory.h"

enum {
    PROCESS_NAME = 32 /* bytes of a name, terminator included */
};

typedef struct {
    pid_t pid;
    char name[PROCESS_NAME]; /* the kernel's, 15 bytes at most; control characters replaced */
    char state;              /* as ps shows it: 'R', 'S', 'T' (stopped by a signal), 't' (by a debugger), 'Z' ... */
    uid_t uid;               /* effective, as seen from here */
    uint64_t start;          /* clock ticks since the system's start: with the pid, it names the process */
    uint64_t rss;            /* bytes */
    bool filtered;           /* it has a seccomp filter */
    pid_t inner_pid;         /* its pid in its own namespace */
} process_info_t;

typedef struct process process_t;

/*
 * Opens a process. 0, or an errno value and one line: ESRCH. A process whose memory may not be read can be opened, too:
 * reading fails with EPERM then. `start`: as in process_info_t; another one is ESRCH; 0: any.
 */
int process_open(pid_t pid, uint64_t start, process_t **out, char *message, size_t size);

/* What it is now. ESRCH. */
int process_info(process_t *process, process_info_t *info);

/* 0, or ESRCH if it has exited or runs another program. */
int process_check(process_t *process);

/* Its memory; it belongs to the process. */
memory_t *memory_of(process_t *process);

/* A descriptor of /proc/PID, to open files below it. It belongs to the process. */
int process_directory(process_t *process);

/* "process 123 (redis-server)"; valid as long as the process. */
const char *process_title(const process_t *process);

void process_close(process_t *process);

#endif
