#!/usr/bin/env bash
# The manual pages: groff and man have no warning about any, and the programs in the page of the C interface run.
. "${0%/*}/common.bash"
need groff
need man

# clean PAGE -- groff's and man's warnings, at the usual width.
clean() {
    MANWIDTH=80 groff -t -ww -man -Tutf8 "$1" >text 2>warnings
    [ ! -s warnings ] && [ -s text ] && man --warnings -E UTF-8 -l -Tutf8 -Z "$1" >/dev/null 2>warnings &&
        [ ! -s warnings ]
}

# A table of names that is cut, or a macro that does not exist, is noticed.
complains() {
    printf '.TH X 3\n.SH NAME\nx \\- y\n.XX\n' >broken.3
    ! clean broken.3
}

# program N -- the N-th C program of lunalloc(3), built as the page says, against the tree.
program() {
    awk -v wanted="$1" '/^\.nf$/ { getline; on = /^#include/ && ++n == wanted } /^\.fi$/ { on = 0 } on' \
        "$build/lunalloc.3" | sed 's/\\e/\\/g' >"$1.c"
    cc -I"$root/src" -I"$root/lua" $(pkg-config --cflags lua5.4) "$1.c" -o "program$1" -L"$build" -llunalloc_lua \
        -llunalloc $(pkg-config --libs lua5.4) -ldl -pthread -Wl,-rpath,"$build" && "./program$1" >"out$1"
}

statistics_program() {
    program 1 && grep -qx '[0-9]* bytes' out1
}

state_program() {
    program 2 && [ "$(cat out2)" = 1048576 ]
}

cd "$work" || exit 1
works "a page with mistakes is noticed" complains
for page in "$build"/*.[13]; do
    works "${page##*/} has no warnings" clean "$page"
done
works "the first program of lunalloc(3)" statistics_program
works "the second program of lunalloc(3)" state_program
finish
