#!/usr/bin/env bash
# The policies of scripts/policies on real processes: each acts on one that is attached, ends well on Ctrl-C, and with 2
# when its process ends. Control groups are the kernel's where one can be made, else copies of their files.
. "${0%/*}/common.bash"
. "$here/attach.bash"
cd "$root" || exit 1
eval "$($make -s env)"
policies=$root/scripts/policies

# start COMMAND... -- starts the console as a process to watch. It says "ready"; each line that it gets is run as Lua.
# The number is in $victim; the lines go to $victim_in.
start() {
    mkfifo "$work/lines"
    LUNALLOC_CONF=agent:true,dirty_decay_ms:-1 "$@" "$console" -e '
        keep = {}
        function fill() for i = 1, 256 do keep[i] = la.buffer("64K"):fill(1) end end
        function drop() for i = 1, 256 do keep[i]:free() end keep = {} end
        print "ready" io.stdout:flush()
        for line in io.lines() do assert(load(line))() print "done" io.stdout:flush() end' \
        <"$work/lines" >"$work/victim" 2>&1 &
    started
    victim=$pid
    exec {victim_in}>"$work/lines"
    rm "$work/lines"
    wait_for grep -q ready "$work/victim"
}

# tell LINE -- the process runs it.
tell() {
    : >"$work/victim"
    echo "$1" >&"$victim_in"
    wait_for grep -q done "$work/victim"
}

# acts NAME PATTERN POLICY [OPTION...] -- one step on the process; its output matches.
acts() {
    local name=$1 pattern=$2 policy=$3
    shift 3
    if "$console" "$policies/$policy.lua" "$victim" rounds=1 "$@" >"$work/said" 2>&1 &&
        grep -Eq "$pattern" "$work/said"; then
        ok "$name"
    else
        fail "$name" "$work/said"
    fi
}

rests() { acts "$1" 'ends: 0 of 1 steps' "${@:2}"; }

on_a_process() {
    start
    tell 'fill() drop()'
    rests "dirty_cap: below the limit" dirty_cap limit=64M
    acts "dirty_cap: above it" '1[5-9]([.][0-9])? MiB were free, 1[5-9]([.][0-9])? MiB given back from 1 arena$' \
        dirty_cap limit=1M
    rests "dirty_cap: after it" dirty_cap limit=1M
    tell 'fill() drop()'
    rests "night_purge: by day" night_purge from=00:00 to=00:00 every=10ms
    acts "night_purge: at night" 'RSS .* given back' night_purge from=00:00 to=24:00
    if "$console" attach "$victim" "$policies/dirty_cap.lua" limit=1G rounds=1 >"$work/said" 2>&1 &&
        grep -q "dirty_cap: watches .*:$victim (agent)" "$work/said"; then
        ok "lunalloc attach with a policy"
    else
        fail "lunalloc attach with a policy" "$work/said"
    fi
    tell 'for i = 1, 500 do local b <close> = la.buffer(1000) end'
    acts "idle_flush: asks one that sleeps" ': idle threads: 0 emptied .*, 1 sleep, ' idle_flush idle=0 least=0
    tell 'local b <close> = la.buffer(5000)'
    tell 'print("cached " .. (la.get "stats.cached" < 20000 and "little" or "much"))'
    if grep -q 'cached little' "$work/victim"; then ok "idle_flush: it does so when it wakes"
    else fail "idle_flush: it does so when it wakes" "$work/victim"; fi
}

# A group of its own below ours, with the process in it, if the kernel lets us; its folder is in $group.
make_group() {
    local ours
    ours=$(sed -n 's/^[0-9]*:memory:\//memory\//p; s/^0:://p' /proc/self/cgroup | head -n 1)
    group=/sys/fs/cgroup/$ours/lunalloc_test.$$
    mkdir "$group" 2>/dev/null || return
    trap 'stop_all; leave_group; rm -rf "$work"' EXIT
    [ -w "$group/cgroup.procs" ] && { [ -e "$group/memory.high" ] || [ -e "$group/memory.soft_limit_in_bytes" ]; }
}

