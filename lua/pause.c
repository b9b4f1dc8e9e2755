/* pause.c -- a pause of the calling thread, for scripts that compare two pictures of a process. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "core.h"

#include <time.h>

/* pause(seconds): false if a signal ended it early, so that the caller's next line can serve an interrupt */
static int
pause_for(lua_State *L) {
    double seconds = luaL_checknumber(L, 1);
    luaL_argcheck(L, seconds >= 0 && seconds <= 86400, 1, "0 to 86400 seconds expected");
    struct timespec span = {.tv_sec = (time_t)seconds};
    span.tv_nsec = (long)((seconds - (double)span.tv_sec) * 1e9);
    lua_pushboolean(L, nanosleep(&span, NULL) == 0);
    return 1;
}

void
core_open_pause(lua_State *L) {
    static const luaL_Reg functions[] = {{"pause", pause_for}, {NULL, NULL}};
    luaL_setfuncs(L, functions, 0);
}
