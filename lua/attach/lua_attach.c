/*
 * lua_attach.c -- attaching as primitives: attach, survey, processes, backend. lua/lunalloc/attach.lua makes la.attach
 * and la.ps of them.
 */
#include "core.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "attach/attach.h"
#include "attach/target_memory.h"

enum {
    TIMEOUT_MS = 2000,
    WAIT_MS = 1000
};

/* In the order of attach_way_t; NULL-terminated for luaL_checkoption. */
static const char *const way_names[] = {"any", "agent", "request", "memory", NULL};

static pid_t
check_pid(lua_State *L) {
    lua_Integer pid = luaL_checkinteger(L, 1);
    luaL_argcheck(L, pid > 0 && pid <= INT32_MAX, 1, "a process number expected");
    return (pid_t)pid;
}

/* attach(pid[, way[, timeout_ms[, wait_ms[, start[, force]]]]]): a target, and why it is not a better way, or "" */
static int
attach_to(lua_State *L) {
    char message[MEMORY_MESSAGE] = "";
    pid_t pid = check_pid(L);
    attach_options_t options = {
        .way = (attach_way_t)luaL_checkoption(L, 2, "any", way_names),
        .timeout_ms = (int)luaL_optinteger(L, 3, TIMEOUT_MS),
        .wait_ms = (int)luaL_optinteger(L, 4, WAIT_MS),
        .start = (uint64_t)luaL_optinteger(L, 5, 0),
        .force = lua_toboolean(L, 6),
    };
    target_handle_t **handle = core_new_target(L);
    int error = attach(pid, &options, handle, message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    core_push_line(L, message);
    return 2;
}

/* Pushes what a core file says of its process. */
static void
push_core(lua_State *L, const core_info_t *info) {
    lua_createtable(L, 0, 3);
    core_set_string(L, "name", info->name);
    core_set_integer(L, "nthreads", info->nthreads);
    if (info->pid > 0) {
        core_set_integer(L, "pid", info->pid);
    }
}

/* attach_core(path): a target, and a table of what the core file says of the process: name, pid, nthreads */
static int
attach_core(lua_State *L) {
    char message[MEMORY_MESSAGE] = "";
    const char *path = luaL_checkstring(L, 1);
    core_file_t *core;
    target_handle_t **handle = core_new_target(L);
    int error = core_open(path, &core, message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    core_info_t info = *core_info(core);
    error = target_memory_attach_core(core, handle);
    if (error != 0) {
        snprintf(message, sizeof(message), "%s", core_memory(core)->message);
        core_close(core);
        return core_fail_errno(L, error, message);
    }
    push_core(L, &info);
    return 2;
}

/* consistent(target): did all parts of its latest result fit together? */
static int
is_consistent(lua_State *L) {
    target_handle_t *const *handle = core_check_self(L, CORE_TARGET, "consistent");
    lua_pushboolean(L, *handle == NULL || target_memory_consistent(*handle));
    return 1;
}

/* Fills the table at the top. */
static void
set_survey(lua_State *L, const attach_survey_t *survey) {
    const process_info_t *info = &survey->info;
    char state[2] = {info->state, '\0'};
    core_set_integer(L, "pid", info->pid);
    core_set_string(L, "name", info->name);
    core_set_string(L, "state", state);
    core_set_integer(L, "uid", info->uid);
    core_set_integer(L, "start", (lua_Integer)info->start);
    core_set_integer(L, "rss", (lua_Integer)info->rss);
    core_set_boolean(L, "lunalloc", survey->found);
    if (survey->found) {
        core_push_line(L, survey->target.library);
        core_set_value(L, "version");
    }
    if (survey->way != ATTACH_ANY) {
        core_set_string(L, "way", way_names[survey->way]);
    }
    if (survey->why[0] != '\0') {
        core_push_line(L, survey->why);
        core_set_value(L, "why");
    }
}

/* survey(pid): a table of what is known of the process, and how it could be attached to */
static int
survey(lua_State *L) {
    char message[MEMORY_MESSAGE] = "";
    attach_survey_t found;
    process_t *process;
    int error = process_open(check_pid(L), 0, &process, message, sizeof(message));
    if (error == 0) {
        error = attach_survey(process, &found);
        snprintf(message, sizeof(message), "%s", memory_of(process)->message);
        process_close(process);
    }
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    lua_createtable(L, 0, 10);
    set_survey(L, &found);
    return 1;
}

/* Runs in protected mode, so that the caller can close the directory after an error. */
static int
list_processes(lua_State *L) {
    DIR *directory = lua_touserdata(L, 1);
    const struct dirent *entry;
    lua_newtable(L);
    while ((entry = readdir(directory)) != NULL) {
        if (isdigit((unsigned char)entry->d_name[0])) {
            lua_pushinteger(L, (lua_Integer)strtol(entry->d_name, NULL, 10));
            lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
        }
    }
    return 1;
}

/* processes(): an array of all process numbers */
static int
processes(lua_State *L) {
    lua_pushcfunction(L, list_processes);
    DIR *directory = opendir("/proc");
    if (directory == NULL) {
        return core_fail(L, "ENOSYS", "there is no /proc here, by which processes are found");
    }
    lua_pushlightuserdata(L, directory);
    int status = lua_pcall(L, 1, 1, 0);
    closedir(directory);
    return status == LUA_OK ? 1 : lua_error(L);
}

/* backend(target): the table of functions that lunalloc/api.lua describes */
static int
backend(lua_State *L) {
    core_check_self(L, CORE_TARGET, "backend");
    lua_settop(L, 1);
    core_push_backend(L);
    return 1;
}

void
core_open_attach(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"attach", attach_to}, {"attach_core", attach_core}, {"consistent", is_consistent},
        {"survey", survey},    {"processes", processes},     {"backend", backend},
        {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
