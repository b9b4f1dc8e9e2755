#!/usr/bin/env bash
# heads.sh -- the proof that regions_test would notice: the head check is taken out of a copy of coalesce.c, everything
# else is the build of VARIANT=regions; then the first purge must run across two regions, and that must end the
# process. With coalesce.c as it is, compiled and linked in the same way, the test passes.
set -u
cd "$(dirname "$0")/../.." || exit 1

make=${MAKE:-make}
compiler=${CC:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0

expect() { # expect WHAT CONDITION...
    local what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "not so: $what"
        cat "$work/output"
    fi
}

# Without assertions, which would come first: the rules themselves are on trial. Prints where the program is.
link_with() { # link_with COALESCE.C
    local objects flags
    objects=$($make -s --no-print-directory VARIANT=regions objects-of-lib | tr ' ' '\n' | grep -v /coalesce.o)
    flags=$($make -s --no-print-directory VARIANT=regions flags)
    $compiler $flags -ULUNALLOC_DEBUG -DLUNALLOC_DEBUG=0 -g -fPIC -pthread -ftls-model=initial-exec \
        -fvisibility=hidden -c -o "$1.o" "$1" &&
        $compiler $flags -g -pthread -o "$1.test" tests/extent/regions_test.c "$1.o" $objects -lcmocka -lm
}

run() { # run PROGRAM
    { "$1"; } >"$work/output" 2>&1
    status=$?
}

aborted_across_regions() { [ $status = 134 ] && grep -q '^lunalloc: .* that spans two regions: 0x' "$work/output"; }
differ() { ! cmp -s "$1" "$2"; }

$make -s --no-print-directory VARIANT=regions $($make -s --no-print-directory VARIANT=regions objects-of-lib) || exit 1
cp src/extent/coalesce.c "$work/whole.c"
sed 's/e->is_head ? NULL : //; s/ && !right->is_head//' src/extent/coalesce.c >"$work/headless.c"
expect "sed finds the head checks" differ "$work/whole.c" "$work/headless.c"
ulimit -c 0
for name in whole headless; do
    link_with "$work/$name.c" || exit 1
done
run "$work/whole.c.test"
expect "with the head check, the test passes" [ $status = 0 ]
run "$work/headless.c.test"
expect "without it, a call across two regions ends the process" aborted_across_regions
grep -m 1 '^lunalloc:' "$work/output"
echo "$passed passed, $failed failed"
[ $failed = 0 ]
