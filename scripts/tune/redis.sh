#!/bin/sh
# redis.sh -- a Redis server that stores keys under benchmark, and then loses 7 of 8 of them. Tells the time of the load
# and its 99th percentile, and rests before it ends, so that memory can settle:
#
#     lunalloc tune --measure redis-server --settle 0.4s -- sh scripts/tune/redis.sh
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# Debian's redis-check-rdb is redis-server under another name; the package redis-server would start a service.
ln -s "$(command -v redis-server || command -v redis-check-rdb)" "$dir/redis-server"
"$dir/redis-server" --port 0 --unixsocket "$dir/s" --save '' --appendonly no >"$dir/log" &
redis=$!
until redis-cli -s "$dir/s" ping >/dev/null 2>&1; do kill -0 "$redis" || exit 1; sleep 0.02; done
begin=$(date +%s%N)
redis-benchmark -s "$dir/s" --csv -t set -n 200000 -r 130000 -d 400 -c 20 >"$dir/benchmark"
redis-cli -s "$dir/s" eval "for i = 0, 129999 do
    if i % 8 ~= 0 then redis.call('del', string.format('key:%012d', i)) end end" 0 >/dev/null
redis-benchmark -s "$dir/s" -q -t get -n 50000 -r 130000 -c 20 >/dev/null
end=$(date +%s%N)
figures=${LUNALLOC_FIGURES:-/dev/null}
sh scripts/tune/tell.sh "$begin" "$end"
awk -F '[",]+' '$2 == "SET" { printf "p99 %.9f\n", $8 / 1000 }' "$dir/benchmark" >"$figures"
sleep 2.4
redis-cli -s "$dir/s" shutdown nosave || true
wait
