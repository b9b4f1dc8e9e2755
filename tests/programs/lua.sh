#!/usr/bin/env bash
# Lua: every allocation a realloc, by a host that knows nothing of us.
. "${0%/*}/common.bash"
need lua5.4

taken_over lua5.4 -e ''
same "lua5.4: tables, strings, coroutines, collection" lua5.4 "$here/work.lua"
finish
