/*
 * process_tree.c -- what a tuner needs of the system while a command runs: how much memory and processor time the
 * processes have that it started, and a lock by which two tuners notice each other.
 *
 *   tree(pid, name)  of the process and all below it: resident bytes, the largest peak of one process (bytes),
 *                    processor seconds, the number of processes. `name`: only of the processes of that name, or nil
 *   cpu(pid)         processor seconds of one process, nil if it is not there
 *   lock(name)       a lock of the machine, held until it is closed or the process ends -> lock | nil, message, code
 *                    (EBUSY: another process, or another call here, holds it)
 *
 * A process that has left its parent (a daemon) is no longer below it. A kernel without /proc/PID/task/TID/children
 * (CONFIG_PROC_CHILDREN) shows the first process only.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "core.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define CORE_LOCK "lunalloc.lock"

enum {
    MOST_PROCESSES = 1024, /* that are looked at */
    NAME_MAX_LEN = 15,     /* bytes of a process's name that the kernel keeps */
    FILE_MAX = 4096        /* bytes of a file in /proc that are read */
};

/* Totals, and the processes that are still to be visited. */
typedef struct {
    const char *name;        /* NULL: all count */
    uint64_t rss, peak, cpu; /* bytes, bytes, ns */
    unsigned counted;
    unsigned n, next; /* pids[next .. n - 1] are to be visited */
    int pids[MOST_PROCESSES];
} tree_t;

/* ---- files of /proc --------------------------------------------------------------------------------------------- */

/* Reads the start of a file into `text`, as a string; false if it is not there, as the process may have ended. */
static bool
read_file(const char *path, char text[FILE_MAX]) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t n = read(fd, text, FILE_MAX - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static bool
has_name(const tree_t *tree, const char *name, size_t len) {
    size_t wanted = tree->name != NULL ? strnlen(tree->name, NAME_MAX_LEN) : 0;
    return tree->name == NULL || (wanted == len && memcmp(tree->name, name, len) == 0);
}

/* The processor time (ns) of a process, of all threads that it has or had; 0 if it is not there. The clock counts ns;
 * utime and stime in /proc/PID/stat are whole ticks of 10 ms: too coarse for a server that works for 0.1 s. */
static uint64_t
cpu_of(int pid) {
    clockid_t clock;
    struct timespec time;
    bool known = clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &time) == 0;
    return known ? (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec : 0;
}

/* Adds resident pages of /proc/PID/stat: "pid (name) state ppid ..."; false if the process does not count. */
static bool
add_stat(tree_t *tree, int pid) {
    char path[64], text[FILE_MAX];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    const char *open_at = read_file(path, text) ? strchr(text, '(') : NULL;
    const char *close_at = open_at != NULL ? strrchr(text, ')') : NULL;
    if (close_at == NULL || !has_name(tree, open_at + 1, (size_t)(close_at - open_at - 1))) {
        return false;
    }
    long pages = 0;
    int n = sscanf(close_at + 1,
                   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %*u %*u %ld", &pages);
    if (n != 1) {
        return false;
    }
    tree->rss += (uint64_t)(pages > 0 ? pages : 0) * (uint64_t)sysconf(_SC_PAGESIZE);
    tree->counted += pages > 0; /* a zombie has none */
    return true;
}

/* The peak since the process runs its present program, which getrusage does not tell. */
static void
add_peak(tree_t *tree, int pid) {
    char path[64], text[FILE_MAX];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    const char *line = read_file(path, text) ? strstr(text, "\nVmHWM:") : NULL;
    uint64_t peak = line != NULL ? strtoull(line + strlen("\nVmHWM:"), NULL, 10) * 1024 : 0;
    tree->peak = peak > tree->peak ? peak : tree->peak;
}

/* Adds the children that one thread has started. */
static void
add_children(tree_t *tree, int pid, const char *tid) {
    char path[300], text[FILE_MAX];
    snprintf(path, sizeof path, "/proc/%d/task/%s/children", pid, tid);
    if (!read_file(path, text)) {
        return;
    }
    char *at = text, *end;
    for (long child = strtol(at, &end, 10); end != at && tree->n < MOST_PROCESSES; child = strtol(at, &end, 10)) {
        tree->pids[tree->n++] = (int)child;
        at = end;
    }
}

static void
add_all_children(tree_t *tree, int pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return;
    }
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] != '.') {
            add_children(tree, pid, entry->d_name);
        }
    }
    closedir(folder);
}

static int
check_pid(lua_State *L) {
    lua_Integer pid = luaL_checkinteger(L, 1);
    luaL_argcheck(L, pid > 0 && pid <= INT32_MAX, 1, "a pid expected");
    return (int)pid;
}

/* cpu(pid) */
static int
measure_cpu(lua_State *L) {
    uint64_t cpu = cpu_of(check_pid(L));
    if (cpu == 0) {
        lua_pushnil(L);
    } else {
        lua_pushnumber(L, (double)cpu / 1e9);
    }
    return 1;
}

/* tree(pid, name) */
static int
measure_tree(lua_State *L) {
    int pid = check_pid(L);
    tree_t tree = {.name = luaL_optstring(L, 2, NULL), .pids = {pid}, .n = 1};
    for (; tree.next < tree.n; tree.next++) {
        if (add_stat(&tree, tree.pids[tree.next])) {
            add_peak(&tree, tree.pids[tree.next]);
            tree.cpu += cpu_of(tree.pids[tree.next]);
        }
        add_all_children(&tree, tree.pids[tree.next]);
    }
    core_push_unsigned(L, tree.rss);
    core_push_unsigned(L, tree.peak);
    lua_pushnumber(L, (double)tree.cpu / 1e9);
    lua_pushinteger(L, tree.counted);
    return 4;
}

/* ---- a lock of the machine -------------------------------------------------------------------------------------- */

/* lock:close(), __close, __gc */
static int
unlock(lua_State *L) {
    int *fd = luaL_checkudata(L, 1, CORE_LOCK);
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return 0;
}

/* A Unix socket with a name in the kernel only: nobody has to remove it, whatever ends the process. -1 with errno. */
static int
bind_name(const char *name, size_t len) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    memcpy(address.sun_path + 1, name, len); /* behind a zero byte */
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    if (bind(fd, (struct sockaddr *)&address, size) != 0) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

/* lock(name) */
static int
lock(lua_State *L) {
    size_t len;
    const char *name = luaL_checklstring(L, 1, &len);
    luaL_argcheck(L, len > 0 && len < sizeof((struct sockaddr_un *)NULL)->sun_path, 1, "a short name expected");
    int *fd = lua_newuserdatauv(L, sizeof *fd, 0);
    *fd = -1;
    luaL_setmetatable(L, CORE_LOCK);
    *fd = bind_name(name, len);
    if (*fd < 0) {
        int error = errno == EADDRINUSE ? EBUSY : errno;
        return core_fail_errno(L, error, error == EBUSY ? "another process holds the lock" : strerror(error));
    }
    return 1;
}

void
core_open_process_tree(lua_State *L) {
    static const luaL_Reg functions[] = {{"tree", measure_tree}, {"cpu", measure_cpu}, {"lock", lock}, {NULL, NULL}};
    static const luaL_Reg methods[] = {{"close", unlock}, {NULL, NULL}};
    static const luaL_Reg metamethods[] = {{"__close", unlock}, {"__gc", unlock}, {NULL, NULL}};
    core_new_type(L, CORE_LOCK, metamethods, methods);
    luaL_setfuncs(L, functions, 0);
}
