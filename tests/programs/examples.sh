#!/usr/bin/env bash
# The examples build as their comments say and do what they show; so does the session in the README.
. "${0%/*}/common.bash"
cd "$root" || exit 1
eval "$($make -s env)"

run() { # run NAME EXPECTED-PATTERN COMMAND...
    local name=$1 pattern=$2
    shift 2
    if "$@" >"$work/out" 2>&1 && grep -Eq "$pattern" "$work/out"; then ok "$name"; else fail "$name" "$work/out"; fi
}

link=(-Isrc -L"$build" -Wl,-rpath,"$build" -Wl,--no-as-needed -llunalloc)
${CC:-cc} -o "$work/tune" examples/tune.c "${link[@]}"
run "tune.c: memory goes back" 'dirty_decay_ms 0: [0-9]+ MiB' "$work/tune"

${CC:-cc} -o "$work/hooks" examples/hooks.c "${link[@]}"
run "hooks.c: an arena in a file" '^[1-9][0-9]+ MiB of memory in the file: "this text is there"$' "$work/hooks"

# shellcheck disable=SC2046
${CC:-cc} $(pkg-config --cflags lua5.4) -o "$work/embed" examples/embed.c $(pkg-config --libs lua5.4) "${link[@]}"
run "embed.c: its policy gives memory back" '^round 4: [0-9]+ MiB were free, [1-9][0-9]* MiB given back' \
    "$work/embed" examples/policy.lua

run "watch.lua in a stock lua5.4" '^ +1 +[0-9.]+ MiB' lua5.4 examples/watch.lua 1
run "watch.lua in the console" '^ +1 +[0-9.]+ MiB' "$console" examples/watch.lua 1
run "profile.lua in a stock lua5.4" '^1[.] about [1-9][0-9]*[.][0-9] MiB in' \
    lua5.4 examples/profile.lua "$work/leak.heap"
run "profile.lua's profile" '^heap profile: ' head -n 1 "$work/leak.heap"
run "the README's session" '^[1-9][0-9]* passed' scripts/readme-transcript --check
finish
