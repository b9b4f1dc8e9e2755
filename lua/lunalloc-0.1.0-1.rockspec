-- For LuaRocks: the Lua module, with the allocator beside it. In the top folder of the sources:
--
--     luarocks --lua-version 5.4 make lua/lunalloc-0.1.0-1.rockspec
--
-- The console is not part of the rock: `make install` installs it.

rockspec_format = "3.0"
package = "lunalloc"
version = "0.1.0-1"
source = { url = "file://lunalloc-0.1.0.tar.gz" }
description = {
    summary = "A memory allocator that is seen into and tuned while it runs",
    detailed = "Looks into the allocator of this process or of another one: extents, arenas, caches, profiles. " ..
        "Tunes it live, runs allocation workloads, and gives a Lua state memory of its own with a limit.",
    license = "MIT",
    labels = { "memory", "profiling", "debugging" },
}
supported_platforms = { "linux" }
dependencies = { "lua >= 5.4, < 5.6" }
build = {
    type = "make",
    build_target = "module",
    build_variables = { CC = "$(CC)", LUA_CFLAGS = "-I$(LUA_INCDIR)" },
    install_target = "install-module",
    install_variables = {
        CC = "$(CC)", LUA_CFLAGS = "-I$(LUA_INCDIR)", LIBDIR = "$(LIBDIR)", LUADIR = "$(LUADIR)",
    },
}
