/* posix.c -- POSIX functions by the C library and Windows' calls, or a skipped test. */
#include "posix.h"

#include <cmocka.h>

#include <fcntl.h>
#include <io.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#define PIPE_BYTES 65536

int
pipe(int ends[2]) {
    return _pipe(ends, PIPE_BYTES, _O_BINARY | _O_NOINHERIT);
}

int
setenv(const char *name, const char *value, int overwrite) {
    return overwrite == 0 && getenv(name) != NULL ? 0 : _putenv_s(name, value);
}

int
unsetenv(const char *name) {
    return _putenv_s(name, "");
}

int
dprintf(int fd, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return n < 0 ? n : _write(fd, text, (unsigned)n < sizeof text ? (unsigned)n : (unsigned)sizeof text - 1);
}

pid_t
gettid(void) {
    return GetCurrentThreadId();
}

long
sysconf(int name) {
    SYSTEM_INFO info;
    GetSystemInfo(&info);
    return name == _SC_PAGESIZE ? (long)info.dwPageSize : -1;
}

int
mincore(void *addr, size_t length, unsigned char *present) {
    MEMORY_BASIC_INFORMATION info;
    (void)length;
    *present = 0;
    return VirtualQuery(addr, &info, sizeof info) != 0 && info.State != MEM_FREE ? 0 : -1;
}

_Noreturn static void
missing(const char *call) {
    print_message("skip: there is no %s on Windows\n", call);
    skip();
}

int
fork(void) {
    missing("fork");
}

pid_t
waitpid(pid_t pid, int *status, int how) {
    (void)pid;
    (void)status;
    (void)how;
    missing("waitpid");
}

unsigned
alarm(unsigned seconds) {
    (void)seconds;
    missing("alarm");
}

int
setrlimit(int resource, const struct rlimit *limit) {
    (void)resource;
    (void)limit;
    missing("setrlimit");
}