# A group can be removed once its processes are gone.
leave_group() {
    [ ! -d "${group-}" ] || wait_for rmdir "$group"
}

in_a_group() {
    if ! make_group; then
        skipped=$((skipped + 1))
        echo "skip cgroup: no control group can be made here"
        leave_group
        return
    fi
    local limit=memory.high
    [ -e "$group/$limit" ] || limit=memory.soft_limit_in_bytes
    start bash -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' - "$group"
    tell 'fill() drop()'
    rests "cgroup: without a limit" cgroup stall=1.1
    echo 1G >"$group/$limit"
    rests "cgroup: far below it" cgroup stall=1.1
    echo 8M >"$group/$limit"
    acts "cgroup: above it" 'MiB of 8.00 MiB in use, .* RSS .* 1[0-9.]+ MiB given back$' cgroup stall=1.1
    rests "cgroup: nothing is left to give back" cgroup stall=1.1
    stop_all
    leave_group
}

in_a_copy() {
    mkdir "$work/group"
    echo 95 >"$work/group/memory.current"
    echo 100 >"$work/group/memory.high"
    echo 'some avg10=0.00 avg60=0.00 avg300=0.00 total=0' >"$work/group/memory.pressure"
    start
    tell 'fill() drop()'
    rests "cgroup, a copy: below the limit" cgroup dir="$work/group" at=96%
    echo 'some avg10=6.00 avg60=0.00 avg300=0.00 total=0' >"$work/group/memory.pressure"
    acts "cgroup, a copy: pressure" 'tasks waited 6 % of the time: RSS .* given back$' cgroup dir="$work/group" at=96%
    stop_all
}

# Ctrl-C ends a policy well; so does the end of its process, with another status.
ends() {
    local status policy
    start
    "$console" "$policies/dirty_cap.lua" "$victim" every=10s >"$work/policy" 2>"$work/problem" &
    policy=$!
    wait_for grep -q watches "$work/policy"
    sleep 0.2
    kill -INT "$policy"
    wait "$policy"
    status=$?
    if [ $status = 0 ] && [ ! -s "$work/problem" ] && grep -q 'ends: 0 of [01] steps' "$work/policy"; then
        ok "Ctrl-C ends a policy"
    else
        echo "status $status" | cat - "$work/policy" "$work/problem" >"$work/said"
        fail "Ctrl-C ends a policy" "$work/said"
    fi
    "$console" "$policies/dirty_cap.lua" "$victim" every=10ms >"$work/policy" 2>"$work/problem" &
    policy=$!
    wait_for grep -q watches "$work/policy"
    stop_all
    wait "$policy"
    status=$?
    if [ $status = 2 ] && [ "$(wc -l <"$work/problem")" = 1 ] && grep -q '^dirty_cap: process' "$work/problem"; then
        ok "the end of the process ends a policy, with 2"
    else
        echo "status $status" | cat - "$work/policy" "$work/problem" >"$work/said"
        fail "the end of the process ends a policy, with 2" "$work/said"
    fi
}

# Each explains itself, and runs in any Lua on the process itself.
alone() {
    local file name never
    for file in "$policies"/*.lua; do
        name=$(basename "$file" .lua) never=()
        [ "$name" != night_purge ] || never=(from=00:00 to=00:00) # there may be night now
        if lua5.4 "$file" --help >"$work/said" 2>&1 && grep -q "^$name: " "$work/said" &&
            lua5.4 "$file" rounds=1 "${never[@]}" >"$work/said" 2>&1 && grep -q 'ends: 0 of 1' "$work/said" &&
            [ "$(wc -l <"$file")" -le 60 ] && ! lua5.4 "$file" nonsense=1 >>"$work/said" 2>&1; then
            ok "$name alone in a stock lua5.4"
        else
            fail "$name alone in a stock lua5.4" "$work/said"
        fi
    done
}

alone
on_a_process
stop_all
in_a_group
in_a_copy
ends
finish
