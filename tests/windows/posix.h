/*
 * posix.h -- the functions of POSIX that tests call and Windows lacks. Every test program for Windows includes it. Some
 * functions do their work by Windows' means. The others (fork, limits on a process) skip the calling test and name what
 * is missing.
 */
#ifndef TESTS_WINDOWS_POSIX_H
#define TESTS_WINDOWS_POSIX_H

#include <stddef.h>
#include <sys/types.h>

/* These work. */
int pipe(int ends[2]);
int setenv(const char *name, const char *value, int overwrite);
int unsetenv(const char *name);
int dprintf(int fd, const char *format, ...) __attribute__((format(gnu_printf, 2, 3)));
pid_t gettid(void);
long sysconf(int name); /* _SC_PAGESIZE only */
/* 0 if a region contains addr (*present is always 0); -1 if none does. */
int mincore(void *addr, size_t length, unsigned char *present);

/* These skip the test. */
int fork(void);
pid_t waitpid(pid_t pid, int *status, int how);
unsigned alarm(unsigned seconds);
struct rlimit {
    size_t rlim_cur, rlim_max;
};
typedef size_t rlim_t;
int setrlimit(int resource, const struct rlimit *limit);

/* There is one monotonic clock; clock_coarse_ns reads it, too. */
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
