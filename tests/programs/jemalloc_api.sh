#!/usr/bin/env bash
# A program written for jemalloc (jemalloc_api/api.c), compiled with jemalloc's header: it must pass on jemalloc itself,
# or it expects too much; and on the library, preloaded before jemalloc and linked in its place.
. "${0%/*}/common.bash"

cc=${CC:-cc}
source=$here/jemalloc_api/api.c
compile() { "$cc" -std=gnu11 -O1 -g -fno-builtin -pthread -o "$1" "$source" "${@:2}" 2>"$work/details"; }

if ! echo '#include <jemalloc/jemalloc.h>' | "$cc" -E - >/dev/null 2>&1; then
    skipped=3
    echo "skip jemalloc_api.sh: no jemalloc/jemalloc.h here"
    finish
fi

# passes NAME COMMAND... -- runs it, and shows the parts that failed.
passes() {
    local name=$1
    shift
    if "$@" >"$work/out" 2>&1; then ok "$name: $(tail -n 1 "$work/out")"; else fail "$name" "$work/out"; fi
}

if compile "$work/api" -ljemalloc; then
    passes "jemalloc itself" "$work/api"
    passes "preloaded" preloaded "$work/api"
else
    fail "the program does not compile with jemalloc" "$work/details"
fi
if compile "$work/linked" -L"$build" -llunalloc -Wl,-rpath,"$build"; then
    passes "linked" "$work/linked"
else
    fail "the program does not link to the library" "$work/details"
fi
finish
