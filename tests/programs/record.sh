#!/usr/bin/env bash
# Recordings of real programs: from their start, where counts of the trace equal the allocator's own; of running
# processes; and what ends them: Ctrl-C, the death of either side, a full disk, files that must not be written.
. "${0%/*}/common.bash"
. "${0%/*}/attach.bash"
server=$work/redis-server

say() { "$console" trace "$@" 2>&1; }

options=()

# exact NAME COMMAND... -- recorded from the start: requests by class are those that the allocator reports at exit.
exact() {
    local name=$1 facts
    shift
    in_folder "$work/exact" "$console" run --record t.lnt "${options[@]}" \
        --conf stats_print:true,stats_print_opts:J -- "$@"
    facts=$("$console" "$here/record.lua" "$work/exact/t.lnt" "$work/exact/stderr" 2>&1)
    echo "$facts" >"$work/details"
    if [[ $facts =~ ^differ\ 0\ .*\ cross\ ([0-9]+)\ lost\ 0\ missing\ 0\ unknown\ 0\ complete\ true$ ]]; then
        ok "$name: the trace has what the allocator counted"
    else
        cat "$work/exact/status" >>"$work/details"
        fail "$name: the trace has what the allocator counted" "$work/details"
    fi
    cross=${BASH_REMATCH[1]-0}
}

# expect NAME PATTERN FILE -- the file matches.
expect() {
    if grep -Eq -- "$2" "$3"; then ok "$1"; else fail "$1" "$3"; fi
}

# ---- from the start -------------------------------------------------------------------------------------------------

exact "16 threads of C++" "$built/record_threads"
handed=$(cat "$work/exact/stdout")
# Each thread also frees what the main thread made for it.
if [ "$cross" -ge "$handed" ] && [ "$cross" -le $((handed + 64)) ]; then
    ok "blocks that another thread freed are counted"
else
    fail "blocks that another thread freed: $cross, not $(cat "$work/exact/stdout")"
fi
exact "python3" /usr/bin/python3 -c 'print(len([str(i) * 99 for i in range(20000)]))'
command -v sqlite3 >/dev/null && exact "sqlite3" sqlite3 :memory: \
    "create table t(a,b); with recursive c(x) as (select 1 union all select x+1 from c where x<20000)
     insert into t select x, hex(x*x) from c; create index i on t(b); select count(*) from t where b > '5';"

# Sums are the same, and take as much room whatever the program does.
options=(--mode classes --ring-size 16M)
exact "sums of 16 threads of C++" "$built/record_threads"
size=$(stat -c %s "$work/exact/t.lnt")
if [ "$size" -lt 1000000 ]; then ok "sums are small"; else fail "sums are small: $size bytes"; fi
say "$work/exact/t.lnt" >"$work/out"
expect "what a file of sums has is shown" 'classes mode, complete' "$work/out"
for asked in --events --thread=2 --save="$work/part.lnt"; do
    say "$work/exact/t.lnt" "${asked%%=*}" $([[ $asked == *=* ]] && echo "${asked#*=}") >"$work/out"
    expect "it has nothing for ${asked%%=*}" '^lunalloc: [^:]* has sums alone .mode classes.: record with mode full$' \
        "$work/out"
done
say "$work/exact/t.lnt" --workload >"$work/out"
expect "a description of a load is made of sums" '^return [{]' "$work/out"
"$console" replay "$work/exact/t.lnt" >"$work/out" 2>&1
expect "sums are not replayed" 'sums' "$work/out"
options=()

in_folder "$work/run" "$console" run --record s.lnt --mode stacks --conf lg_prof_sample:12 -- "$built/record_threads"
expect "stacks of a program from its start" '^s.lnt: [1-9][0-9]* stacks in ' "$work/run/stderr"
say "$work/run/s.lnt" --stacks >"$work/out"
expect "they are named" 'main|record_threads' "$work/out"
in_folder "$work/run" "$console" run --record s.lnt --mode stacks --for 1s -- true
expect "they are of the whole run" 'of the whole run: --for and --max-size do not go with it' "$work/run/stderr"

