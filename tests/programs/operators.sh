#!/usr/bin/env bash
# C++'s operators new and delete (operators.cpp): the same with the library as without; and that they are the library's.
. "${0%/*}/common.bash"

taken_over "$built/operators"
same "c++: each form of new and delete, handlers, containers" "$built/operators"

# bound NAME... -- where the dynamic linker finds each of the program's operators.
from_library() {
    LD_DEBUG=bindings LD_BIND_NOW=1 preloaded "$built/operators" 2>&1 >/dev/null |
        grep -E "binding file $built/operators .*symbol .(_Zn[wa]|_Zd[la])" >"$work/bindings"
    grep -vF "to $library" "$work/bindings" >"$work/elsewhere"
    [ "$(wc -l <"$work/bindings")" -ge 16 ] && [ ! -s "$work/elsewhere" ]
}
if from_library; then
    ok "c++: $(wc -l <"$work/bindings") operators are bound to the library"
else
    fail "c++: operators bound elsewhere, or too few" "$work/elsewhere"
fi
finish
