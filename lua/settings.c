/*
 * settings.c -- controls that are set together: the primitives of la.with{} and la.arena.create{}.
 *
 * Either all of them are set, or none. Before the first is set, everything is done that can raise, also for lack of
 * memory: names, new values and old values are ready in C, and a Lua table keeps their strings. After that nothing
 * allocates from Lua, neither here nor when the old values are restored.
 */
#include "core.h"

#include <stdio.h>
#include <string.h>

enum {
    MESSAGE_SIZE = 1024,
    NAME_SIZE = 128
};

typedef struct {
    const char *name;
    bool given; /* false: an action, which takes no value */
    lunalloc_value_t value;
} setting_t;

/* Writes the control `name`, which may be longer than setting->name. */
static int
write_setting(target_handle_t *target, const char *name, const setting_t *setting) {
    return target->ops->write(target, name, setting->given ? &setting->value : NULL);
}

/* ---- reading settings from Lua ---- */

/* Pops the value at the top and lets the table at `keeper` keep it. */
static void
keep(lua_State *L, int keeper) {
    lua_rawseti(L, keeper, (lua_Integer)lua_rawlen(L, keeper) + 1);
}

/* Reads the name at the top and pops it; the table at `keeper` keeps it. */
static void
read_name(lua_State *L, const char *call, int keeper, setting_t *setting) {
    if (lua_type(L, -1) != LUA_TSTRING || strlen(lua_tostring(L, -1)) != lua_rawlen(L, -1)) {
        core_bad_argument(L, call, 1, "names of controls without zero bytes expected");
    }
    setting->name = lua_tostring(L, -1);
    keep(L, keeper);
}

/* Pushes a userdata: the settings names[i] = values[i] of two arrays, which are at 1 and 2. */
static setting_t *
push_settings(lua_State *L, const char *call, int keeper, lua_Integer n) {
    setting_t *settings = lua_newuserdatauv(L, (size_t)n * sizeof(*settings) + 1, 0);
    for (lua_Integer i = 0; i < n; i++) {
        lua_rawgeti(L, 1, i + 1);
        read_name(L, call, keeper, &settings[i]);
        lua_rawgeti(L, 2, i + 1);
        settings[i].given = core_to_value(L, call, 1, lua_gettop(L), &settings[i].value);
        keep(L, keeper);
    }
    return settings;
}

/* ---- with: set until a guard is closed ---- */

/* User value 1: the table that keeps the strings. 2: the target. */
typedef struct {
    lua_Integer napplied; /* the first so many are set, and not yet restored */
    setting_t old[];
} guard_t;

/* Adds "; what" to the line. */
static void
join(char *line, size_t size, const char *what) {
    size_t used = strlen(line);
    snprintf(line + used, size - used, "%s%s", used == 0 ? "" : "; ", what);
}

/* Restores all old values, the last one first. The failures are joined in `message`. */
static void
restore(target_handle_t *target, guard_t *guard, char *message, size_t size) {
    message[0] = '\0';
    for (lua_Integer i = guard->napplied - 1; i >= 0; i--) {
        if (write_setting(target, guard->old[i].name, &guard->old[i]) != 0) {
            join(message, size, target->message);
        }
    }
    guard->napplied = 0;
}

/* restore(guard): a second call does nothing. Tries every one, and raises if some could not be restored. */
static int
guard_restore(lua_State *L) {
    guard_t *guard = core_check_self(L, CORE_GUARD, "guard:restore");
    char message[MESSAGE_SIZE] = "";
    lua_getiuservalue(L, 1, 2);
    target_handle_t *target = core_target_at(L, -1);
    if (target != NULL) { /* not after the end of the state */
        restore(target, guard, message, sizeof(message));
    }
    return message[0] == '\0' ? 0 : luaL_error(L, "could not restore: %s", message);
}

/*
 * A guard that is collected was not closed: its settings would stay for good. Restores them, and says so in a warning.
 * While a state is closed, a remote target may have been finalized before its guard: nothing can be restored then.
 */
static int
guard_gc(lua_State *L) {
    guard_t *guard = core_check_self(L, CORE_GUARD, "guard:restore");
    char message[MESSAGE_SIZE] = "";
    lua_getiuservalue(L, 1, 2);
    target_handle_t *target = core_target_at(L, -1);
    if (guard->napplied > 0 && target != NULL) {
        restore(target, guard, message, sizeof(message));
        lua_warning(L, "lunalloc: with: a guard was collected before it was closed; ", 1);
        lua_warning(L,
                    message[0] == '\0' ? "its settings were restored now" : "its settings could not be restored: ", 1);
        lua_warning(L, message, 1);
        lua_warning(L, " (write: local guard <close> = la.with{...})", 0);
    }
    return 0;
}

static int
guard_tostring(lua_State *L) {
    const guard_t *guard = luaL_checkudata(L, 1, CORE_GUARD);
    lua_pushfstring(L, "with: %I settings to restore", (LUAI_UACINT)guard->napplied);
    return 1;
}

/* Pointers and structures are exchanged by mallctl alone. */
static bool
can_be_written(lunalloc_type_t type) {
    return type != LUNALLOC_VOID && type != LUNALLOC_POINTER && type != LUNALLOC_STRUCT;
}

