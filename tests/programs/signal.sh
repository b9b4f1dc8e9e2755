#!/usr/bin/env bash
# Reports as files: by a signal (opt.dump_signal) and at intervals (opt.stats_interval with opt.report_prefix), from
# real programs, also in the children of forks; and what is refused, with one line.
. "${0%/*}/common.bash"
need python3
python=$(python3 -c 'import sys; print(sys.executable)') # python3 itself may be a script that looks for it
cd "$work" || exit 1
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT

# begin CONF COMMAND... -- starts it with the library; $pid. Its stderr goes to the file err.
begin() {
    local conf=$1
    shift
    : >out
    : >err
    LD_PRELOAD=$library LUNALLOC_CONF=$conf "$@" >out 2>err </dev/null &
    pid=$!
    pids+=("$pid")
}

end() {
    kill -9 "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
}

# within COMMAND... -- waits until it succeeds. The limit is against hanging only.
within() {
    for _ in $(seq 300); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.05
    done
    return 1
}

# expect NAME COMMAND... -- the command succeeds, at once or soon.
expect() {
    local name=$1
    shift
    if within "$@"; then
        ok "$name"
    else
        { cat err; ls -la; } >details 2>&1
        fail "$name" details
    fi
}

# refute NAME COMMAND... -- the command fails.
refute() {
    local name=$1
    shift
    if "$@" >/dev/null 2>&1; then
        { cat err; ls -la; } >details 2>&1
        fail "$name" details
    else
        ok "$name"
    fi
}

# Does the process of that number (default: $pid) sleep in a call, ready for a signal?
ready() {
    [ "$(cut -d' ' -f3 "/proc/${1:-$pid}/stat" 2>/dev/null)" = S ]
}

