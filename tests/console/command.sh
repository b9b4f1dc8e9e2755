#!/usr/bin/env bash
# Subcommands on real processes: usage, targets that are not there or go away, output for people and programs, exit
# statuses. The target is the console itself under another name, with an agent.
. "$(dirname "$0")/common.bash"

# A folder for the agents' sockets, whose path must be short.
mkdir -m 700 "$scratch/run"
export XDG_RUNTIME_DIR=$scratch/run
name=victim$$
ln -s "$console" "$scratch/$name"
targets=()
trap 'kill "${targets[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$scratch"' EXIT

# start [SETTINGS] -- starts a target that sleeps; sets pid.
start() {
    LUNALLOC_CONF=${1-agent:true} "$scratch/$name" -e 'keep = {} for i = 1, 2000 do keep[i] = la.buffer(1000) end
        print "ready" io.stdout:flush() require("lunalloc.console").sleep(600)' >"$scratch/ready" </dev/null &
    pid=$!
    targets+=("$pid")
    until [ -s "$scratch/ready" ]; do sleep 0.02; done
    rm "$scratch/ready"
}

# stop -- ends the target.
stop() {
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
}

json() {
    if command -v jq >/dev/null; then check "$1" "$(jq -r "$3" <<<"$2" 2>&1)" "$4"; else skip "$1" "no jq here"; fi
}

# ---- which command ----

batch help </dev/null
check_match "help lists the commands" "$out/$status" $'\n.* ps  .*\n.* serve  .*/0$'
commands=$(sed -nE 's/^  .{17} ([a-z]+) .*/\1/p' <<<"$out")
check_match "their names can be read from it" "$commands" $'^ps\nrun\nattach\n.*\nhelp$'
batch --help </dev/null
check_match "so does --help" "$out/$status" $'^usage: lunalloc COMMAND.*\n.* serve  .*/0$'
for command in $commands; do
    batch "$command" --help </dev/null
    check_match "$command --help" "$err/$status/$out" "^/0/usage: lunalloc $command"
    explained=$out
    batch help "$command" </dev/null
    check "help $command" "$out" "$explained"
    [ "$command" = help ] && continue
    batch "$command" --nonsense </dev/null
    check_match "$command --nonsense" "$out/$err/$status" \
        "^/lunalloc: $command: unknown option '--nonsense'[^"$'\n'"]*/1$"
    check "the usage of $command has no long lines" "$(awk 'length > 120' <<<"$explained")" ""
done
batch help statz </dev/null
check "help on an unknown command" "$out/$err/$status" "/lunalloc: unknown command 'statz'; did you mean 'stats'?/1"

(
    cd "$scratch" || exit
    echo 'print("a script", ...)' >stats
    echo 'print "another"' >notes
    "$console" statz
    echo "$?"
    "$console" qwertyuiop
    echo "$?"
    "$console" -- stats x
    "$console" ./stats y
    "$console" notes
    "$console" stats
    echo "$?"
) >"$scratch/out" 2>&1 </dev/null
check "commands, scripts, and words that are neither" "$(cat "$scratch/out")" \
    "lunalloc: unknown command 'statz'; did you mean 'stats'? A script of that name does not exist either.
1
lunalloc: unknown command 'qwertyuiop'. A script of that name does not exist either.
1
a script	x
a script	y
another
lunalloc: stats: which process? a pid, a name, or the path of a core file (lunalloc stats --help explains)
1"

# ---- which process ----

start
for command in stats threads extents get attach purge conf "set" doctor prof top core; do
    argument=$([ "$command" != set ] || echo x=1)
    case $command in core) ;; *)
        batch "$command" 999999999 $argument </dev/null
        check_match "$command: no such process" "$out/$err/$status" "^/lunalloc: [^"$'\n'"]*999999999[^"$'\n'"]*/1$"
        batch "$command" "no-such-$name" $argument </dev/null
        check_match "$command: no such name" "$out/$err/$status" "^/lunalloc: no process is called [^"$'\n'"]*/1$"
        batch "$command" $$ $argument </dev/null
        check_match "$command: a process without lunalloc" "$out/$err/$status" "^/lunalloc: [^"$'\n'"]*/1$"
        ;;
    esac
    batch "$command" /no/such/core $argument </dev/null
    check_match "$command: no such core file" "$out/$err/$status" "^/lunalloc: [^"$'\n'"]*/1$"
    batch "$command" </dev/null
    check_match "$command: no target" "$out/$err/$status" "^/lunalloc: $command: [^"$'\n'"]*explains\)/1$"
