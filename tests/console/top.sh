#!/usr/bin/env bash
# lunalloc top on real processes: on a terminal of tmux, which tells what is on its screen; without a terminal; and when
# the process or the terminal goes away. The target is the console itself under another name, with an agent.
. "$(dirname "$0")/common.bash"

# A folder for the agents' sockets, whose path must be short.
mkdir -m 700 "$scratch/run"
export XDG_RUNTIME_DIR=$scratch/run
name=victim$$
ln -s "$console" "$scratch/$name"
targets=()
trap 'tm kill-server 2>/dev/null; kill "${targets[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$scratch"' EXIT

# start -- starts a target that allocates now and then; sets pid.
start() {
    LUNALLOC_CONF=agent:true "$scratch/$name" -e 'keep = {} for i = 1, 2000 do keep[i] = la.buffer(1000) end
        print "ready" io.stdout:flush() while true do require("lunalloc.console").sleep(0.01) la.buffer(3000) end' \
        >"$scratch/ready" </dev/null &
    pid=$!
    targets+=("$pid")
    until [ -s "$scratch/ready" ]; do sleep 0.02; done
    rm "$scratch/ready"
}

# stop PID -- ends a target.
stop() {
    kill "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}

# tm_open WIDTH HEIGHT [VARIABLE=VALUE...] -- a shell on a terminal of that size.
tm_open() {
    tm kill-server 2>/dev/null
    servers=$((servers + 1))
    tm new-session -d -x "$1" -y "$2" env "${@:3}" bash --norc
    tm send-keys "PS1='done> '; clear" Enter
    tm_wait "a shell" 'done>$'
}

tm_type() {
    tm send-keys "$@"
}

# tm_run ARGUMENTS -- runs the console on it; then its status is shown.
tm_run() {
    tm send-keys "$console $* ; echo status=\$?" Enter
}

tm_screen() {
    tm capture-pane -p 2>/dev/null
}

# tm_wait NAME RE -- one test: the screen matches, sooner or later. Sets screen.
tm_wait() {
    local start=$SECONDS
    until screen=$(tm_screen) && [[ $screen =~ $2 ]]; do
        [ $((SECONDS - start)) -le "$patience" ] || break
        sleep 0.05
    done
    check_match "$1" "$screen" "$2"
}

# gone PID -- waits for the end of a process that is not ours; false if it does not end.
gone() {
    local start=$SECONDS
    while kill -0 "$1" 2>/dev/null; do
        [ $((SECONDS - start)) -le "$patience" ] || return 1
        sleep 0.05
    done
}

# The process that runs on the terminal.
tm_child() {
    pgrep -P "$(tm display -p '#{pane_pid}')" | head -n 1
}

json() {
    if command -v jq >/dev/null; then check "$1" "$(jq -r "$3" <<<"$2" 2>&1)" "$4"; else skip "$1" "no jq here"; fi
}

start
first=$pid

# ---- without a terminal ----

batch top "$first" --once </dev/null
check_match "--once is a table of everything" "$status/$out" "^0/ *pid name .*requests/s.*
 *$first $name .*
arenas:.*
hottest classes:.*
most wasteful classes:.*
threads:"
check "on stdout only" "$err" ""
batch top "$first" --count 3 --interval 100ms </dev/null
check "--count: a line each" "$status/$(grep -c "^ *$first $name" <<<"$out")" 0/3
check "and one head" "$(grep -c ' pid ' <<<"$out")" 1
check "ASCII" "$(grep -c '[^ -~]' <<<"$out")" 0
batch top "$first" "$first" --count 2 --interval 100ms </dev/null
check "two processes: two lines each" "$status/$(grep -c "^ *$first $name" <<<"$out")" 0/4
batch top "$first" --json --count 3 --interval 100ms </dev/null
check "--json: an object a line" "$status/$(wc -l <<<"$out")/$err" 0/3/
json "with the figures" "$(tail -n 1 <<<"$out")" \
    '.targets[0] | [.pid, .name, .way, .state, .rss > 1000000, .allocated > 2000000, .rate > 0] | map(tostring) |
        join(" ")' \
    "$first $name agent ok true true true"
json "and the lists" "$(tail -n 1 <<<"$out")" \
    '.targets[0] | [(.arenas, .classes, .threads | length > 0)] | map(tostring) | join(" ")' "true true true"
batch top "$first" --json --once </dev/null
json "--json --once: one object, with rates" "$out" '.targets[0].rate > 0' true
batch top "$first" --interval 1ms </dev/null
check_match "an interval that is too short" "$status/$err" "^1/lunalloc: top: --interval is from 100ms to 1h"
batch top "$first" --count 0 </dev/null
check_match "no sample at all" "$status/$err" "^1/lunalloc: top: --count is at least 1"
batch top </dev/null
check_match "no process" "$status/$err" "^1/lunalloc: top: which process"
batch top 4194305 --once </dev/null
check_match "a process that is not there" "$status/$err" "^1/lunalloc: "

start
second=$pid
(sleep 0.5 && kill "$second") &
batch top "$second" --interval 100ms </dev/null
wait "$second" 2>/dev/null
check_match "a process that ends: status 2, and a line" "$status/$err" "^2/lunalloc: $name:$second has ended$"

# ---- a dumb terminal ----

if have_pty "top on a dumb terminal"; then
    TERM=dumb pty_start top "$first" --interval 100ms
    pty_expect "a dumb terminal gets lines" " pid name"
    pty_expect "one after the other" "$first $name"
    pty_expect "and another" "$first $name"
    pty_send '\x03'
    pty_end
    check "Ctrl-C ends it" "$status" 130
    TERM=nonsense pty_start top "$first" --interval 100ms --count 2
    pty_expect "an unknown terminal, too" "$first $name"
    pty_end
    check "and ends well" "$status" 0
fi

# ---- the full screen ----

if ! command -v tmux >/dev/null; then
    skip "top on a full screen" "no tmux here"
    finish
fi

tm_open 80 24 LC_ALL=C.UTF-8
tm_type "stty -g >'$scratch/before'; echo known" Enter
tm_wait "the modes of the terminal" $'\nknown\n'
modes=$(cat "$scratch/before")
tm_run top "$first" --interval 200ms
tm_wait "the title" "^ $name:$first  agent  "
tm_wait "the figures" $'\nrss .*allocated .*active '
tm_wait "the time line" "0 B┤.*└┬"
tm_wait "the panel" $'\narena threads allocated active▼'
tm_wait "the keys" "q quit  h help"
tm_type 2
tm_wait "a key switches the panel" $'\nclass +size requests/s▼ '
tm_type s
tm_wait "s sorts" "in use▼.*sorted by bytes"
tm_type r
tm_wait "r reverses" "in use▲"
tm_type p
tm_wait "p purges" "purged: RSS [0-9.]+M -> [0-9.]+M"
tm_type d
tm_wait "d asks, with the present value" $'\ndirty_decay_ms \[10000\]:'
tm_type 499 BSpace BSpace Enter
tm_wait "and sets" "dirty_decay_ms of all arenas: 4, was 10000"
tm_wait "the time line has a mark" "dirty_decay_ms = 4 ▼"
batch get "$first" arena.0.dirty_decay_ms </dev/null
check_match "it is set in the process" "$out" '4'
tm_type d nonsense Enter
tm_wait "what is refused is said" "dirty_decay_ms.*nonsense"
tm_type f
tm_wait "f starts the profiler" "the profiler runs"
tm_type f
tm_wait "and stops it" "the profiler has stopped"
tm_type h
tm_wait "h explains" "LUNALLOC_CONF of the changes"
tm_type Escape
tm_wait "until Escape" $'\n 1 arenas '
tm_type Space
tm_wait "space freezes" "FROZEN"
tm_type Space 4
tm_wait "threads" $'tid cached▼ .*\n *'"$first .* $name"
tm resize-window -x 40 -y 10
tm_wait "40 columns, 10 lines" $'^ [^\n]{1,39}\n[^\n]{1,40}\n([^\n]{0,40}\n){7}q quit[^\n]*$'
tm resize-window -x 200 -y 60
tm_wait "200 columns: panels beside each other" $'4 threads +5 stacks'
tm_type C-z
tm_wait "Ctrl-Z gives the terminal back" "Stopped.*done>$"
tm_type "stty -g | diff - '$scratch/before' && echo same" Enter
tm_wait "as it was" $'same\ndone>'
tm_type "fg" Enter
tm_wait "and fg draws again" "^ $name:$first  agent .*q quit"
tm_type w
tm_wait "w writes the conf line" 'LUNALLOC_CONF="[^"]*dirty_decay_ms:4"'
tm_type q
tm_wait "q ends it, and the conf line remains" $'LUNALLOC_CONF="[^"]*dirty_decay_ms:4"\ndone>$'
tm_type "clear; stty -g | diff - '$scratch/before' && echo same" Enter
tm_wait "the terminal is as it was" $'same\ndone>'
check "the cursor is shown, in the first picture" "$(tm display -p '#{cursor_flag} #{alternate_on}')" "1 0"

tm_run top "$first" --interval 200ms
tm_wait "again" "^ $name:$first  agent "
tm_type C-c
tm_wait "Ctrl-C ends it" $'status=0\ndone>$'
# The shell that waits puts the modes back itself, sh does not.
tm_type "sh -c '$console top $first; echo status=\$?; stty -g'" Enter
tm_wait "again" "^ $name:$first  agent "
kill -TERM "$(pgrep -P "$(tm_child)")"
tm_wait "SIGTERM ends it" $'status=143\n[0-9a-f:]+\ndone>$'
check "and gives the terminal back" "$(grep -cFx "$modes" <<<"$screen")" 1
check "as it was" "$(tm display -p '#{cursor_flag} #{alternate_on}')" "1 0"
tm_type "$console -e 'require\"lunalloc.screen\".open() error \"wrong\"'" Enter
tm_wait "an error of the program gives it back, too" $'wrong[^\n]*\n.*done>$'
check "as it was, indeed" "$(tm display -p '#{cursor_flag} #{alternate_on}')" "1 0"

# ---- colours, characters ----

tm_open 80 24 LC_ALL=C.UTF-8 TERM=screen-256color
tm_run top "$first" --interval 200ms
tm_wait "in colour" "└┬"
check_match "there are colours" "$(tm capture-pane -p -e)" $'\x1b\[[0-9;]*36m'
tm_open 80 24 LC_ALL=C TERM=screen-256color NO_COLOR=1
tm_run top "$first" --interval 200ms
tm_wait "without UTF-8" $'\n +\+\+--.*-\+'
check "there is none" "$(tm_screen | grep -c '[^ -~]')" 0
check "NO_COLOR: no colours" "$(tm capture-pane -p -e | grep -c $'\x1b\[[0-9;]*3[1-7]m')" 0

# ---- processes that stop and end ----

start
second=$pid
tm_open 80 24 LC_ALL=C.UTF-8
tm_run top "$first" "$second" --interval 200ms
tm_wait "two processes are rows" $'^ lunalloc top  2 processes.*\n *pid name .*'"$name "
kill -STOP "$second"
tm_wait "one that is stopped is marked" "$second $name [^"$'\n'"]*stopped"
kill -CONT "$second"
tm_wait "until it continues" "$second $name [^s"$'\n'"]*"$'\n'
tm_type Down Enter
tm_wait "Enter opens one" "^ $name:[0-9]+  agent "
tm_type Escape
tm_wait "Escape goes back" "^ lunalloc top "
stop "$second"
tm_wait "one that has ended is marked" "$second $name [^"$'\n'"]*lost"
tm_wait "the other one is there" "$first $name [^l"$'\n'"]*"$'\n'
tm_type q
tm_wait "q ends it" $'lunalloc: '"$name:$second has ended"$'\nstatus=0\ndone>$'

start
second=$pid
tm_run top "$second" --interval 200ms
tm_wait "one process" "^ $name:$second  agent "
stop "$second"
tm_wait "its end is the end: the last figures, and status 2" "lunalloc: $name:$second has ended"$'\nstatus=2\ndone>$'

# ---- a terminal that closes ----

for shell in "" "trap '' HUP; "; do
    tm_open 80 24 LC_ALL=C.UTF-8
    tm_type "$shell$console top $first --interval 200ms" Enter
    tm_wait "on a terminal" "^ $name:$first  agent "
    viewer=$(tm_child)
    tm kill-server
    gone "$viewer"
    check "the terminal closes (${shell:-SIGHUP}): top ends" "$?" 0
    kill -KILL "$viewer" 2>/dev/null
done
batch stats "$first" </dev/null
check_match "the target is unharmed" "$status/$out" "^0/.*allocated"

finish
