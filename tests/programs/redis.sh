#!/usr/bin/env bash
# redis-server under redis-benchmark, then under a fixed set of commands whose replies are compared. The server listens
# on a socket in the test's own folder and saves nothing.
. "${0%/*}/common.bash"
need redis-benchmark
need redis-cli
need redis-check-rdb

# The server is the same program as redis-check-rdb; it goes by the name it is called with.
server=$work/redis-server
ln -s "$(command -v redis-check-rdb)" "$server"
socket=$work/redis.sock

cli() {
    redis-cli -s "$socket" "$@"
}

start_server() {
    "$server" --port 0 --unixsocket "$socket" --save '' --appendonly no --io-threads 2 --loglevel warning \
        --enable-debug-command local --dir "$work" >"$work/server.log" 2>&1 &
    pid=$!
    for _ in $(seq 300); do
        [ "$(cli ping 2>/dev/null)" = PONG ] && return 0
        kill -0 $pid 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

# The commands: strings, hashes, lists, sorted sets, streams, scripts, expiry; values from tiny to large.
commands() {
    local i
    for i in $(seq 3000); do
        echo "set key:$i $(printf "%0$((i % 500 + 1))d" "$i")"
        echo "hset hash:$((i % 50)) field:$i $((i * 7919))"
        echo "rpush list:$((i % 20)) item$i"
        echo "zadd zset $((i * 104729 % 1009)) member$i"
        echo "append grow $i,"
        [ $((i % 3)) != 0 ] || echo "del key:$((i / 2))"
        [ $((i % 10)) != 0 ] || echo "xadd stream $i-1 n $i"
    done
    echo "setrange large 2000000 end"
    echo "eval \"local t = {} for i = 1, 20000 do t[i] = 'v' .. i end return #table.concat(t)\" 0"
    printf '%s\n' "lrange list:7 0 -1" "hgetall hash:3" "zrange zset 0 50 withscores" "strlen grow" "xlen stream" \
        "sort list:1 alpha limit 0 10" "memory doctor" "dbsize" "debug digest" "flushall" "dbsize"
}

# Prints what does not depend on speed: which benchmarks ran, the replies, the final numbers of keys.
session() {
    start_server || { cat "$work/server.log"; return 1; }
    [ -z "${LD_PRELOAD-}" ] || grep -c "$(basename "$library")" "/proc/$pid/maps" >"$work/mapped"
    redis-benchmark -s "$socket" -q -n 5000 -c 50 -P 4 -d 200 -r 1 \
        -t set,get,incr,lpush,rpop,sadd,hset,zadd,lrange_100,mset | tr '\r' '\n' |
        sed -n '/requests per second/s/:.*//p'
    cli dbsize
    cli flushall
    commands | cli | cksum
    cli dbsize
    cli info memory | tr -d '\r' | grep -cE '^(used_memory|used_memory_rss|allocator_allocated|mem_allocator):'
    cli memory purge
    cli info stats | tr -d '\r' | grep -E '^(total_error_replies|expired_keys|evicted_keys):'
    cli shutdown nosave
    wait $pid
    echo "server's exit status $?"
}

same "redis-server: redis-benchmark, then 16,000 commands" session
if [ "$(cat "$work/mapped" 2>/dev/null || echo 0)" -gt 0 ]; then
    ok "redis-server runs on the library"
else
    fail "redis-server runs on the library: not in its memory map"
fi
finish