done
batch stats "$name" more </dev/null
check_match "words too many" "$out/$err/$status" "^/lunalloc: stats: unexpected 'more'.*/1$"
batch stats "$name" --over nonsense </dev/null
check_match "an option's value" "$out/$err/$status" "^/lunalloc: stats: '--over' takes .*, not 'nonsense'.*/1$"
batch stats "$name" --over </dev/null
check_match "an option without its value" "$out/$err/$status" "^/lunalloc: stats: '--over' needs a value.*/1$"
batch stats "$name" --json=yes </dev/null
check_match "a value for an option that takes none" "$out/$err/$status" "^/lunalloc: stats: '--json' takes no.*/1$"

# ---- ps ----

batch ps </dev/null
check_match "ps lists it" "$out/$err/$status" $'\n *'"$pid +$(id -u) +[0-9.]+ [KM]iB +[A-Z] +agent +[0-9.]+ +$name"
batch ps --json </dev/null
json "ps --json" "$out" ".[] | select(.pid == $pid) | .name + \" \" + .way" "$name agent"

# ---- stats, extents ----

batch stats "$pid" </dev/null
check_match "stats" "$out/$err/$status" $'^time .*\nallocated .*MiB\n.*//0$'
batch stats "$name" --json </dev/null
json "stats --json, by name" "$out" 'if .allocated > 2000000 and (.arenas | length) > 0 then "good" else . end' good
batch stats "$pid" --openmetrics </dev/null
check_match "stats --openmetrics" "$out/$status" $'^# TYPE lunalloc_time_seconds gauge\n.*\n# EOF/0$'
batch stats "$pid" --report </dev/null
check_match "stats --report" "$out/$status" "--- End lunalloc statistics ---/0$"
batch stats "$pid" --opts J </dev/null
json "stats --opts J" "$out" 'if .jemalloc then "good" else keys end' good
batch stats "$pid" --over 0.05 </dev/null
check_match "stats --over" "$out/$status" $'^time +0\\.[0-9]+ s\n.*nmalloc .*/s\n.*/0$'
batch extents "$pid" </dev/null
check_match "extents" "$out/$status" $'^STATE +COUNT +BYTES\n(.*\n)?active .*iB.*/0$'
batch extents "$pid" --by szind --json </dev/null
json "extents --json" "$out" 'if (map(.bytes) | add) > 2000000 then "good" else . end' good
batch extents "$pid" --by sise </dev/null
check_match "extents by an unknown field" "$out/$err/$status" "^/lunalloc: extents: no field 'sise'.*/1$"

# ---- threads, purge: the target sleeps, so its thread keeps its cache ----

batch threads "$pid" </dev/null
check_match "threads" "$out/$err/$status" \
    $'^ *TID +ARENA +CACHED +IDLE +BEHIND +NAME\n *'"$pid +0 +[0-9.]+ K?i?B .* $name//0$"
batch threads "$pid" --json </dev/null
json "threads --json" "$out" ".[0] | .name + \" \" + (if (.classes | length) > 0 then \"cached\" else \"none\" end)" \
    "$name cached"
batch purge "$pid" --timeout 50ms </dev/null
check_match "purge" "$out/$err/$status" \
    $'^RSS [0-9.]+ MiB before, [0-9.]+ MiB after: [^\n]*\n  thread '"$pid \($name\) sleeps and keeps .*//0$"
batch purge "$pid" --timeout 50ms --all --json </dev/null
json "purge --json" "$out" ".threads_silent[0].tid" "$pid"
batch purge "$pid" --timeout nonsense </dev/null
check_match "purge, a bad timeout" "$out/$err/$status" "^/lunalloc: purge: '--timeout' takes .*/1$"

# ---- get, set ----

batch get "$pid" arena.0.dirty_decay_ms </dev/null
check "get" "$out/$err/$status" "10000//0"
batch get "$pid" version arena.0.dirty_decay_ms </dev/null
check_match "get, of several" "$out" $'^version [0-9.]+\narena.0.dirty_decay_ms 10000$'
batch get "$pid" arena.0.dirty_decay_mss </dev/null
check_match "get, mistyped" "$out/$err/$status" "^/lunalloc: .*did you mean 'arena.0.dirty_decay_ms'\\?/1$"
batch get "$pid" </dev/null
check_match "get, of all" "$out/$status" $'\nopt.dirty_decay_ms 10000\n.*/0$'
batch get "$pid" --json </dev/null
json "get --json" "$out" '."opt.dirty_decay_ms"' 10000
batch get "$pid" --describe opt.narenas </dev/null
check_match "get --describe" "$out/$status" $'^opt.narenas [0-9]+\n    .*/0$'

