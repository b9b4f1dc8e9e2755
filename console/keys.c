/*
 * keys.c -- see keys.h.
 */
#include "keys.h"

#include <lauxlib.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

enum {
    MS_MAX = 1000 * 1000 * 1000 /* longest wait, in ms */
};

/* Makes keys readable one by one and without echo; Ctrl-C stays a signal. *before gets the mode to restore. */
static bool
begin_keys(struct termios *before) {
    if (tcgetattr(STDIN_FILENO, before) != 0) {
        return false;
    }
    struct termios mode = *before;
    mode.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    mode.c_cc[VMIN] = 1;
    mode.c_cc[VTIME] = 0;
    return tcsetattr(STDIN_FILENO, TCSADRAIN, &mode) == 0;
}

/* Reads what has been typed, and returns its first byte; 0 if the input has ended. */
static char
take_key(void) {
    char keys[64];
    return read(STDIN_FILENO, keys, sizeof keys) > 0 ? keys[0] : '\0';
}

static int
key(lua_State *L) {
    lua_Number seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds >= 0 && seconds <= MS_MAX / 1000, 1, "seconds, 0 to 1000000");
    fflush(stdout);
    struct termios before;
    bool on_terminal = begin_keys(&before);
    struct pollfd input = {.fd = on_terminal ? STDIN_FILENO : -1, .events = POLLIN};
    bool pressed = poll(&input, 1, (int)(seconds * 1000)) > 0;
    char byte = pressed ? take_key() : '\0';
    if (on_terminal) {
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    }
    if (pressed) {
        lua_pushlstring(L, &byte, 1);
    } else {
        lua_pushnil(L);
    }
    return 1;
}

void
keys_open(lua_State *L) {
    lua_pushcfunction(L, key);
    lua_setfield(L, -2, "key");
}
