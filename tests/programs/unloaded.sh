#!/usr/bin/env bash
# Profiled stacks through a library that another one replaces in memory (unloaded/host.c).
. "${0%/*}/common.bash"

cc=${CC:-cc} name="stacks through libraries that take each other's place"
for room in 24 56; do
    "$cc" -O2 -fomit-frame-pointer -fno-stack-protector -shared -fPIC -DROOM=$room -o "$work/room$room.so" \
        "$here/unloaded/through.c"
done
if ! "$cc" -std=gnu11 -O1 -g -fno-builtin -I"$root/src" -o "$work/host" "$here/unloaded/host.c" -L"$build" -llunalloc \
    -ldl -Wl,-rpath,"$build" 2>"$work/out"; then
    fail "the host does not compile" "$work/out"
elif "$work/host" "$work/room24.so" "$work/room56.so" >"$work/out" 2>&1; then
    ok "$name: $(tail -n 1 "$work/out")"
else
    fail "$name" "$work/out"
fi
finish
