#!/usr/bin/env bash
# The compiler on our own sources: the object file must be the same.
. "${0%/*}/common.bash"
need gcc
cd "$root" || exit 1

flags="-std=gnu11 -D_GNU_SOURCE -DLUNALLOC_DEBUG=0 -DLUNALLOC_ASAN=0 -DLUNALLOC_TSAN=0
    -DLUNALLOC_REPLACE=1 -I$root/src -I$root/lua $(pkg-config --cflags lua5.4)"
largest=$(find src lua console -name '*.c' ! -name '*_windows.c' -printf '%s %p\n' | sort -n | tail -n 1)
largest=${largest#* }

taken_over gcc -fsyntax-only -x c /dev/null
same "gcc -O2 -c $largest" gcc $flags -O2 -c "$root/$largest" -o object.o
same "gcc -O2 -S $largest" gcc $flags -O2 -S "$root/$largest" -o assembly.s
if command -v g++ >/dev/null; then
    same "g++ -O2 -c threads.cpp" g++ -std=c++17 -O2 -c "$here/threads.cpp" -o object.o
fi
finish
