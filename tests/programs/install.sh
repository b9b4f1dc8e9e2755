#!/usr/bin/env bash
# make install, seen from outside the tree: a C program built with pkg-config, the console, a stock Lua with the module,
# a staged installation (DESTDIR), and uninstall.
. "${0%/*}/common.bash"
prefix=$work/prefix

quiet_make() {
    $make -s --no-print-directory -C "$root" "$@" >/dev/null
}

c_program() {
    export PKG_CONFIG_PATH=$prefix/lib/pkgconfig LD_LIBRARY_PATH=$prefix/lib
    cat >program.c <<'END'
#include <lunalloc.h>
#include <stdlib.h>
int main(void) {
    free(malloc(100));
    return lunalloc_replaced() && lunalloc_nsizes() > 0 ? 0 : 1;
}
END
    cc program.c $(pkg-config --cflags --libs lunalloc) -o program && ./program
}

# From another folder, without any variable that points into the tree.
console() {
    env -u LUA_PATH -u LUA_CPATH "$prefix/bin/lunalloc" -e 'assert(la.loaded and la.replaced)'
}

# Its commands, their manual pages, the module of `serve` where it was built, and the library that `run` preloads.
commands() {
    [[ $(env -u LUA_PATH -u LUA_CPATH "$prefix/bin/lunalloc" run -- sh -c 'echo $LD_PRELOAD') == "$prefix"/lib/* ]] &&
        env -u LUA_PATH -u LUA_CPATH "$prefix/bin/lunalloc" help serve | grep -q '^usage: lunalloc serve' &&
        { [ ! -e "$build/lua/lunalloc/http.so" ] || [ -e "$prefix/lib/lua/5.4/lunalloc/http.so" ]; } &&
        [ -s "$prefix/share/man/man1/lunalloc-attach.1" ] && [ -s "$prefix/share/man/man1/lunalloc-serve.1" ]
}

stock_lua() {
    LUA_PATH="$prefix/share/lua/5.4/?.lua;$prefix/share/lua/5.4/?/init.lua" LUA_CPATH="$prefix/lib/lua/5.4/?.so" \
        lua5.4 -e 'la = require "lunalloc"; assert(la.loaded and not la.replaced)'
}

staged() {
    quiet_make install PREFIX=/usr DESTDIR="$work/stage" && cmp "$work/stage/usr/lib/liblunalloc.so" "$library" &&
        grep -qx 'prefix=/usr' "$work/stage/usr/lib/pkgconfig/lunalloc.pc"
}

uninstalled() {
    quiet_make uninstall PREFIX="$prefix" && [ -z "$(find "$prefix" ! -type d)" ]
}

works "make install" quiet_make install PREFIX="$prefix"
works "a C program, by pkg-config" c_program
works "the installed console" console
works "its commands" commands
works "the installed module in a stock lua5.4" stock_lua
works "make install with DESTDIR" staged
works "make uninstall leaves no file" uninstalled
finish