in_folder "$work/run" "$console" run --record t.lnt -- sh -c 'exit 7'
expect "the exit status is the command's" '^7$' "$work/run/status"
in_folder "$work/run" "$console" run --record t.lnt -- sh -c 'kill -TERM $$'
expect "also that of a signal" '^143$' "$work/run/status"
in_folder "$work/run" "$console" run --record t.lnt -- /sbin/ldconfig --version
expect "a program without the allocator is told of" 'nothing was recorded' "$work/run/stderr"
in_folder "$work/run" "$console" run --record folder/t.lnt -- true
expect "no command runs without its file" 'cannot write' "$work/run/stderr"
in_folder "$work/run" "$console" run --for 1s -- true
expect "--for needs --record" 'goes with --record' "$work/run/stderr"

# ---- running processes ----------------------------------------------------------------------------------------------

LD_PRELOAD=$library LUNALLOC_CONF=agent:true "$built/idle" busy >"$work/idle.out" &
started
target=$pid
wait_for grep -q ready "$work/idle.out"

"$console" record $target -o "$work/a.lnt" --for 300ms >"$work/out" 2>&1
expect "a running process is recorded for a while" 'a.lnt: .* events of [1-9] threads? in [0-9.]+ s' "$work/out"
say "$work/a.lnt" >"$work/out"
expect "the trace says of whom" "program +idle \(pid $target\)" "$work/out"
say "$work/a.lnt" --count kind >"$work/out"
expect "with its calls" '^calloc +[1-9]' "$work/out"

active() { "$console" get $target record.active; }
is_on() { active | grep -q true; }
is_off() { active | grep -q false; }
# has_events FILE -- events of it can be read already.
has_events() { say "$1" | grep -Eq 'events +[0-9.]*[1-9]'; }

"$console" record $target -o "$work/b.lnt" >"$work/out" 2>&1 &
started
recorder=$pid
wait_for is_on
"$console" record $target -o "$work/c.lnt" >"$work/second" 2>&1
expect "a second recording of a process is refused" 'a recording is running' "$work/second"
if [ -e "$work/c.lnt" ]; then fail "no file is left by it"; else ok "no file is left by it"; fi
kill -INT $recorder
wait_for test -e "$work/b.lnt"
wait_for grep -q lost "$work/out"
say "$work/b.lnt" >"$work/out"
expect "Ctrl-C ends a recording properly" 'full mode, complete' "$work/out"

"$console" record $target -o "$work/d.lnt" >/dev/null 2>&1 &
started
recorder=$pid
wait_for has_events "$work/d.lnt.$recorder.tmp"
kill -KILL $recorder
if wait_for is_off; then
    ok "the process stops by itself if the recorder dies"
else
    fail "the recorder died: $(active)"
fi
say "$work"/d.lnt.$recorder.tmp >"$work/out"
expect "what it wrote until then can be read" 'events +[0-9.]+ ?[kM]? of [1-9] threads' "$work/out"
rm -f "$work"/d.lnt.*

# has_sums FILE -- it has sums that are whole.
has_sums() { say "$1" --count class | grep -Eq '^ *16 +[1-9]'; }
"$console" record $target -o "$work/l.lnt" --mode classes >/dev/null 2>&1 &
started
recorder=$pid
wait_for has_sums "$work/l.lnt.$recorder.tmp"
kill -KILL $recorder
say "$work"/l.lnt.$recorder.tmp >"$work/out"
expect "a recorder of sums that is killed leaves those that it had written" 'events +[0-9.]*[1-9]' "$work/out"
rm -f "$work"/l.lnt.*
wait_for is_off

timeout 60 "$console" record $target -o "$work/e.lnt" --max-size 100K >"$work/out" 2>&1
"$console" -e "print(la.trace.load('$work/e.lnt'):info().reason)" >>"$work/out" 2>&1
size=$(stat -c %s "$work/e.lnt")
if [ "$(tail -n 1 "$work/out")" = size ] && [ "$size" -ge 102400 ] && [ "$size" -lt $((64 << 20)) ]; then
    ok "the file's size ends a recording"
else
    echo "$size bytes" >>"$work/out"
    fail "the file's size ends a recording" "$work/out"
fi
"$console" record $target -o - 2>"$work/out" >/dev/full
expect "a full disk ends a recording, and is told" 'write to the standard output: No space .* are kept' "$work/out"
if wait_for is_off; then ok "and the process records no more"; else fail "it records on: $(active)"; fi
(
    ulimit -f 100
    "$console" record $target -o "$work/f.lnt" >"$work/out" 2>&1
)
expect "a limit of files is told" 'memory to share with the process: File too large' "$work/out"