batch set "$pid" arena.0.dirty_decay_ms 2s </dev/null
check "set" "$out/$err/$status" "arena.0.dirty_decay_ms: 10000 -> 2000//0"
batch set "$pid" arena.0.dirty_decay_ms=-1 arena.0.purge </dev/null
check "set, several, and an action" "$out/$err/$status" $'arena.0.dirty_decay_ms: 2000 -> -1\narena.0.purge: done//0'
batch conf "$pid" </dev/null
check "conf" "$out/$err/$status" 'LUNALLOC_CONF="agent:true,dirty_decay_ms:-1"//0'
batch set "$pid" arena.0.dirty_decay_ms -1 </dev/null
check "set, a negative number" "$out/$status" "arena.0.dirty_decay_ms: -1 -> -1/0"
batch set "$pid" arena.4096.dirty_decay_ms=-1 </dev/null
check "set, all arenas" "$out/$err/$status" "arena.4096.dirty_decay_ms: -1//0"
batch set "$pid" arena.0.dirty_decay_ms nonsense </dev/null
check_match "set, a bad value" "$out/$err/$status" "^/lunalloc: .*/1$"
batch set "$pid" version 3 </dev/null
check_match "set, read-only" "$out/$err/$status" "^/lunalloc: .*read-only.*/1$"
batch set "$pid" arena.0.dirty_decay_ms </dev/null
check_match "set, no value" "$out/$err/$status" "^/lunalloc: set: .* needs a value.*/1$"
batch set "$pid" arena.0.purge=1 </dev/null
check_match "set, an action with a value" "$out/$err/$status" "^/lunalloc: set: .*takes no value.*/1$"

# ---- attach ----

batch attach "$pid" <<<'t.pid, t.way, t.get "arena.0.dirty_decay_ms"'
check "attach: the prompt has it as t" "$out/$err/$status" "$pid	agent	-1//0"
batch attach "$pid" --way nonsense </dev/null
check_match "attach: an unknown way" "$out/$err/$status" "^/lunalloc: attach: --way is .*/1$"
echo 'print(t.pid, arg[0], ...) if arg[2] then error "oops" end' >"$scratch/script.lua"
batch attach "$pid" "$scratch/script.lua" a </dev/null
check "attach: a script has it as t" "$out/$err/$status" "$pid	$scratch/script.lua	a//0"
batch attach "$pid" "$scratch/script.lua" a b </dev/null
check "attach: an error of the script, without calls of ours" "$err/$status" "lunalloc: $scratch/script.lua:1: oops
stack traceback:
	[C]: in function 'error'
	$scratch/script.lua:1: in main chunk/3"
batch attach "$pid" "$scratch/nothing.lua" </dev/null
check "attach: no such script" "$out/$err/$status" \
    "/lunalloc: cannot open $scratch/nothing.lua: No such file or directory/1"
if have_pty "attach on a terminal"; then
    pty_start attach "$name"
    pty_expect "attach says what t is" "t is $name:$pid (agent)"
    pty_send 't.alive()\r'
    pty_expect "and its functions answer" "true"
    pty_send '.quit\r'
    pty_end
    check "and the prompt ends well" "$status" 0
fi

# ---- a target that is stopped, and a core file ----

kill -STOP "$pid"
batch stats "$pid" </dev/null
check_match "a stopped process is read" "$out/$err/$status" $'\nallocated +2\\.[0-9]+ MiB\n.*//0$'
batch set "$pid" arena.0.dirty_decay_ms 1 </dev/null
check "but not changed" "$out/$err/$status" \
    "/lunalloc: arena.0.dirty_decay_ms: process $pid ($name) is stopped by a signal/1"
kill -CONT "$pid"
if command -v gcore >/dev/null && gcore -o "$scratch/core" "$pid" >/dev/null 2>&1 </dev/null; then
    batch core "$scratch/core.$pid" stats </dev/null
    check_match "core: stats" "$out/$err/$status" $'\nallocated +2\\.[0-9]+ MiB\n.*//0$'
    (cd "$scratch" && "$console" core "core.$pid" get version arena.0.dirty_decay_ms) >"$scratch/out" 2>&1 </dev/null
    check_match "core: get, of a file here" "$(cat "$scratch/out")" $'^version [0-9.]+\narena.0.dirty_decay_ms -1$'
    batch core "$scratch/core.$pid" threads </dev/null
    check_match "core: threads" "$out/$status" $'\n *'"$pid +0 .*/0$"
    batch core "$scratch/core.$pid" <<<'t.way'
    check "core: the prompt" "$out/$err/$status" "core//0"
    batch set "$scratch/core.$pid" arena.0.dirty_decay_ms 1 </dev/null
    check_match "core: set" "$out/$err/$status" "^/lunalloc: [^"$'\n'"]*/1$"
    batch core "$scratch/core.$pid" purge </dev/null
    check_match "core: a command that changes" "$err/$status" "^lunalloc: core: no command 'purge' for core files.*/1$"
    rm "$scratch/core.$pid"
else
    skip "core files" "no gcore (gdb) here, or it cannot trace"
fi

# ---- a target that goes away ----

