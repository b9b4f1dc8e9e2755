/*
 * child.c -- child processes for the Lua layer, lua/lunalloc/child.lua: a userdata around a child_t (subprocess.h), and
 * what the child does on its side.
 *
 *   spawn(argv, changes, input)  argv, an array of texts; changes to the environment { NAME = text, or false }; a text
 *                                or nil -> child | nil, message, code
 *   child:step(seconds)          waits at most that long for something -> over, output, messages, reply: the pieces
 *                                that have arrived, or nil. Over: it has ended and everything is read
 *   child:finish()               -> a table: status or signal (neither if unknown), seconds, user, system, max_rss, ...
 *   child:pid()                  its number, or nil when it has ended
 *   child:terminate()            asks it to end: SIGTERM, to it alone
 *   child:kill()                 ends it with its group; so do __close and __gc
 *   enter(parent)                in the child: ties it to the parent's life -> true if that is its parent
 *   reply(text)                  in the child: writes to the parent -> true | nil, message, code
 *   identity()                   -> the number of this process, the path of its program or nil
 *   clock()                      -> seconds of a clock that only grows
 *   is_file(path)                -> true | nil, message, code: is there a regular file, whose opening does not wait?
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "core.h"
#include "subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CORE_CHILD "lunalloc.child"

enum {
    PIECE = 16384, /* bytes that one read takes at most */
    BLIND_MS = 1   /* how often a child that has closed its streams is asked for */
};

/* ---- words of the command and the environment ------------------------------------------------------------------- */

extern char **environ;

/* Pushes a block with room for n pointers and the NULL behind them. */
static char **
push_words(lua_State *L, size_t n) {
    char **words = lua_newuserdatauv(L, (n + 1) * sizeof *words, 0);
    words[n] = NULL;
    return words;
}

/* Pushes the array of texts at `stack` as words, which the table keeps alive. */
static char **
push_argv(lua_State *L, int stack) {
    size_t n = lua_rawlen(L, stack);
    char **words = push_words(L, n);
    for (size_t i = 0; i < n; i++) {
        lua_rawgeti(L, stack, (lua_Integer)i + 1);
        luaL_argcheck(L, lua_type(L, -1) == LUA_TSTRING, stack, "an array of texts expected");
        words[i] = (char *)(uintptr_t)lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    return words;
}

/* Does the table at `stack` have a key that is the name of the variable "NAME=value"? */
static bool
is_changed(lua_State *L, int stack, const char *variable) {
    lua_pushlstring(L, variable, strcspn(variable, "="));
    bool changed = lua_rawget(L, stack) != LUA_TNIL;
    lua_pop(L, 1);
    return changed;
}

/* Pushes an array of the variables that the table at `stack` sets, as "NAME=value". */
static void
push_settings(lua_State *L, int stack) {
    lua_Integer n = 0;
    lua_newtable(L);
    for (lua_pushnil(L); lua_next(L, stack) != 0; lua_pop(L, 1)) {
        if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TSTRING) {
            lua_pushfstring(L, "%s=%s", lua_tostring(L, -2), lua_tostring(L, -1));
            lua_rawseti(L, -4, ++n);
        }
    }
}

/* Pushes two values: what keeps the texts alive, and the environment with the changes at `stack`. */
static char **
push_environment(lua_State *L, int stack) {
    size_t n = 0, kept = 0;
    push_settings(L, stack);
    size_t set = lua_rawlen(L, -1);
    while (environ != NULL && environ[n] != NULL) {
        n++;
    }
    char **words = push_words(L, n + set);
    for (size_t i = 0; i < n && environ[i] != NULL; i++) {
        if (!is_changed(L, stack, environ[i])) {
            words[kept++] = environ[i];
        }
    }
    for (size_t i = 0; i < set; i++) {
        lua_rawgeti(L, -2, (lua_Integer)i + 1);
        words[kept++] = (char *)(uintptr_t)lua_tostring(L, -1);
        lua_pop(L, 1);
    }
    words[kept] = NULL;
    return words;
}

/* ---- the parent's side ------------------------------------------------------------------------------------------ */

static child_t *
check_child(lua_State *L) {
    return luaL_checkudata(L, 1, CORE_CHILD);
}

/* spawn(argv, changes, input) */
static int
spawn(lua_State *L) {
    char message[CHILD_MESSAGE];
    size_t len = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    const char *input = luaL_optlstring(L, 3, NULL, &len);
    lua_settop(L, 3);
    luaL_argcheck(L, lua_rawlen(L, 1) > 0, 1, "a command expected");
    child_t *child = lua_newuserdatauv(L, sizeof *child, 0);
    *child = CHILD_NONE;
    luaL_setmetatable(L, CORE_CHILD);
    char **argv = push_argv(L, 1);
    char **envp = push_environment(L, 2);
    int error = child_spawn(child, argv, envp, input, len, message);
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    lua_settop(L, 4);
    return 1;
}

/* Waits until a stream has something, or its time is over, or a signal has arrived. */
static void
wait_for_streams(child_t *child, double seconds) {
    struct pollfd polled[CHILD_STREAMS];
    nfds_t n = 0;
    for (int i = 0; i < CHILD_STREAMS; i++) {
        if (child->streams[i] >= 0) {
            polled[n++] = (struct pollfd){.fd = child->streams[i], .events = POLLIN};
        }
    }
    int ms = (int)(seconds * 1000);
    poll(polled, n, n == 0 && ms > BLIND_MS ? BLIND_MS : ms);
}