mkdir "$work/folder"
mkfifo "$work/fifo"
for odd in folder:folder fifo:FIFO; do
    "$console" record $target -o "$work/${odd%:*}" --for 100ms >"$work/out" 2>&1
    expect "a ${odd#*:} is not written to" "it is a ${odd#*:}" "$work/out"
done
"$console" record $target -o - --for 200ms 2>"$work/out" | cat >"$work/g.lnt"
say "$work/g.lnt" >"$work/out"
expect "the standard output is, if it is asked for" 'full mode, complete' "$work/out"
"$console" record $target -o "$work/h.lnt" --mode pages --for 500ms >"$work/out" 2>&1
say "$work/h.lnt" >"$work/out"
expect "pages only" 'pages mode, complete' "$work/out"

"$console" record $target -o "$work/i.lnt" >"$work/out" 2>&1 &
started
wait_for is_on
wait_for has_events "$work/i.lnt.$pid.tmp"
kill -KILL $target
wait_for test -e "$work/i.lnt"
wait_for grep -q lost "$work/out"
say "$work/i.lnt" >"$work/out"
expect "a process that is killed leaves what it had written" 'full mode, complete' "$work/out"

"$console" record 999999999 -o "$work/j.lnt" >"$work/out" 2>&1
expect "a process that is not there" 'no process' "$work/out"
"$console" trace /etc/passwd >"$work/out" 2>&1
expect "a file that is no trace" 'is no trace' "$work/out"

# ---- a program from its start whose recorder dies -------------------------------------------------------------------

"$console" run --record "$work/k.lnt" --conf agent:true -- "$built/idle" busy >"$work/k.out" 2>&1 &
started
recorder=$pid
wait_for grep -q ready "$work/k.out"
target=$(pgrep -P $recorder)
pids+=("$target")
wait_for is_on
wait_for has_events "$work/k.lnt.$recorder.tmp"
kill -KILL $recorder
if wait_for is_off; then
    ok "the program stops recording by itself if its recorder dies"
else
    fail "the recorder of the program died: $(active)"
fi
if kill -0 "$target"; then ok "and runs on"; else fail "the program ended with its recorder"; fi
kill -KILL "$target"
rm -f "$work"/k.lnt.*

# ---- a program that is killed leaves the stacks that were read before -----------------------------------------------

"$console" run --record "$work/m.lnt" --mode stacks --conf agent:true,lg_prof_sample:12 -- "$built/idle" busy \
    >"$work/k.out" 2>"$work/out" &
started
recorder=$pid
has_stacks() { say "$work/m.lnt.$recorder.tmp" --stacks | grep -Eq 'main|idle[+]'; }
wait_for has_stacks
target=$(pgrep -P $recorder)
pids+=("$target")
kill -KILL "$target"
wait_for test -e "$work/m.lnt"
wait_for grep -q stacks "$work/out"
expect "it is told that there is no profile of the end" 'has written no profile at its end' "$work/out"
expect "and there are stacks" 'm.lnt: [1-9][0-9]* stacks in' "$work/out"

# ---- redis ----------------------------------------------------------------------------------------------------------

if command -v redis-check-rdb redis-benchmark redis-cli >/dev/null; then
    ln -s "$(command -v redis-check-rdb)" "$server"
    (
        cd "$work" || exit
        exec "$console" run --record redis.lnt --conf stats_print:true,stats_print_opts:J -- "$server" --port 0 \
            --unixsocket "$work/redis.sock" --save '' >/dev/null 2>"$work/redis.err"
    ) &
    started
    wait_for redis-cli -s "$work/redis.sock" ping
    redis-benchmark -s "$work/redis.sock" -q -t set,lpush -n 20000 -r 5000 -d 200 >/dev/null
    redis-cli -s "$work/redis.sock" shutdown nosave >/dev/null 2>&1
    wait_for test -e "$work/redis.lnt"
    wait_for grep -q lost "$work/redis.err"
    "$console" "$here/record.lua" "$work/redis.lnt" "$work/redis.err" >"$work/out" 2>&1
    expect "redis under its benchmark: the trace has what the allocator counted" \
        '^differ 0 events .* lost 0 missing 0 unknown 0 complete true' "$work/out"
else
    skipped=$((skipped + 1))
    echo "skip redis: not here"
fi

if compgen -G "$work/*.tmp" >/dev/null; then fail "no file is left aside"; else ok "no file is left aside"; fi
finish
