/*
 * posix.h -- what the tests name of POSIX and Windows does not have; every test sees it. What can be done there, is
 * done. What cannot (a second process that begins as a copy, limits on a process) skips the test that asks for it,
 * naming what is missing.
 */
#ifndef TESTS_WINDOWS_POSIX_H
#define TESTS_WINDOWS_POSIX_H

#include <stddef.h>
#include <sys/types.h>

/* Done. */
int pipe(int ends[2]);
int setenv(const char *name, const char *value, int overwrite);
int unsetenv(const char *name);
int dprintf(int fd, const char *format, ...) __attribute__((format(gnu_printf, 2, 3)));
pid_t gettid(void);
long sysconf(int name); /* _SC_PAGESIZE only */
/* 0 if there is a region at addr, whatever `present` is told; -1 if there is none. */
int mincore(void *addr, size_t length, unsigned char *present);

/* Skips. */
int fork(void);
pid_t waitpid(pid_t pid, int *status, int how);
unsigned alarm(unsigned seconds);
struct rlimit {
    size_t rlim_cur, rlim_max;
};
typedef size_t rlim_t;
int setrlimit(int resource, const struct rlimit *limit);

/* The only monotonic clock; clock_coarse_ns reads it too. */
#define CLOCK_MONOTONIC_COARSE CLOCK_MONOTONIC

#define _SC_PAGESIZE        0
#define RLIMIT_CORE         0
#define RLIMIT_AS           1
#define SIGBUS              7
#define WIFEXITED(status)   (((status)&0x7f) == 0)
#define WEXITSTATUS(status) ((status) >> 8 & 0xff)
#define WIFSIGNALED(status) (((status)&0x7f) != 0)
#define WTERMSIG(status)    ((status)&0x7f)

#endif
