/* lua_trace_file.c -- the userdata of an open trace file, found among arguments. */
#include "lua_trace.h"

trace_file_t **
lua_trace_handle(lua_State *L) {
    return luaL_checkudata(L, 1, TRACE_FILE_TYPE);
}

trace_file_t *
lua_trace_check(lua_State *L) {
    trace_file_t *file = *lua_trace_handle(L);
    if (file == NULL) {
        luaL_error(L, "this trace is closed");
    }
    return file;
}
