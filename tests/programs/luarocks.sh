#!/usr/bin/env bash
# The rock: `luarocks make` in a copy of the sources, into a tree of its own; a stock Lua that uses it; and its removal.
. "${0%/*}/common.bash"
need luarocks
# A rock is a release build, whatever build the other scripts try.
[ "$build" = "$root/build" ] || { skipped=1 && finish; }
tree=$work/tree
version=$(sed -n 's/^#define LUNALLOC_VERSION "\(.*\)"/\1/p' "$root/src/lunalloc.h")
rockspec=lua/lunalloc-$version-1.rockspec

rocks() {
    HOME=$work env -u LUA_PATH -u LUA_CPATH luarocks --lua-version 5.4 --tree "$tree" "$@"
}

# try NAME COMMAND... -- must succeed.
try() {
    local name=$1
    shift
    if "$@" >"$work/said" 2>&1; then ok "$name"; else fail "$name" "$work/said"; fi
}

try "the rockspec has the version of the library" test -f "$root/$rockspec"
try "luarocks finds no fault with it" rocks lint "$root/$rockspec"
mkdir "$work/sources"
tar -C "$root" --exclude=./build --exclude=./.git -c . | tar -C "$work/sources" -x
cd "$work/sources" || exit 1
MAKEFLAGS=-j2 try "luarocks make" rocks make "$rockspec"
unset LUNALLOC_SO
export LUA_PATH="$tree/share/lua/5.4/?.lua;$tree/share/lua/5.4/?/init.lua" LUA_CPATH="$tree/lib/lua/5.4/?.so"
try "a stock Lua that finds nothing else has the module and the library" lua5.4 -e "
    local la = require 'lunalloc'
    assert(la.loaded and not la.replaced and la.get 'version' == '$version')
    assert(la.buffer(100):fill(1):size() == 100)"
try "and can be preloaded" env LD_PRELOAD="$tree/lib/lua/5.4/lunalloc/liblunalloc.so" lua5.4 -e \
    "assert(require 'lunalloc'.replaced)"
try "every Lua file of the module is in the rock" diff <(cd "$root/lua" && find lunalloc -name '*.lua' | sort) \
    <(cd "$tree/share/lua/5.4" && find lunalloc -name '*.lua' | sort)
try "luarocks remove" rocks remove lunalloc
try "leaves no file of it" test -z "$(find "$tree" -path '*lunalloc*' -type f)"
finish
