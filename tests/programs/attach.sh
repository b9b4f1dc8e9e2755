#!/usr/bin/env bash
# Attaching to real programs under load that never asked for an agent: redis-server under redis-benchmark, nginx with
# two workers, python3 with threads, a C++ program with 200 threads, one that forks; and memcached, which did. Each goes
# on working, and gives right results. ATTACH_CYCLES: how often each is attached to and left (default 30).
. "${0%/*}/common.bash"

. "$here/attach.bash"
cycles=${ATTACH_CYCLES-30}

# attached NAME PID -- attach.lua finds nothing wrong.
attached() {
    if timeout 120 "$console" "$here/attach.lua" "$2" "$cycles" >"$work/said" 2>&1 &&
        [ "$(cat "$work/said")" = ok ]; then
        ok "$1: looked at, changed, and left $cycles times"
    else
        fail "$1: attached" "$work/said"
    fi
}

# expect NAME COMMAND... -- succeeds.
expect() {
    local name=$1
    shift
    if "$@" >"$work/said" 2>&1; then ok "$name"; else fail "$name" "$work/said"; fi
}

# skipped NAME COMMAND -- true, and says so, if there is no such command. Its path is in $program.
lacks() {
    program=$(type -P "$2" || echo "$root/build/tools/$2")
    [ ! -x "$program" ] || return 1
    skipped=$((skipped + 1))
    echo "skip $1: no $2 here"
}

redis() {
    ! lacks redis redis-check-rdb || return
    ln -s "$program" "$work/redis-server"
    env LD_PRELOAD="$library" "$work/redis-server" --port 0 --unixsocket "$work/redis.sock" --save '' \
        --appendonly no --dir "$work" >"$work/redis.log" 2>&1 &
    started
    local server=$pid
    wait_for redis-cli -s "$work/redis.sock" ping
    redis-benchmark -s "$work/redis.sock" -q -l -n 100000 -c 20 -r 10000 -d 200 -t set,get,lpush,lpop \
        >"$work/bench" 2>&1 &
    started
    attached "redis-server under redis-benchmark" "$server"
    kill "$pid" 2>/dev/null
    redis-cli -s "$work/redis.sock" set key value >/dev/null
    expect "redis-server goes on" test "$(redis-cli -s "$work/redis.sock" get key)" = value
    stop_all
}

# talk PORT -- a session with memcached; fails unless it gets back what it has set.
talk() {
    local line
    exec 3<>"/dev/tcp/127.0.0.1/$1" || return
    printf 'set k 0 0 5\r\nhello\r\nget k\r\nquit\r\n' >&3
    line=$(tr -d '\r' <&3)
    exec 3>&-
    [ "$line" = $'STORED\nVALUE k 0 5\nhello\nEND' ]
}

memcached() {
    ! lacks memcached memcached || return
    local port=$((20000 + RANDOM % 20000))
    # It has memory of its own and seldom allocates, so it might never notice a request.
    env LD_PRELOAD="$library" LUNALLOC_CONF=agent:true "$program" -u "$(id -un)" -l 127.0.0.1 -p $port -U 0 \
        -m 64 -t 4 >"$work/memcached.log" 2>&1 &
    started
    local server=$pid
    wait_for talk $port
    (while :; do talk $port; done) >/dev/null 2>&1 &
    started
    attached memcached "$server"
    expect "memcached goes on" talk $port
    stop_all
}

nginx() {
    ! lacks nginx nginx || return
    local port=$((20000 + RANDOM % 20000))
    mkdir -p "$work/www" "$work/logs"
    echo hello >"$work/www/index.html"
    cat >"$work/nginx.conf" <<END
user root; daemon off; worker_processes 2; pid $work/nginx.pid; error_log $work/logs/error.log;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path $work/a; proxy_temp_path $work/b; fastcgi_temp_path $work/c; uwsgi_temp_path $work/d;
    scgi_temp_path $work/e;
    server { listen 127.0.0.1:$port reuseport; root $work/www; }
}
END
    env LD_PRELOAD="$library" "$program" -c "$work/nginx.conf" -p "$work" -e "$work/logs/error.log" \
        >"$work/nginx.log" 2>&1 &
    started
    local master=$pid workers worker
    wait_for curl -sf "http://127.0.0.1:$port/"
    for worker in 1 2 3 4; do
        (while :; do curl -sf "http://127.0.0.1:$port/"; done) >/dev/null 2>&1 &
        started
    done
    workers=$(pgrep -P "$master")
    for worker in $workers; do
        attached "nginx, a worker" "$worker"
    done
    expect "nginx goes on" curl -sf "http://127.0.0.1:$port/"
    kill -TERM "$master" # it ends its workers
    stop_all TERM
}

python() {
    ! lacks python3 python3 || return
    env LD_PRELOAD="$library" PYTHONMALLOC=malloc "$program" -c '
import signal, threading, time
stopping = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
wrong = []
def work(n):
    kept = {}
    while not stopping.is_set():
        for i in range(200):
            kept[(n, i)] = "x" * (i + n)
        if any(len(v) != k[0] + k[1] for k, v in kept.items()):
            wrong.append(n)
        kept.clear()
        time.sleep(0.002)
threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
for t in threads: t.start()
print("ready", flush=True)
for t in threads: t.join()
print("consistent" if not wrong else "WRONG")' >"$work/python" 2>&1 &
    started
    wait_for grep -q ready "$work/python"
    attached "python3 with threads" "$pid"
    stop_all TERM
    wait_for grep -q consistent "$work/python"
    expect "python3 ends well" grep -q consistent "$work/python"
}

threads() {
    env LD_PRELOAD="$library" "$built/attach_threads" 200 >"$work/threads" 2>&1 &
    started
    wait_for grep -q ready "$work/threads"
    attached "C++ with 200 threads" "$pid"
    stop_all TERM
    expect "C++ with 200 threads ends well" grep -q consistent "$work/threads"
}

# A process that starts others all the time, while it has an agent: each child works, and none has one.
forking() {
    env LD_PRELOAD="$library" bash -c \
        'echo ready; while :; do x=$(echo a; echo b); [ "$x" = $'"'a\\nb'"' ] || echo WRONG; done' \
        >"$work/forking" 2>&1 &
    started
    wait_for grep -q ready "$work/forking"
    attached "a process that forks" "$pid"
    expect "its children work" test "$(cat "$work/forking")" = ready
    stop_all
}

redis
memcached
nginx
python
threads
forking
finish