/* Pushes what the stream has now, or nil; true if it had something. */
static bool
push_piece(lua_State *L, child_t *child, int stream) {
    char piece[PIECE];
    int fd = child->streams[stream];
    ssize_t n = fd < 0 ? -1 : read(fd, piece, sizeof piece);
    if (fd >= 0 && (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))) {
        close(fd);
        child->streams[stream] = -1;
    }
    if (n > 0) {
        lua_pushlstring(L, piece, (size_t)n);
    } else {
        lua_pushnil(L);
    }
    return n > 0;
}

/* child:step(seconds) */
static int
step(lua_State *L) {
    child_t *child = check_child(L);
    double seconds = luaL_checknumber(L, 2);
    luaL_argcheck(L, seconds >= 0 && seconds <= 60, 2, "0 to 60 seconds expected");
    luaL_checkstack(L, CHILD_STREAMS + 1, NULL);
    if (!child_reap(child)) {
        wait_for_streams(child, seconds);
    }
    bool ended = child_reap(child), some = false; /* before the reading: what it wrote is there */
    for (int i = 0; i < CHILD_STREAMS; i++) {
        some = push_piece(L, child, i) || some;
    }
    lua_pushboolean(L, ended && !some);
    lua_insert(L, -1 - CHILD_STREAMS);
    return 1 + CHILD_STREAMS;
}

static void
set_number(lua_State *L, const char *name, double value) {
    lua_pushnumber(L, value);
    core_set_value(L, name);
}

static double
seconds_of(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

/* t.status or t.signal and t.reason, and what the child has used; t is at the top. */
static void
set_usage(lua_State *L, const child_t *child) {
    int status = child->status;
    if (WIFSIGNALED(status)) {
        core_set_integer(L, "signal", WTERMSIG(status));
        core_set_string(L, "reason", strsignal(WTERMSIG(status)));
    } else {
        core_set_integer(L, "status", WEXITSTATUS(status));
    }
    set_number(L, "user", seconds_of(child->usage.ru_utime));
    set_number(L, "system", seconds_of(child->usage.ru_stime));
    core_set_integer(L, "max_rss", child->usage.ru_maxrss * 1024);
    core_set_integer(L, "minor_faults", child->usage.ru_minflt);
    core_set_integer(L, "major_faults", child->usage.ru_majflt);
}

/* child:finish() */
static int
finish(lua_State *L) {
    child_t child = *check_child(L);
    lua_createtable(L, 0, 8);
    set_number(L, "seconds", (double)(child.ended - child.started) / 1e9);
    if (child.known) {
        set_usage(L, &child);
    }
    return 1;
}

/* child:pid() */
static int
pid_of(lua_State *L) {
    const child_t *child = check_child(L);
    if (child->pid > 0) {
        lua_pushinteger(L, child->pid);
    } else {
        lua_pushnil(L);
    }
    return 1;
}

/* child:terminate() */
static int
terminate(lua_State *L) {
    const child_t *child = check_child(L);
    if (child->pid > 0 && child->owner == getpid()) {
        kill(child->pid, SIGTERM);
    }
    return 0;
}

/* child:kill(), __close, __gc */
static int
end(lua_State *L) {
    child_end(check_child(L));
    return 0;
}

/* ---- the child's side ------------------------------------------------------------------------------------------- */

/* enter(parent) */
static int
enter(lua_State *L) {
    lua_Integer parent = luaL_checkinteger(L, 1);
    bool there = fcntl(CHILD_REPLY_FD, F_GETFD) >= 0;
    if (there && parent == (lua_Integer)getppid()) {
        fcntl(CHILD_REPLY_FD, F_SETFD, FD_CLOEXEC);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (parent != (lua_Integer)getppid()) {
            raise(SIGKILL); /* the parent has ended meanwhile */
        }
        unsetenv("LUNALLOC_CHILD"); /* programs that this one starts are no children of that parent */
        lua_pushboolean(L, true);
        return 1;
    }
    lua_pushboolean(L, false);
    return 1;
}

/* reply(text) */
static int
reply(lua_State *L) {
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);
    while (len > 0) {
        ssize_t n = write(CHILD_REPLY_FD, text, len);
        if (n < 0 && errno != EINTR) {
            return core_fail_errno(L, errno, "");
        }
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    lua_pushboolean(L, true);
    return 1;
}

/* identity(): the number of this process, and the path of its program or nil */
static int
identity(lua_State *L) {
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path);
    lua_pushinteger(L, getpid());
    if (len > 0 && len < (ssize_t)sizeof path) {
        lua_pushlstring(L, path, (size_t)len);
    } else {
        lua_pushnil(L);
    }
    return 2;
}

/* is_file(path): true, or nil, message, code: not there, a folder, a FIFO (whose opening could wait), ... */
static int
is_file(lua_State *L) {
    const char *path = luaL_checkstring(L, 1);
    struct stat info;
    if (stat(path, &info) != 0) {
        int error = errno;
        return core_fail_errno(L, error, lua_pushfstring(L, "%s: %s", path, strerror(error)));
    } else if (!S_ISREG(info.st_mode)) {
        return core_fail_errno(L, EINVAL, lua_pushfstring(L, "%s: not a regular file", path));
    }
    lua_pushboolean(L, true);
    return 1;
}

/* clock(): seconds that only grow */
static int
monotonic(lua_State *L) {
    lua_pushnumber(L, (double)child_clock() / 1e9);
    return 1;
}

void
core_open_child(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"spawn", spawn},     {"enter", enter},     {"reply", reply}, {"identity", identity},
        {"clock", monotonic}, {"is_file", is_file}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"step", step},           {"finish", finish}, {"pid", pid_of},
                                       {"terminate", terminate}, {"kill", end},      {NULL, NULL}};
    static const luaL_Reg metamethods[] = {{"__close", end}, {"__gc", end}, {NULL, NULL}};
    core_new_type(L, CORE_CHILD, metamethods, methods);
    luaL_newlib(L, functions);
    lua_setfield(L, -2, "child");
}
