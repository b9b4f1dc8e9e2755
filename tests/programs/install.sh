#!/usr/bin/env bash
# make install, seen from outside the tree: a C program built with pkg-config, the console, a stock Lua with the module,
# the policies; a prefix with blanks, a tree that was moved, a staged installation (DESTDIR); and uninstall.
. "${0%/*}/common.bash"
prefix=$work/prefix

quiet_make() {
    $make -s --no-print-directory -C "$root" "$@" >/dev/null
}

# c_program [OPTION] -- built with what pkg-config prints, which quotes blanks; OPTION is pkg-config's.
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
    eval "cc program.c $(pkg-config "$@" --cflags --libs lunalloc) -o program" && ./program
}

# The installed console, without any variable that points into the tree.
installed() {
    env -u LUA_PATH -u LUA_CPATH "$prefix/bin/lunalloc" "$@"
}

console() {
    installed -e 'assert(la.loaded and la.replaced)'
}

# Its commands, their manual pages, the module of `serve` where it was built, and the library that `run` preloads.
commands() {
    [[ $(installed run -- sh -c 'echo $LD_PRELOAD') == "$prefix"/lib/* ]] &&
        installed help serve | grep -q '^usage: lunalloc serve' &&
        { [ ! -e "$build/lua/lunalloc/http.so" ] || [ -e "$prefix/lib/lua/5.4/lunalloc/http.so" ]; } &&
        [ -s "$prefix/share/man/man1/lunalloc-attach.1" ] && [ -s "$prefix/share/man/man1/lunalloc-serve.1" ] &&
        [ -s "$prefix/share/man/man1/lunalloc-compare.1" ] && [ -s "$prefix/share/man/man1/lunalloc-report.1" ]
}

# The page of reports is installed beside the module.
report() {
    installed -e "print(la.report('$work/report.html', { doctor = false }).bytes > 50000)" |
        grep -q true && grep -q '^<!DOCTYPE html>' "$work/report.html"
}

# The manual finds the pages of section 3.
pages_3() {
    [ -s "$prefix/share/man/man3/lunalloc.3" ] && [ -s "$prefix/share/man/man3/lunalloc-module.3" ] || return
    ! command -v man >/dev/null || [ "$(man -M "$prefix/share/man" -w 3 lunalloc-module)" = \
        "$prefix/share/man/man3/lunalloc-module.3" ]
}

# pkg-config knows where the policies are, and all of the tree's are there and run.
policies() {
    local folder file
    folder=$(PKG_CONFIG_PATH=$prefix/lib/pkgconfig pkg-config --variable=policies lunalloc) || return
    for file in "$root"/scripts/policies/*.lua; do
        installed "$folder/${file##*/}" rounds=1 | grep -q ' ends: 0 of 1 steps' || return
    done
}

# Scenarios by name, and by a script that is run by itself.
scenarios() {
    installed test --duration 50ms size_ramp cache_line_sharing >tap &&
        grep -q '^ok 2 - cache_line_sharing' tap &&
        installed test --list | grep -q '^thread_churn ' &&
        installed "$prefix/share/lunalloc/scenarios/size_ramp.lua" 50ms >/dev/null &&
        [ -s "$prefix/share/man/man1/lunalloc-test.1" ]
}

stock_lua() {
    LUA_PATH="$prefix/share/lua/5.4/?.lua;$prefix/share/lua/5.4/?/init.lua" LUA_CPATH="$prefix/lib/lua/5.4/?.so" \
        lua5.4 -e 'la = require "lunalloc"; assert(la.loaded and not la.replaced)'
}

# The tree works at another place than it was installed to; pkg-config has to be told that it may have been moved.
moved() {
    mv "$prefix" "$work/moved"
    prefix=$work/moved
    console && stock_lua && c_program --define-prefix
}

# With something of others in the folders that it shares, and folders of its own that are gone afterwards.
uninstalled() {
    touch "$prefix/lib/other.so" "$prefix/share/lua/5.4/other.lua"
    quiet_make uninstall PREFIX="$prefix" || return
    [ "$(cd "$prefix" && find . ! -type d | sort | xargs)" = "./lib/other.so ./share/lua/5.4/other.lua" ] &&
        [ -z "$(find "$prefix" -name '*lunalloc*')" ]
}

blanks() {
    prefix="$work/a prefix/with blanks"
    quiet_make install PREFIX="$prefix" && c_program && console && stock_lua && quiet_make uninstall PREFIX="$prefix" &&
        [ -z "$(find "$prefix" ! -type d)" ]
}

# A staged tree names its final place, not the stage.
staged() {
    local stage="$work/a stage"
    quiet_make install PREFIX=/usr DESTDIR="$stage" && cmp "$stage/usr/lib/liblunalloc.so" "$library" &&
        grep -qx 'prefix=/usr' "$stage/usr/lib/pkgconfig/lunalloc.pc" && ! grep -r "$work" "$stage" --include=*.pc &&
        quiet_make uninstall PREFIX=/usr DESTDIR="$stage" && [ -z "$(find "$stage" ! -type d)" ]
}

works "make install" quiet_make install PREFIX="$prefix"
works "a C program, by pkg-config" c_program
works "the installed console" console
works "its commands" commands
works "its manual pages of section 3" pages_3
works "the installed policies" policies
works "its scenarios" scenarios
works "reports" report
works "the installed module in a stock lua5.4" stock_lua
works "a tree that was moved" moved
prefix=$work/moved
works "make uninstall leaves no file, and those of others" uninstalled
works "a prefix with blanks" blanks
works "make install with DESTDIR" staged
finish
