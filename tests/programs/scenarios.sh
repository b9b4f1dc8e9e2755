#!/usr/bin/env bash
# The scenarios that are installed: each passes on lunalloc and on glibc, and each of its limits notices a fault of the
# malloc that is planted for it (scenarios.lua, tests/workload/faulty.c). Release builds are judged only.
. "${0%/*}/common.bash"
need lua5.4
if [ "$build" != "$root/build" ]; then
    skipped=1
    echo "skip scenarios.sh: limits are for release builds"
    finish
fi

eval "$(cd "$root" && $make -s env)"
lua5.4 "$here/scenarios.lua" "$console" "$build/tests/workload/faulty.so" >"$work/table" 2>&1 ||
    fail "scenarios.lua ends well" "$work/table"
while IFS= read -r line; do
    case $line in
    ok*) ok "${line#ok   }" ;;
    FAIL*) fail "${line#FAIL }" ;;
    *) echo "$line" ;;
    esac
done <"$work/table"
finish