has_reporter() {
    grep -qs lunalloc_report "/proc/$pid"/task/*/comm
}

sleeper=("$python" -c 'import time
time.sleep(600)')

# ---- by a signal ----

begin dump_signal:SIGUSR2 "${sleeper[@]}"
within has_reporter && within ready
kill -USR2 "$pid"
file=lunalloc.$pid.python3.s0.txt
expect "a signal: a file with process and name in its name" test -e "$file"
expect "and in its first line" grep -qx "process $pid python3, [0-9]* seconds after 1970, by signal SIGUSR2" "$file"
expect "it has all statistics" grep -q '^--- End lunalloc statistics ---' "$file"
kill -USR2 "$pid"
expect "a second signal: a second file" test -e "lunalloc.$pid.python3.s1.txt"
refute "nothing is left beside them" compgen -G '*.tmp'
refute "and nothing is on stderr" test -s err
end

mkdir reports
begin "dump_signal:10,report_prefix:reports/a,stats_interval_opts:J" "${sleeper[@]}"
within has_reporter && within ready
kill -USR1 "$pid"
file=reports/a.$pid.python3.s0.json
expect "a number, a prefix, JSON" test -e "$file"
expect "the JSON is whole" python3 -c 'import json, sys
assert "jemalloc" in json.load(open(sys.argv[1]))' "$file"
end

begin "dump_signal:SIGRTMIN+3,report_prefix:reports/b,stats_interval_opts:O" "${sleeper[@]}"
within has_reporter && within ready
kill -s RTMIN+3 "$pid"
expect "a real-time signal, OpenMetrics" test -e "reports/b.$pid.python3.s0.metrics"
expect "the metrics are whole" grep -qx '# EOF' "reports/b.$pid.python3.s0.metrics"
end

if command -v redis-check-rdb >/dev/null; then
    ln -s "$(command -v redis-check-rdb)" redis-server
    begin dump_signal:USR2 ./redis-server --port 0 --unixsocket "$work/redis.sock" --save '' --loglevel warning
    within test -S redis.sock && within has_reporter
    kill -USR2 "$pid"
    expect "redis-server" grep -q "^process $pid redis-server, " "lunalloc.$pid.redis-server.s0.txt"
    end
fi

# ---- children of a fork ----

cat >forks.py <<'END'
import os, time
child = os.fork()
if child == 0:
    print(os.getpid(), flush=True)
    while True:
        x = [bytearray(300000) for i in range(10)]
        time.sleep(0.01)
time.sleep(600)
END
begin dump_signal:SIGUSR2,report_prefix:child "$python" forks.py
within test -s out
child=$(cat out)
pids+=("$child")
kill -USR2 "$child"
expect "the child of a fork: by its first signal" grep -q "^process $child python3, " "child.$child.python3.s0.txt"
kill -USR2 "$child"
expect "and by its second" test -e "child.$child.python3.s1.txt"
kill -USR2 "$pid"
expect "its parent, too" test -e "child.$pid.python3.s0.txt"
kill -9 "$child"
end

# ---- at intervals ----

LD_PRELOAD=$library LUNALLOC_CONF=stats_interval:16M,report_prefix:interval "$python" -c 'import os, time
for i in range(100): x = bytearray(1 << 20)
print(os.getpid(), flush=True)
for i in range(600):
    if any(name.startswith("interval") and name.endswith(".txt") for name in os.listdir(".")): break
    time.sleep(0.05)' >out 2>err
expect "an interval: a file" test -e "interval.$(cat out).python3.i0.txt"
expect "that says so" grep -q "by opt.stats_interval$" "interval.$(cat out).python3.i0.txt"
refute "and nothing on stderr" test -s err

# ---- what is refused ----

begin dump_signal:SIGUSR2,report_prefix:none/such "${sleeper[@]}"
within has_reporter && within ready
for _ in 1 2 3; do
    kill -USR2 "$pid"
    sleep 0.2
done
expect "no directory: a line" grep -q "^lunalloc: report: none/such.$pid.python3.s0.txt was not written" err
expect "and only one" test "$(grep -c . err)" = 1
expect "the process goes on" kill -0 "$pid"
mkdir none
kill -USR2 "$pid"
expect "once it is there, the next file is written" compgen -G "none/such.$pid.python3.s*.txt"
end

begin dump_signal:SIGUSR2,report_prefix:link "${sleeper[@]}"
within has_reporter && within ready
echo precious >target
ln -s target "link.$pid.python3.s0.txt"
mkfifo "link.$pid.python3.s1.txt"
kill -USR2 "$pid"
expect "a link has the name: a line" grep -q "s0.txt was not written: something that is no regular file has" err
expect "it is left alone, and so is its target" test "$(cat target)" = precious -a -L "link.$pid.python3.s0.txt"
kill -USR2 "$pid"
sleep 0.3
kill -USR2 "$pid"
expect "the third file is written" test -e "link.$pid.python3.s2.txt"
expect "a FIFO that has the second name stays" test -p "link.$pid.python3.s1.txt"
end

(trap '' USR2; exec env LD_PRELOAD="$library" LUNALLOC_CONF=dump_signal:SIGUSR2,report_prefix:ignored \
    "${sleeper[@]}" 2>err) &
pid=$!
pids+=("$pid")
expect "a signal that is ignored already: a line" grep -q '^lunalloc: dump_signal: SIGUSR2 is handled or ignored' err
within ready
kill -USR2 "$pid"
sleep 0.2
refute "and it stays ignored" compgen -G 'ignored*'
expect "the process goes on" kill -0 "$pid"
end

begin dump_signal:SIGUSR2,report_prefix:theirs "$python" -c 'import signal, time
signal.signal(signal.SIGUSR2, lambda *_: print("theirs", flush=True))
print("set", flush=True)
while True: time.sleep(0.1)'
within grep -q set out
kill -USR2 "$pid"
expect "a handler that the program installs later is the one that is called" grep -q theirs out
refute "and no report is written" compgen -G 'theirs*'
end

for value in SIGKILL SIGSEGV 65 usr2 ""; do
    LD_PRELOAD=$library LUNALLOC_CONF=dump_signal:$value "$python" -c pass 2>err
    expect "no such signal: '$value'" grep -q 'dump_signal.*allowed: off, SIGUSR1, SIGUSR2' err
done

# ---- the end ----

# The main thread ends first, then the other one; the reporter's thread is all that is left.
expect "the reporter ends with the last thread" timeout -s KILL 60 env LD_PRELOAD="$library" \
    LUNALLOC_CONF=dump_signal:SIGUSR2 "$python" -c 'import ctypes, threading, time
threading.Thread(target=lambda: time.sleep(0.3), daemon=True).start()
ctypes.CDLL(None).pthread_exit(None)'

# Reports that are being written when the process ends are whole, or not there.
LD_PRELOAD=$library LUNALLOC_CONF=dump_signal:SIGUSR2,report_prefix:last "$python" -c 'import os, signal
for i in range(20): os.kill(os.getpid(), signal.SIGUSR2)'
partial=0
for file in last.*; do
    case $file in
    *.txt) tail -n 1 "$file" | grep -q 'End lunalloc' || partial=1 ;;
    *) [ "$file" = 'last.*' ] || partial=1 ;;
    esac
done
expect "at exit, files are whole" test "$partial" = 0

finish
