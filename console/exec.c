/* exec.c -- see exec.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif
#include "exec.h"

#include "lunalloc.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static int
fail(lua_State *L, const char *what, int error) {
    lua_pushnil(L);
    lua_pushfstring(L, "cannot run '%s': %s", what, strerror(error));
    return 2;
}

/* ---- which file ------------------------------------------------------------------------------------------------- */

static bool
is_program(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

/* Pushes the path of `name` in the first folder of `folders` that has it; false, and nothing, if there is none. An
 * empty folder is the current one. */
static bool
push_from(lua_State *L, const char *folders, const char *name) {
    for (const char *at = folders;; at++) {
        size_t len = strcspn(at, ":");
        lua_pushlstring(L, at, len);
        const char *path = lua_pushfstring(L, "%s%s%s", lua_tostring(L, -1), len > 0 ? "/" : "./", name);
        lua_remove(L, -2);
        if (is_program(path)) {
            return true;
        }
        lua_pop(L, 1);
        at += len;
        if (*at == '\0') {
            return false;
        }
    }
}

static int
l_find(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    const char *folders = getenv("PATH");
    if (strchr(name, '/') != NULL) {
        if (access(name, X_OK) != 0 || !is_program(name)) {
            return fail(L, name, errno == 0 || access(name, X_OK) == 0 ? EACCES : errno);
        }
        lua_pushvalue(L, 1);
        return 1;
    }
    return push_from(L, folders != NULL ? folders : "/usr/bin:/bin", name) ? 1 : fail(L, name, ENOENT);
}

/* ---- what kind of file ------------------------------------------------------------------------------------------ */

enum {
    HEAD_BYTES = 4096 /* program headers stand at the start of a file, and so does the line of a script */
};

/* Does an ELF file of this machine's word size name a dynamic linker? */
static bool
has_interpreter(const unsigned char *head, size_t len) {
    Elf64_Ehdr elf;
    memcpy(&elf, head, sizeof elf);
    for (size_t i = 0; i < elf.e_phnum; i++) {
        Elf64_Phdr segment;
        size_t at = elf.e_phoff + i * elf.e_phentsize;
        if (at > len || len - at < sizeof segment) {
            return true; /* not known */
        }
        memcpy(&segment, head + at, sizeof segment);
        if (segment.p_type == PT_INTERP) {
            return true;
        }
    }
    return false;
}

/* Pushes the interpreter of a script whose first line begins after "#!". */
static void
push_interpreter(lua_State *L, const unsigned char *head, size_t len) {
    size_t from = 2, to;
    while (from < len && (head[from] == ' ' || head[from] == '\t')) {
        from++;
    }
    to = from;
    while (to < len && strchr(" \t\r\n", head[to]) == NULL) {
        to++;
    }
    lua_pushlstring(L, (const char *)head + from, to - from);
}

/* Does the program run with the rights of another user or group, or with capabilities of its own? */
static bool
gains_rights(int fd) {
    struct stat info;
    bool set_id = fstat(fd, &info) == 0 && (((info.st_mode & S_ISUID) != 0 && info.st_uid != getuid()) ||
                                            ((info.st_mode & S_ISGID) != 0 && info.st_gid != getgid()));
    return set_id || fgetxattr(fd, "security.capability", NULL, 0) > 0;
}

static int
l_describe(lua_State *L) {
    unsigned char head[HEAD_BYTES];
    int fd = open(luaL_checkstring(L, 1), O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, head, sizeof head);
    bool rights = fd >= 0 && gains_rights(fd);
    if (fd >= 0) {
        close(fd);
    }
    if (len >= 2 && memcmp(head, "#!", 2) == 0) {
        lua_pushliteral(L, "script");
        push_interpreter(L, head, (size_t)len);
        return 2;
    }
    bool elf = len >= (ssize_t)sizeof(Elf64_Ehdr) && memcmp(head, ELFMAG, SELFMAG) == 0;
    bool wide = elf && head[EI_CLASS] == ELFCLASS64;
    lua_pushstring(L, rights                               ? "set-uid"
                      : !wide                              ? "unknown"
                      : has_interpreter(head, (size_t)len) ? "dynamic"
                                                           : "static");
    return 1;
}

static int
l_library(lua_State *L) {
    Dl_info info;
    char path[PATH_MAX];
    union {
        bool (*function)(void);
        void *address;
    } known = {.function = lunalloc_replaced};
    if (dladdr(known.address, &info) == 0 || realpath(info.dli_fname, path) == NULL) {
        lua_pushnil(L);
        lua_pushliteral(L, "the allocator's library, liblunalloc.so, cannot be found");
        return 2;
    }
    lua_pushstring(L, path);
    return 1;
}

/* ---- becoming it ------------------------------------------------------------------------------------------------ */

static int
l_setenv(lua_State *L) {
    lua_pushboolean(L, setenv(luaL_checkstring(L, 1), luaL_checkstring(L, 2), 1) == 0);
    return 1;
}

/* The words of the array at 2 as argv, which the table keeps alive. */
static char **
push_words(lua_State *L) {
    luaL_checktype(L, 2, LUA_TTABLE);
    size_t n = lua_rawlen(L, 2);
    char **words = lua_newuserdatauv(L, (n + 1) * sizeof *words, 0);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, 2, (lua_Integer)i + 1);
        luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, 2, "an array of texts expected");
        words[i] = (char *)(uintptr_t)lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    words[n] = NULL;
    return words;
}

