/* process.c -- see process.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* process_vm_readv, O_PATH */
#endif
#include "attach/process.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "attach/maps.h"

enum {
    PARTS = 512, /* of one system call; the kernel takes 1024 */
    STATUS_SIZE = 8192
};

struct process {
    memory_t memory; /* first */
    pid_t pid;
    int directory; /* /proc/PID, O_PATH */
    int mem;       /* /proc/PID/mem; -1: the kernel forbids it, `mem_error` */
    int mem_error;
    bool readv_refused; /* process_vm_readv is not allowed: a filter on this process, or an old kernel */
    maps_t maps;
    char title[64];
};

/* ---- /proc ---- */

/* Reads a file of /proc/PID, terminated. Bytes, or -1. */
static ssize_t
read_file(const process_t *process, const char *name, char *buf, size_t size) {
    int fd = openat(process->directory, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    ssize_t n = read(fd, buf, size - 1);
    buf[n > 0 ? n : 0] = '\0';
    close(fd);
    return n;
}

static int
fail_gone(process_t *process) {
    return memory_fail(&process->memory, ESRCH, "%s has ended, or runs another program now", process->title);
}

/* "123 (name) S ..." with anything in the name. */
static bool
parse_stat(char *text, process_info_t *info) {
    char *open = strchr(text, '('), *close = strrchr(text, ')');
    if (open == NULL || close == NULL || close < open) {
        return false;
    }
    *close = '\0';
    snprintf(info->name, sizeof(info->name), "%s", open + 1);
    for (char *c = info->name; *c != '\0'; c++) {
        *c = iscntrl((unsigned char)*c) ? '?' : *c;
    }
    unsigned long long start, rss;
    int n =
        sscanf(close + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %*s %llu",
               &info->state, &start, &rss);
    info->start = start;
    info->rss = n == 3 ? rss * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
    return n == 3;
}

/* The text behind "Name:" in /proc/PID/status; "" if there is none. */
static const char *
status_field(const char *status, const char *name) {
    const char *at = strstr(status, name);
    return at == NULL ? "" : at + strlen(name);
}

static void
parse_status(const char *status, process_info_t *info) {
    unsigned effective = 0;
    sscanf(status_field(status, "\nUid:"), "%*u %u", &effective);
    info->uid = effective;
    info->filtered = strtol(status_field(status, "\nSeccomp:"), NULL, 10) == 2;
    info->inner_pid = info->pid;
    char *end;
    const char *at = status_field(status, "\nNSpid:");
    for (long pid = strtol(at, &end, 10); end != at; pid = strtol(at, &end, 10)) {
        info->inner_pid = (pid_t)pid;
        at = end;
    }
}

int
process_info(process_t *process, process_info_t *info) {
    char text[STATUS_SIZE];
    *info = (process_info_t){.pid = process->pid};
    if (read_file(process, "stat", text, sizeof(text)) <= 0 || !parse_stat(text, info)) {
        return fail_gone(process);
    }
    if (read_file(process, "status", text, sizeof(text)) <= 0) {
        return fail_gone(process);
    }
    parse_status(text, info);
    return 0;
}

/* ---- who may ---- */

static void
user_name(uid_t uid, char *name, size_t size) {
    char buf[1024];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(uid, &entry, buf, sizeof(buf), &found) == 0 && found != NULL) {
        snprintf(name, size, "%s", found->pw_name);
    } else {
        snprintf(name, size, "uid %u", (unsigned)uid);
    }
}

/* The value of Yama's setting; -1 if the system has none. */
static int
yama_scope(void) {
    FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
    int scope = -1;
    if (file != NULL) {
        scope = fscanf(file, "%d", &scope) == 1 ? scope : -1;
        fclose(file);
    }
    return scope;
}

