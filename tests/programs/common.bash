# common.bash -- for the scripts of this folder, which source it first.
#
# Each script tries real programs on the allocator: a command runs once as it is and once with the library preloaded,
# each time in a fresh folder, and all that it leaves (output, exit status, files) must be the same, byte for byte.
# The library is the release build's; or that of another build, which LUNALLOC_SO, LUNALLOC_CONSOLE and MAKE
# ("make VARIANT=...") then name.

set -u
export LC_ALL=C
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=${here%/tests/programs}
library=${LUNALLOC_SO:-$root/build/liblunalloc.so}
build=${library%/*}
built=$build/tests/programs
console=${LUNALLOC_CONSOLE:-$build/lunalloc}
make=${MAKE:-make}
unset LD_PRELOAD LUNALLOC_CONF LUNALLOC_SO MALLOC_CONF
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0

ok() {
    passed=$((passed + 1))
    echo "ok   $1"
}

# fail NAME [FILE-WITH-DETAILS]
fail() {
    failed=$((failed + 1))
    echo "FAIL $1"
    [ $# = 1 ] || head -n 40 "$2" | cut -c1-200 | sed 's/^/     | /'
}

# The last line of every script.
finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" = 0 ]
    exit
}

# need COMMAND -- without it the whole script is skipped by name.
need() {
    command -v "$1" >/dev/null && return
    skipped=$((skipped + 1))
    echo "skip ${0##*/}: no $1 here"
    finish
}

preloaded() {
    LD_PRELOAD=$library "$@"
}

# taken_over COMMAND... -- does this program really load the library, and does it configure itself there? A setting that
# nobody knows must then be reported on stderr.
taken_over() {
    local name="${1##*/} runs on the library"
    LUNALLOC_CONF=no_such_setting:1 preloaded "$@" >/dev/null 2>"$work/err" </dev/null
    if grep -q no_such_setting "$work/err"; then
        ok "$name"
    else
        fail "$name: no warning about a bad LUNALLOC_CONF" "$work/err"
    fi
}

# in_folder FOLDER COMMAND... -- runs it there (a function too), keeping its output and exit status beside its files.
in_folder() {
    mkdir -p "$1"
    (
        cd "$1" || exit 1
        shift
        "$@" >stdout 2>stderr </dev/null
        echo $? >status
    )
}

# same NAME COMMAND... -- the command, or function, does the same with and without the library; and it succeeds.
same() {
    local name=$1 plain=$work/$passed.$failed.plain ours=$work/$passed.$failed.ours
    shift
    in_folder "$plain" "$@"
    LD_PRELOAD=$library in_folder "$ours" "$@"
    if [ "$(cat "$plain/status")" != 0 ]; then
        cat "$plain/stdout" "$plain/stderr" >"$work/details"
        fail "$name: fails even without the library (status $(cat "$plain/status"))" "$work/details"
    elif diff -r "$plain" "$ours" >"$work/details" 2>&1; then
        ok "$name ($(wc -c <"$ours/stdout") bytes of output)"
    else
        fail "$name: differs with the library" "$work/details"
    fi
}

# works NAME COMMAND... -- for programs that cannot run without the library: exit status 0, and nothing on stderr.
works() {
    local name=$1
    shift
    in_folder "$work/works" "$@"
    if [ "$(cat "$work/works/status")" = 0 ] && [ ! -s "$work/works/stderr" ]; then
        ok "$name"
    else
        cat "$work"/works/{stdout,stderr,status} >"$work/details"
        fail "$name" "$work/details"
    fi
    rm -rf "$work/works"
}