"$console" stats "$pid" --over 1 >"$scratch/late" 2>&1 </dev/null &
command_pid=$!
until batch get "$pid" agent.nconnections </dev/null && [ "${out:-0}" -ge 2 ]; do sleep 0.02; done
stop
wait "$command_pid"
check_match "a target that ends meanwhile: status 2, one line" "$?/$(cat "$scratch/late")" "^2/lunalloc: [^"$'\n'"]+$"

# Killed, and waited for: its main thread has no files any more, and the others, which had its memory, are gone.
ended="os.execute('p=/proc/' .. t.pid .. '; kill \${p#/proc/}; "
ended+="while [ -e \$p/fd/0 ] || [ -e \$p/task ] && [ \$(ls \$p/task | wc -l) -gt 1 ]; do sleep 0.01; done')"
for input in 'assert(t.stats())' 't.stats()' '.stats' '1'; do
    start
    batch attach "$pid" <<<"$ended"$'\n'"$input"
    check "attach: the process ends, then $input" "$status" 2
    stop
done
start
batch attach "$pid" <<<'.stats'
check "attach: a process that stays" "$status" 0
batch attach "$pid" <<<'t.close()'
check "attach: a process that is left" "$status" 0
batch attach "$pid" <<<"nonsense()"$'\n'"$ended"
check "attach: an error before the process ends" "$status" 3
stop

# ---- run ----

batch run -- sh -c 'echo "$LUNALLOC_CONF"; exit 7' </dev/null
check "run: settings, and the command's status" "$out/$err/$status" "agent:true//7"
batch run --conf dirty_decay_ms:500 --agent read-only sh -c 'echo $LUNALLOC_CONF' </dev/null
check "run --conf --agent" "$out/$err/$status" "dirty_decay_ms:500,agent:read-only//0"
LUNALLOC_CONF=narenas:2 LD_PRELOAD='' batch run --conf narenas:3 -- sh -c 'echo $LUNALLOC_CONF $LD_PRELOAD' </dev/null
check "run: settings of the environment come first" "$out" \
    "narenas:2,narenas:3,agent:true $(dirname "$(realpath "$console")")/liblunalloc.so"
LUNALLOC_CONF=agent:never batch run -- sh -c 'echo $LUNALLOC_CONF' </dev/null
check "run: so does an agent" "$out" agent:never
LD_PRELOAD=libm.so.6 batch run -- sh -c 'echo $LD_PRELOAD' </dev/null
check_match "run: the library is in front of others" "$out" "/liblunalloc.so:libm.so.6$"
batch run -- "$console" run -- sh -c 'echo "$LD_PRELOAD"' </dev/null
check_match "run within run: once" "$out/$err" "^[^:]*/liblunalloc.so/$"
batch run --conf nonsense:1 -- echo started </dev/null
check_match "run: a bad setting, and nothing is started" "$out/$err/$status" "^/lunalloc: .*'nonsense'[^"$'\n'"]*/1$"
batch run no-such-command </dev/null
check "run: no such command" "$out/$err/$status" "/lunalloc: cannot run 'no-such-command': No such file or directory/1"
batch run --agent sometimes true </dev/null
check_match "run: an unknown mode" "$out/$err/$status" "^/lunalloc: run: --agent is .*'sometimes'.*/1$"
batch run -- sh -c 'kill -PIPE $$' </dev/null
check "run: the command's signal" "$status" 141
if [ -x build/tests/programs/static_libc ]; then
    batch run build/tests/programs/static_libc </dev/null
    check_match "run: a warning for what is statically linked" "$err" "static_libc' is statically linked"
fi

"$console" run --agent never -- "$scratch/$name" -e 'print "ready" io.stdout:flush()
    require("lunalloc.console").sleep(600)' >"$scratch/ready" </dev/null &
pid=$!
targets+=("$pid")
until [ -s "$scratch/ready" ]; do sleep 0.02; done
batch attach "$pid" --way agent </dev/null
check_match "run --agent never: no agent" "$out/$err/$status" "^/lunalloc: [^"$'\n'"]*/1$"
stop

# ---- output that cannot be written ----

start
if [ -w /dev/full ]; then
    "$console" stats "$pid" --report >/dev/full 2>"$scratch/err" </dev/null
    check_match "output that is lost" "$?/$(cat "$scratch/err")" "^1/lunalloc: [^"$'\n'"]*$"
fi
"$console" stats "$pid" --report 2>"$scratch/err" </dev/null | true
check "a reader that has gone away" "${PIPESTATUS[1]}/$(cat "$scratch/err")" "0/"
"$console" get "$pid" version >&- 2>"$scratch/err" </dev/null
check_match "no output at all" "$?/$(cat "$scratch/err")" "^1/lunalloc: [^"$'\n'"]*$"
stop

finish
