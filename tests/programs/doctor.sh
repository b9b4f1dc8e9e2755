#!/usr/bin/env bash
# The doctor, from outside, on processes with a planted illness (doctor.c): the planted cause is its first finding, and
# its remedy gives back what it promised; and on real programs that are well, where it finds nothing.
. "${0%/*}/common.bash"

eval "$(cd "$root" && $make -s env)"

# Prints the table of the planted illnesses, and counts its "ok" and "FAIL" lines.
planted() {
    local line
    LUNALLOC_SO=$library "$console" "$here/doctor.lua" "$library" "$built/doctor" "$work" >"$work/table" 2>&1 ||
        fail "doctor.lua ends well" "$work/table"
    while IFS= read -r line; do
        case $line in
        ok*) ok "${line#ok   }" ;;
        FAIL*) fail "${line#FAIL }" ;;
        *) echo "$line" ;;
        esac
    done <"$work/table"
}

# well NAME PID -- the doctor finds nothing in a running process.
well() {
    if "$console" doctor "$2" >"$work/found" 2>&1 && grep -q '^nothing found' "$work/found"; then
        ok "$1 is well"
    else
        fail "$1 is well" "$work/found"
    fi
}

# ---- programs that are well ----

# In the background its $! is the program itself.
started() {
    LUNALLOC_CONF=agent:true LD_PRELOAD=$library exec "$@"
}

redis() {
    command -v redis-check-rdb redis-benchmark >/dev/null || { skipped=$((skipped + 1)); return; }
    ln -s "$(command -v redis-check-rdb)" "$work/redis-server"
    started "$work/redis-server" --port 0 --unixsocket "$work/redis.sock" --save '' \
        --dir "$work" >/dev/null 2>&1 &
    local server=$! load
    for _ in $(seq 100); do [ -S "$work/redis.sock" ] && break; sleep 0.1; done
    redis-benchmark -s "$work/redis.sock" -q -l -n 100000 -c 20 -r 20000 -d 300 -t set,get,lpush,lpop >/dev/null 2>&1 &
    load=$!
    sleep 2
    well "redis-server under load" $server
    kill $load $server
    wait $load $server 2>/dev/null
}

python() {
    command -v python3 >/dev/null || { skipped=$((skipped + 1)); return; }
    started python3 -c '
import json, time
data = {str(i): list(range(i % 50)) for i in range(20000)}
while True:
    json.loads(json.dumps(data))' &
    local pid=$!
    sleep 2
    well "python3" $pid
    kill $pid
    wait $pid 2>/dev/null
}

lua() {
    started lua5.4 -e '
        while true do local t = {} for i = 1, 200000 do t[i] = tostring(i) .. "x" end end' &
    local pid=$!
    sleep 2
    well "lua5.4" $pid
    kill $pid
    wait $pid 2>/dev/null
}

memcached_alone() {
    local program; program=$(type -P memcached || echo "$root/build/tools/memcached")
    [ -x "$program" ] || { skipped=$((skipped + 1)); echo "skip memcached: not here"; return; }
    started "$program" -u "$(id -un)" -s "$work/memcached.sock" -m 64 >/dev/null 2>&1 &
    local pid=$!
    sleep 2
    well "memcached" $pid
    kill $pid
    wait $pid 2>/dev/null
}

# A compiler that takes long enough: a file with many functions.
compiler() {
    local cc1 i
    cc1=$(gcc -print-prog-name=cc1)
    [ -x "$cc1" ] || { skipped=$((skipped + 1)); return; }
    for i in $(seq 12000); do
        echo "int f$i(int a, int *b) { int s = $i; for (int i = 0; i < a; i++) { s += b[i] * (i ^ s); } return s; }"
    done >"$work/long.c"
    started "$cc1" -quiet -O2 "$work/long.c" -o /dev/null >/dev/null 2>&1 &
    local pid=$!
    sleep 2
    well "gcc that compiles" $pid
    kill $pid 2>/dev/null
    wait $pid 2>/dev/null
}