/* Says why the kernel refuses, and what to do. */
static int
fail_forbidden(process_t *process) {
    static const char ways[] = "or start it with LUNALLOC_CONF=agent:true, or `lunalloc run`";
    process_info_t info;
    char owner[64];
    if (process_info(process, &info) != 0) {
        return ESRCH;
    }
    user_name(info.uid, owner, sizeof(owner));
    if (geteuid() != 0 && info.uid != geteuid()) {
        return memory_fail(&process->memory, EPERM, "%s belongs to %s: attach as that user, or with sudo",
                           process->title, owner);
    }
    int scope = yama_scope();
    if (scope > 0) {
        return memory_fail(&process->memory, EPERM,
                           "the kernel does not let you see into %s: kernel.yama.ptrace_scope is "
                           "%d; attach with sudo, %s",
                           process->title, scope, ways);
    }
    return memory_fail(&process->memory, EPERM,
                       "the kernel does not let you see into %s: it has more rights than you, or "
                       "protects its memory; attach with sudo, %s",
                       process->title, ways);
}

/* ---- memory ---- */

/* Its address space is gone when reading from it gives nothing; address 1 is never mapped, which is an error. */
int
process_check(process_t *process) {
    char byte;
    if (process->mem < 0) {
        return faccessat(process->directory, "stat", F_OK, 0) == 0 ? 0 : fail_gone(process);
    }
    return pread(process->mem, &byte, 1, 1) != 0 ? 0 : fail_gone(process);
}

static int
fail_unmapped(process_t *process, uint64_t addr) {
    int error = process_check(process);
    return error != 0 ? error
                      : memory_fail(&process->memory, EFAULT, "0x%llx is not mapped in %s", (unsigned long long)addr,
                                    process->title);
}