/* Reads the present values into the guard. 0, or 3 after pushing a failure. */
static int
read_present(lua_State *L, target_handle_t *target, int keeper, const setting_t *settings, lua_Integer n,
             guard_t *guard) {
    for (lua_Integer i = 0; i < n; i++) {
        setting_t *old = &guard->old[i];
        *old = (setting_t){.name = settings[i].name, .given = true};
        int error = target->ops->get(target, old->name, &old->value);
        if (error != 0) {
            return core_fail_target(L, error, target);
        }
        if (!can_be_written(old->value.type)) {
            return core_fail(L, "EPERM", "%s cannot be restored: its value is a pointer or a structure", old->name);
        }
        if (old->value.type == LUNALLOC_STRING) {
            old->value.v.s = lua_pushstring(L, old->value.v.s != NULL ? old->value.v.s : "");
            keep(L, keeper);
        }
    }
    return 0;
}

/* Sets all. If one is refused, restores those before it: an errno value, and a line in `message`. */
static int
apply(target_handle_t *target, guard_t *guard, const setting_t *settings, lua_Integer n, char *message, size_t size) {
    char ignored[MESSAGE_SIZE];
    int error = 0;
    while (error == 0 && guard->napplied < n) {
        const setting_t *setting = &settings[guard->napplied];
        error = write_setting(target, setting->name, setting);
        guard->napplied += error == 0;
    }
    if (error != 0) {
        snprintf(message, size, "%s", target->message);
        restore(target, guard, ignored, sizeof(ignored));
    }
    return error;
}

/* with(names, values): sets arrays of equal length and returns a guard; nil, message, code without any change */
static int
with(lua_State *L) {
    char message[MESSAGE_SIZE] = "";
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checkstack(L, 20, NULL);
    lua_settop(L, 2);
    lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
    target_handle_t *target = core_target(L);
    if (target == NULL) {
        return core_not_loaded(L);
    }
    lua_newtable(L);
    const setting_t *settings = push_settings(L, "with", 3, n);
    guard_t *guard = lua_newuserdatauv(L, sizeof(*guard) + (size_t)n * sizeof(guard->old[0]), 2);
    guard->napplied = 0;
    luaL_setmetatable(L, CORE_GUARD);
    lua_pushvalue(L, 3);
    lua_setiuservalue(L, -2, 1);
    core_push_target(L);
    lua_setiuservalue(L, -2, 2);
    int failed = read_present(L, target, 3, settings, n, guard);
    if (failed != 0) {
        return failed;
    }
    int error = apply(target, guard, settings, n, message, sizeof(message));
    return error == 0 ? 1 : core_fail_errno(L, error, message);
}

/* ---- a new arena with its settings ---- */

/* arena.<arena>.<setting's name> = its value */
static int
set_of_arena(target_handle_t *target, uint32_t arena, const setting_t *setting) {
    char name[NAME_SIZE];
    snprintf(name, sizeof(name), "arena.%u.%s", (unsigned)arena, setting->name);
    return write_setting(target, name, setting);
}

/* Counting hooks are code of this process. */
static int
count_hooks(target_handle_t *target, uint32_t arena) {
    return core_count_hooks(loader_api(), arena, target->message, sizeof(target->message));
}

/* Creates an arena. 0, or an errno value and a line in `message`, and no arena remains. */
static int
create_with(target_handle_t *target, bool counting, const setting_t *settings, lua_Integer n, uint32_t *arena,
            char *message, size_t size) {
    static const setting_t destroy = {.name = "destroy"};
    lunalloc_value_t made = {0};
    int error = target->ops->get(target, "arenas.create", &made);
    if (error == 0) {
        *arena = (uint32_t)made.v.u;
        error = counting ? count_hooks(target, *arena) : 0;
    }
    for (lua_Integer i = 0; i < n && error == 0; i++) {
        error = set_of_arena(target, *arena, &settings[i]);
    }
    if (error != 0) {
        snprintf(message, size, "%s", target->message);
    }
    if (error != 0 && made.type != LUNALLOC_VOID) {
        set_of_arena(target, *arena, &destroy);
    }
    return error;
}

/* arena_create(keys, values, counting): creates an arena with arena.<i>.keys[n] = values[n], and counting hooks if
 * `counting` is true; returns its index, or nil, message, code without an arena */
static int
arena_create(lua_State *L) {
    char message[MESSAGE_SIZE] = "";
    uint32_t arena = 0;
    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    luaL_checkstack(L, 20, NULL);
    bool counting = lua_toboolean(L, 3);
    lua_settop(L, 2);
    lua_newtable(L);
    lua_Integer n = (lua_Integer)lua_rawlen(L, 1);
    const setting_t *settings = push_settings(L, "arena.create", 3, n);
    target_handle_t *target = core_target(L);
    if (target == NULL) {
        return core_not_loaded(L);
    }
    int error = create_with(target, counting, settings, n, &arena, message, sizeof(message));
    if (error != 0) {
        return core_fail_errno(L, error, message);
    }
    lua_pushinteger(L, arena);
    return 1;
}

void
core_add_settings(lua_State *L) {
    static const luaL_Reg functions[] = {{"with", with}, {"arena_create", arena_create}, {NULL, NULL}};
    core_add_functions(L, functions);
}

void
core_open_settings_type(lua_State *L) {
    static const luaL_Reg methods[] = {{"restore", guard_restore}, {NULL, NULL}};
    static const luaL_Reg metamethods[] = {
        {"__close", guard_restore}, {"__gc", guard_gc}, {"__tostring", guard_tostring}, {NULL, NULL}};
    core_new_type(L, CORE_GUARD, metamethods, methods);
}