# ---- the commands ----

# runs NAME PATTERN COMMAND... -- the console's command ends well, and a line of its output matches.
runs() {
    local name=$1 pattern=$2
    shift 2
    if "$console" "$@" >"$work/out" 2>&1 && grep -qE -- "$pattern" "$work/out"; then
        ok "$name"
    else
        fail "$name" "$work/out"
    fi
}

# refuses NAME PATTERN COMMAND... -- it ends with status 1 and one line on stderr, which matches.
refuses() {
    local name=$1 pattern=$2 status
    shift 2
    "$console" "$@" >/dev/null 2>"$work/out"
    status=$?
    if [ $status = 1 ] && [ "$(wc -l <"$work/out")" = 1 ] && grep -qE -- "$pattern" "$work/out"; then
        ok "$name"
    else
        fail "$name: status $status" "$work/out"
    fi
}

commands() {
    mkfifo "$work/pipe"
    LUNALLOC_CONF=agent:true,dirty_decay_ms:-1 LD_PRELOAD=$library "$built/doctor" scattered \
        <"$work/pipe" >"$work/ready" 2>/dev/null &
    local pid=$!
    exec 8>"$work/pipe"
    for _ in $(seq 100); do grep -q ready "$work/ready" && break; sleep 0.1; done
    runs "doctor says what it found" '^1\. scattered: .* MiB' doctor $pid
    runs "doctor --json" '"kind": ?"scattered"' doctor $pid --json
    refuses "doctor --apply without such a finding" 'there is no finding 9' doctor $pid --apply 9
    runs "doctor --apply" '^RSS .* before, .* after' doctor $pid --apply 1
    runs "prof start" '^profiling is on: one sample in 4.00 KiB' prof $pid start --lg-sample 12
    runs "prof top" ' objects, up to ' prof $pid top --seconds 0.5 -n 3
    [ ! -e "$build/lua/lunalloc/symbols.so" ] ||
        runs "prof top has functions, files and lines" '(grow|touched).*\(doctor.c:[0-9]+\)' prof $pid top
    runs "prof top --json" '"samples"' prof $pid top --json --by class
    runs "prof dump" '^written: ' prof $pid dump "$work/heap.pb"
    runs "prof stop" '^profiling is off' prof $pid stop
    [ -s "$work/heap.pb" ] && ok "a profile was written" || fail "a profile was written"
    refuses "prof with another verb" "no verb 'begin'" prof $pid begin
    exec 8>&-
    wait $pid
    refuses "doctor of a process that has ended" '(no|not|ended)' doctor $pid
}

# ---- processes that do not answer ----

silent() {
    mkfifo "$work/pipe2"
    LUNALLOC_CONF=dirty_decay_ms:-1 LD_PRELOAD=$library "$built/doctor" dirty <"$work/pipe2" >"$work/ready2" \
        2>/dev/null &
    local pid=$!
    exec 9>"$work/pipe2"
    for _ in $(seq 100); do grep -q ready "$work/ready2" && break; sleep 0.1; done
    kill -STOP $pid
    runs "doctor of a stopped process, by reading alone" '^1\. dirty: 9[0-9]' doctor $pid
    if command -v gcore >/dev/null && gcore -o "$work/core" $pid >/dev/null 2>&1; then
        runs "doctor of a core file" '^1\. dirty: 9[0-9]' doctor "$work/core.$pid"
        runs "its notes say what a core does not tell" '^note: contention: not looked at' doctor "$work/core.$pid"
    else
        skipped=$((skipped + 1))
        echo "skip the doctor of a core file: no gcore here"
    fi
    kill -CONT $pid
    exec 9>&-
    wait $pid
}

commands
silent
case $build in
*/build) planted ;;
*) echo "skip the planted illnesses: this build has no huge pages, and purges otherwise" && skipped=$((skipped + 1)) ;;
esac
redis
python
lua
memcached_alone
compiler
finish