static int
l_replace(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    char **words = push_words(L);
    fflush(NULL);
    execv(path, words);
    return fail(L, path, errno);
}

/* ---- beside it -------------------------------------------------------------------------------------------------- */

/* The process that l_spawn() has started and l_wait() has not reaped; 0: none. */
static volatile sig_atomic_t started;

/* Passes the signal on, unless the terminal has sent it to the process, too. */
static void
pass_on(int signal, siginfo_t *info, void *context) {
    (void)context;
    int error = errno;
    bool terminal = info->si_code == SI_KERNEL && (signal == SIGINT || signal == SIGQUIT);
    if (started > 0 && !terminal) {
        kill((pid_t)started, signal);
    }
    errno = error;
}

static void
pass_signals_on(void) {
    static const int signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};
    struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        sigaction(signals[i], &action, NULL);
    }
}

static int
l_spawn(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    char **words = push_words(L);
    pid_t pid;
    fflush(NULL);
    int error = posix_spawn(&pid, path, NULL, NULL, words, environ);
    if (error != 0) {
        return fail(L, path, error);
    }
    started = pid;
    pass_signals_on();
    lua_pushinteger(L, pid);
    return 1;
}

/* Has the process, which ended and is not reaped, waited for processes of its own? True if nobody can tell. */
static bool
had_children(pid_t pid) {
    char path[40], text[512];
    unsigned long long faults;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    size_t n = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    if (file != NULL) {
        fclose(file);
    }
    text[n] = '\0';
    const char *name_end =
        strrchr(text, ')'); /* behind it: the state, and numbers, of which one is their page faults */
    return name_end == NULL || sscanf(name_end, ") %*c %*d %*d %*d %*d %*d %*u %*u %llu", &faults) != 1 || faults != 0;
}

static bool
has_ended(pid_t pid) {
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

/* wait() -> nil: it runs; else status, signal or 0, and the most RSS that it had: bytes, or nil if wait4 tells of
 * another process, too. (It is at least that of this process at the start.) */
static int
l_wait(lua_State *L) {
    int status = 0;
    struct rusage usage = {0};
    if (started == 0 || !has_ended((pid_t)started)) {
        lua_pushnil(L);
        return 1;
    }
    bool children = had_children((pid_t)started);
    wait4((pid_t)started, &status, 0, &usage);
    started = 0;
    lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    lua_pushinteger(L, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    children ? lua_pushnil(L) : lua_pushinteger(L, (lua_Integer)usage.ru_maxrss * 1024);
    return 3;
}

int
exec_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"find", l_find},       {"describe", l_describe}, {"library", l_library}, {"setenv", l_setenv},
        {"replace", l_replace}, {"spawn", l_spawn},       {"wait", l_wait},       {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
