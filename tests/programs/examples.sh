#!/usr/bin/env bash
# The examples build from an installed tree, as examples/README.md shows it, and do what they show; so does the session
# of the README.
. "${0%/*}/common.bash"
cd "$root" || exit 1
eval "$($make -s env)"

# The examples' page, run anew.
if MAKE=$make scripts/transcript --print examples/README.md >"$work/page" 2>"$work/problem"; then
    ok "examples/README.md: every line works"
else
    fail "examples/README.md" "$work/problem"
    finish
fi

# shows NAME PATTERN -- a line of the page's output.
shows() {
    if grep -v '^[$]' "$work/page" | grep -Eq "$2"; then ok "$1"; else fail "$1" "$work/page"; fi
}

shows "tune.c: memory goes back" '^dirty_decay_ms 0: [0-9] MiB resident$'
shows "socket.c: it listens" '^process [0-9]+ listens on /.*/[0-9]+[.]sock$'
shows "socket.c: seen from outside" '^stats.dirty [1-9][0-9]{7}$'
shows "socket.c: tuned from outside" '^arena.0.dirty_decay_ms: 10000 -> 0$'
shows "socket.c: that had an effect" '^0$'
shows "hooks.c: an arena in a file" '^[1-9][0-9]+ MiB of memory in the file: "this text is there"$'
shows "embed.c: its policy gives memory back" '^round 4: [1-9][0-9.]* MiB were free, [1-9][0-9.]* MiB given back from 1'
shows "game.c: memory goes back in frames that have time" \
    '^memory was given back in [1-9][0-9]* of 60 frames, and in 0 that had no time left$'
shows "states.c: a state within its limit" \
    '^state 3: 3 MiB done, at most 3[.][0-9] MiB in arena [0-9]+; then 1 MiB done$'
shows "states.c: one that wants more" \
    '^state 7: 7 MiB not enough memory, at most 4[.]0 MiB in arena [0-9]+; then 1 MiB done$'
shows "plugins.cpp: a limit" '^chat: not enough memory$'
shows "plugins.cpp: accounts" '^maps: 2[0-9]{3} KiB tiles$'
shows "limit.lua: accounts" '^index   *[1-9][0-9]+ KiB$'
shows "limit.lua: the limit, and after it" '^now  *[1-7][0-9]{3} KiB$'
shows "watch.lua in a stock lua5.4" '^ +1 +[0-9.]+ MiB +[1-9]'
shows "profile.lua in a stock lua5.4" '^1[.] about [1-9][0-9]*[.][0-9] MiB in'
shows "profile.lua's profile" '^heap profile: [1-9]'
shows "a policy beside socket.c" '^[0-9:]+ dirty_cap: [1-9][0-9.]* MiB were free, [1-9][0-9.]* MiB given back'

# run NAME EXPECTED-PATTERN COMMAND...
run() {
    local name=$1 pattern=$2
    shift 2
    if "$@" >"$work/out" 2>&1 && grep -Eq "$pattern" "$work/out"; then ok "$name"; else fail "$name" "$work/out"; fi
}

run "watch.lua in the console" '^ +1 +[0-9.]+ MiB +[1-9]' "$console" examples/watch.lua 1
run "watch.lua preloaded" '^ +1 +[0-9.]+ MiB +[1-9]' preloaded lua5.4 examples/watch.lua 1
run "none is longer than 60 lines" '^0$' bash -c 'wc -l examples/*.[cl]* | awk "\$1 > 60 && \$2 != \"total\"" | wc -l'

# Names of examples that the page does not explain.
unexplained() {
    local file
    for file in examples/*.[cl]*; do
        grep -q "^.${file##*/}. " examples/README.md || echo "${file##*/}"
    done
}
run "the page explains each" '^none: $' echo "none: $(unexplained)"
run "the README's sessions" '^[1-9][0-9]* passed' env MAKE="$make" scripts/transcript --check README.md
finish
