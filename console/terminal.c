/*
 * terminal.c -- see terminal.h.
 */
#include "terminal.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

bool
terminal_editable(void) {
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

bool
terminal_addressable(void) {
    const char *kind = getenv("TERM");
    return isatty(STDOUT_FILENO) && kind != NULL && kind[0] != '\0' && strcmp(kind, "dumb") != 0;
}

bool
terminal_colour(void) {
    const char *no_colour = getenv("NO_COLOR");
    return terminal_addressable() && (no_colour == NULL || no_colour[0] == '\0');
}

int
terminal_columns(void) {
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

/* The value of an environment variable if it is a number from 1 to 9,999, else `fallback`. */
static int
environment_number(const char *name, int fallback) {
    const char *text = getenv(name);
    long value = text != NULL ? strtol(text, NULL, 10) : 0;
    return value > 0 && value < 10000 ? (int)value : fallback;
}

static int
l_width(lua_State *L) {
    int columns = terminal_columns();
    lua_pushinteger(L, columns > 0 ? columns : environment_number("COLUMNS", 80));
    return 1;
}

static int
l_height(lua_State *L) {
    struct winsize size;
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
    lua_pushinteger(L, known ? size.ws_row : environment_number("LINES", 24));
    return 1;
}

static int
l_sleep(lua_State *L) {
    lua_Number seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds >= 0 && seconds <= 1e9, 1, "seconds, 0 to 1e9");
    time_t whole = (time_t)seconds;
    struct timespec span = {.tv_sec = whole, .tv_nsec = (long)((seconds - (lua_Number)whole) * 1e9)};
    bool slept = nanosleep(&span, NULL) == 0;
    lua_pushboolean(L, slept);
    return 1;
}

static int
l_clock(lua_State *L) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    lua_pushnumber(L, (lua_Number)now.tv_sec + (lua_Number)now.tv_nsec / 1e9);
    return 1;
}

int
terminal_open(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"width", l_width}, {"height", l_height}, {"sleep", l_sleep}, {"clock", l_clock}, {NULL, NULL},
    };
    luaL_newlib(L, functions);
    lua_pushboolean(L, isatty(STDOUT_FILENO));
    lua_setfield(L, -2, "tty");
    lua_pushboolean(L, terminal_editable());
    lua_setfield(L, -2, "editable");
    lua_pushboolean(L, terminal_colour());
    lua_setfield(L, -2, "colour");
    return 1;
}