/* Reads through /proc/PID/mem. */
static int
read_file_of_memory(process_t *process, uint64_t addr, void *to, size_t size) {
    while (size > 0) {
        ssize_t n = pread(process->mem, to, size, (off_t)addr);
        if (n <= 0) {
            return n == 0 ? fail_gone(process) : fail_unmapped(process, addr);
        }
        to = (char *)to + n;
        addr += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

static bool
is_refused(int error) {
    return error == EPERM || error == ENOSYS || error == EACCES;
}

/* Reads n parts in one call, 0 < n <= PARTS. How many were read whole, from the first on; the next one is not
 * mapped. */
static size_t
read_some(process_t *process, memory_part_t *parts, size_t n) {
    struct iovec local[PARTS], remote[PARTS];
    size_t done = 0, i = 0;
    do {
        local[i] = (struct iovec){parts[i].to, parts[i].size};
        remote[i] = (struct iovec){(void *)(uintptr_t)parts[i].addr, parts[i].size};
    } while (++i < n);
    ssize_t bytes = process_vm_readv(process->pid, local, n, remote, n, 0);
    process->readv_refused = bytes < 0 && is_refused(errno);
    while (bytes >= 0 && done < n && (size_t)bytes >= parts[done].size) {
        bytes -= (ssize_t)parts[done].size;
        parts[done++].error = 0;
    }
    return done;
}

/* Where process_vm_readv is refused, or a part begins in a hole: one part alone. */
static int
read_one(process_t *process, memory_part_t *part) {
    part->error = read_file_of_memory(process, part->addr, part->to, part->size);
    return part->error == EFAULT ? 0 : part->error;
}

static int
process_read_parts(memory_t *memory, memory_part_t *parts, size_t n) {
    process_t *process = (process_t *)memory;
    if (process->mem < 0) {
        return fail_forbidden(process);
    }
    for (size_t i = 0; i < n;) {
        size_t some = n - i < PARTS ? n - i : PARTS;
        size_t done = process->readv_refused ? 0 : read_some(process, &parts[i], some);
        i += done;
        if (done < some) {
            int error = read_one(process, &parts[i++]);
            if (error != 0) {
                return error;
            }
        }
    }
    return process_check(process);
}

static int
process_read(memory_t *memory, uint64_t addr, void *to, size_t size) {
    memory_part_t part = {.addr = addr, .to = to, .size = size};
    int error = process_read_parts(memory, &part, 1);
    return error != 0 ? error : part.error;
}

static int
process_write(memory_t *memory, uint64_t addr, const void *from, size_t size) {
    process_t *process = (process_t *)memory;
    if (process->mem < 0) {
        return fail_forbidden(process);
    }
    ssize_t n = pwrite(process->mem, from, size, (off_t)addr);
    if (n == (ssize_t)size) {
        return 0;
    }
    return n == 0                                ? fail_gone(process)
           : is_refused(errno) || errno == EBADF ? fail_forbidden(process)
                                                 : fail_unmapped(process, addr);
}

static int
process_maps(memory_t *memory, const memory_map_t **maps, size_t *n) {
    process_t *process = (process_t *)memory;
    int fd = openat(process->directory, "maps", O_RDONLY | O_CLOEXEC);
    int error = fd < 0 ? errno : maps_read(&process->maps, fd);
    if (fd >= 0) {
        close(fd);
    }
    *maps = process->maps.all;
    *n = process->maps.n;
    if (error == 0) {
        return process_check(process);
    }
    return is_refused(error) ? fail_forbidden(process)
           : error == ENOMEM ? memory_fail(memory, ENOMEM, "no memory for the mappings of %s", process->title)
                             : fail_gone(process);
}

/* ---- open and close ---- */

static void
process_close_memory(memory_t *memory) {
    process_t *process = (process_t *)memory;
    maps_free(&process->maps);
    if (process->mem >= 0) {
        close(process->mem);
    }
    if (process->directory >= 0) {
        close(process->directory);
    }
    free(process);
}

static const memory_ops_t process_ops = {
    .read = process_read,
    .read_parts = process_read_parts,
    .write = process_write,
    .maps = process_maps,
    .close = process_close_memory,
};

void
process_close(process_t *process) {
    process_close_memory(&process->memory);
}

memory_t *
memory_of(process_t *process) {
    return &process->memory;
}

int
process_directory(process_t *process) {
    return process->directory;
}

const char *
process_title(const process_t *process) {
    return process->title;
}

/* Opens the memory, for reading alone where that is all that is allowed. */
static void
open_memory(process_t *process) {
    process->mem = openat(process->directory, "mem", O_RDWR | O_CLOEXEC);
    if (process->mem < 0) {
        process->mem = openat(process->directory, "mem", O_RDONLY | O_CLOEXEC);
    }
}

/* Checks that there is such a process, and opens what is needed of it. */
static int
begin(process_t *process, uint64_t start) {
    process_info_t info;
    char path[32];
    snprintf(process->title, sizeof(process->title), "process %d", (int)process->pid);
    snprintf(path, sizeof(path), "/proc/%d", (int)process->pid);
    process->directory = process->pid > 0 ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    if (process->directory < 0 || process_info(process, &info) != 0) {
        return memory_fail(&process->memory, ESRCH, "there is no process %d", (int)process->pid);
    }
    snprintf(process->title, sizeof(process->title), "process %d (%s)", (int)process->pid, info.name);
    if (start != 0 && start != info.start) {
        return memory_fail(&process->memory, ESRCH, "process %d has ended; its number is another process's now (%s)",
                           (int)process->pid, info.name);
    }
    open_memory(process);
    return 0;
}

int
process_open(pid_t pid, uint64_t start, process_t **out, char *message, size_t size) {
    process_t *process = calloc(1, sizeof(*process));
    if (process == NULL) {
        snprintf(message, size, "no memory");
        return ENOMEM;
    }
    *process = (process_t){.memory.ops = &process_ops, .pid = pid, .directory = -1, .mem = -1};
    int error = begin(process, start);
    if (error != 0) {
        snprintf(message, size, "%s", process->memory.message);
        process_close(process);
        return error;
    }
    *out = process;
    return 0;
}
