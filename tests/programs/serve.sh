#!/usr/bin/env bash
# lunalloc serve: a real Prometheus scrapes redis-server and another process, evaluates the shipped rules, and knows
# every metric of the rules and of the dashboard. Bad requests, slow clients and processes that end leave it at work.
. "${0%/*}/common.bash"
fleet=$root/scripts/fleet
need jq
if [ ! -e "$build/lua/lunalloc/http.so" ]; then
    skipped=$((skipped + 1))
    echo "skip ${0##*/}: built without libmicrohttpd or zlib"
    finish
fi
mkdir -m 700 "$work/run"
export XDG_RUNTIME_DIR=$work/run
started=()
trap 'kill "${started[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT

# equal NAME GOT WANTED; match NAME GOT REGULAR-EXPRESSION
equal() {
    if [ "$2" = "$3" ]; then ok "$1"; else
        printf 'got:    %s\nwanted: %s\n' "$2" "$3" >"$work/details"
        fail "$1" "$work/details"
    fi
}
match() {
    if [[ $2 =~ $3 ]]; then ok "$1"; else
        printf 'got:    %s\nwanted: %s\n' "$2" "$3" >"$work/details"
        fail "$1" "$work/details"
    fi
}

# eventually COMMAND... -- repeats it until it succeeds, a minute at most.
eventually() {
    for _ in $(seq 600); do
        "$@" && return
        sleep 0.1
    done
    return 1
}

# process NAME [SETTINGS] -- starts a process of that name on the library, which sleeps; sets pid.
process() {
    ln -sf "$console" "$work/$1"
    LUNALLOC_CONF=${2-agent:true} "$work/$1" -e 'keep = {} for i = 1, 3000 do keep[i] = la.buffer(1000) end
        print "ready" io.stdout:flush() require("lunalloc.console").sleep(600)' >"$work/ready" </dev/null &
    pid=$!
    started+=("$pid")
    eventually test -s "$work/ready"
    rm "$work/ready"
}

# serve WORDS... -- starts the exporter on a free port; sets server and port.
serve() {
    rm -f "$work/serve.out"
    "$console" serve "$@" >"$work/serve.out" 2>"$work/serve.err" </dev/null &
    server=$!
    started+=("$server")
    eventually test -s "$work/serve.out"
    port=$(sed -nE 's|.*:([0-9]+)/metrics$|\1|p' "$work/serve.out")
}

# request METHOD PATH [HEADER] -- the whole response.
request() {
    exec {http}<>"/dev/tcp/127.0.0.1/$port" || return
    printf '%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n' "$1" "$2" "${3:+$3$'\r\n'}" >&"$http"
    tr -d '\0' <&"$http"
    exec {http}>&-
}
body() { request GET "$@" | sed '1,/^\r$/d'; }
status_of() { request "$@" | sed -nE '1s/^HTTP.1\.1 ([0-9]+).*/\1/p'; }

process "worker$$"
worker=$pid
if command -v redis-check-rdb >/dev/null; then
    ln -s "$(command -v redis-check-rdb)" "$work/redis$$"
    "$console" run -- "$work/redis$$" --port 0 --unixsocket "$work/redis.sock" --save '' --dir "$work" \
        >"$work/redis.log" 2>&1 &
    redis=$!
    started+=("$redis")
    eventually test -S "$work/redis.sock"
    redis-benchmark -s "$work/redis.sock" -q -n 20000 -c 10 -P 4 -d 200 -r 10000 -t set,lpush >/dev/null 2>&1
else
    process "redis$$"
    redis=$pid
fi

# ---- what it answers ----

serve "$worker" "redis$$" "later$$" --listen 127.0.0.1:0 --interval 100ms
equal "it says where" "$(cat "$work/serve.out")" "serving 2 processes on http://127.0.0.1:$port/metrics"
match "and what is missing" "$(cat "$work/serve.err")" "^lunalloc: serve: no process is called 'later$$'.*; waiting"
match "/metrics" "$(request GET /metrics)" \
    $'^HTTP/1.1 200 OK\r\n.*Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n'
body /metrics >"$work/metrics"
equal "each process is up" "$(grep -cE '^lunalloc_up.*"(worker|redis)'"$$"'"} 1$' "$work/metrics")" 2
match "with its counters" "$(grep '^lunalloc_allocated_bytes' "$work/metrics")" \
    "\{pid=\"$worker\",command=\"worker$$\"\} [34][0-9]{6}"
match "OpenMetrics when asked" "$(request GET /metrics 'Accept: application/openmetrics-text;version=1.0.0')" \
    $'Content-Type: application/openmetrics-text; version=1.0.0.*\n# EOF$'
equal "/healthz" "$(body /healthz)" ok
match "/" "$(body /)" "<li>$worker worker$$: <a href=\"debug/pprof/heap\?pid=$worker\">"
equal "no page" "$(status_of GET /nothing)" 404
equal "HEAD" "$(request HEAD /metrics | sed '1,/^\r$/d' | wc -c)" 0
for method in POST PUT DELETE PATCH; do
    match "$method" "$(request $method /metrics 'Content-Length: 0')" $'^HTTP/1.1 405 .*\r\nAllow: GET, HEAD\r\n'
done
(exec 3<>"/dev/tcp/127.0.0.1/$port" && printf 'nonsense\r\n\r\n\xff\xfe' >&3 && timeout 20 cat <&3) >/dev/null 2>&1
equal "after nonsense" "$(body /healthz)" ok

# ---- profiles ----

match "of one whose profiler is off" "$(request GET "/debug/pprof/heap?pid=$worker")" "^HTTP/1.1 409 .*profiler is off"
equal "of several processes" "$(status_of GET /debug/pprof/heap)" 400
equal "of no process" "$(status_of GET '/debug/pprof/heap?pid=1')" 404
"$console" -e "t = assert(la.attach($redis)) assert(t.prof.start{lg_sample = 12})"
[ ! -S "$work/redis.sock" ] || redis-benchmark -s "$work/redis.sock" -q -n 20000 -d 500 -r 20000 -t set >/dev/null 2>&1
exec {http}<>"/dev/tcp/127.0.0.1/$port"
printf 'GET /debug/pprof/heap?pid=%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' "$redis" >&"$http"
sed '1,/^\r$/d' <&"$http" | gunzip >"$work/profile"
exec {http}>&-
equal "the profile of redis-server, in gzip's format" "$(grep -caE 'inuse_space|libc.so' "$work/profile")" 2

# ---- Prometheus's own tools ----

if command -v promtool >/dev/null; then
    if promtool check metrics <"$work/metrics" >"$work/details" 2>&1; then
        ok "promtool check metrics ($(grep -c '^# TYPE' "$work/metrics") metrics)"
    else
        fail "promtool check metrics" "$work/details"
    fi
    body /metrics 'Accept: application/openmetrics-text' | sed '/^#/!s/$/ 1700000000.000/' >"$work/timed"
    if promtool tsdb create-blocks-from openmetrics "$work/timed" "$work/blocks" >"$work/details" 2>&1; then
        ok "OpenMetrics by Prometheus's reader"
    else
        fail "OpenMetrics by Prometheus's reader" "$work/details"
    fi
    if (cd "$fleet" && promtool check rules lunalloc.*.yml && promtool check config prometheus.yml) \
        >"$work/details" 2>&1; then
        ok "promtool check rules, check config"
    else
        fail "promtool check rules, check config" "$work/details"
    fi
    if (cd "$here" && promtool test rules fleet_test.yml) >"$work/details" 2>&1; then
        ok "promtool test rules: when each alert fires"
    else
        fail "promtool test rules: when each alert fires" "$work/details"
    fi
else
    skipped=$((skipped + 1))
    echo "skip promtool: it is missing (Debian's package prometheus)"
fi

# Every metric that the rules and the dashboard name is in the scrape, or recorded by a rule.
sed -nE 's/^([a-z_]+)[{ ].*/\1/p' "$work/metrics" | sort -u >"$work/known"
sed -nE 's/.*record: //p' "$fleet/lunalloc.rules.yml" >>"$work/known"
{
    grep -v '^ *#' "$fleet"/lunalloc.*.yml | grep -v -E 'record:|name:|alert:|summary|command:|^[^:]*:groups'
    jq -r '.. | objects | .expr? // .definition? // empty' "$fleet/grafana.json"
} | grep -oE 'lunalloc[_:][a-z0-9_:]+' | grep -vE '^lunalloc[.]' | sort -u >"$work/named"
equal "every metric of rules and dashboard is there" "$(grep -vxF -f "$work/known" "$work/named")" ""
equal "and there are many" "$(($(wc -l <"$work/named") > 20))" 1

# query EXPRESSION -- its first value, by Prometheus.
query() {
    local port=$prometheus_port
    body "/api/v1/query?query=$(jq -rn --arg q "$1" '$q | @uri')" | grep '^{' |
        jq -r '.data.result[0].value[1] // empty'
}
queried() { [ "$(query "$1" 2>/dev/null)" = "$2" ]; }

if command -v prometheus >/dev/null; then
    sed -e "s/127.0.0.1:9177/127.0.0.1:$port/" -e 's/_interval: .*/_interval: 200ms/' "$fleet/prometheus.yml" \
        >"$work/prometheus.yml"
    cp "$fleet/lunalloc.rules.yml" "$work/"
    sed 's/for: .*/for: 0s/' "$fleet/lunalloc.alerts.yml" >"$work/lunalloc.alerts.yml"
    for _ in 1 2 3 4 5; do
        prometheus_port=$((20000 + RANDOM % 20000))
        prometheus --config.file="$work/prometheus.yml" --web.listen-address="127.0.0.1:$prometheus_port" \
            --storage.tsdb.path="$work/tsdb" >"$work/prometheus.log" 2>&1 &
        prometheus=$!
        started+=("$prometheus")
        eventually queried "lunalloc_up{pid=\"$worker\"}" 1 && break
        kill "$prometheus" 2>/dev/null
    done
    equal "Prometheus scrapes it" "$(query "lunalloc_up{pid=\"$worker\"}")" 1
    eventually queried "lunalloc:overhead:ratio{pid=\"$redis\"} > bool 1" 1
    equal "a recorded rule" "$(query "lunalloc:overhead:ratio{pid=\"$redis\"} > bool 1")" 1
    equal "by the exposition that it prefers" "$(query "count(lunalloc_nrequests_total{pid=\"$worker\"})")" 1
    kill -9 "$prometheus"
    wait "$prometheus" 2>/dev/null
    equal "Prometheus is killed in the middle of a scrape" "$(body /healthz)" ok
    prometheus --config.file="$work/prometheus.yml" --web.listen-address="127.0.0.1:$prometheus_port" \
        --storage.tsdb.path="$work/tsdb" >>"$work/prometheus.log" 2>&1 &
    prometheus=$!
    started+=("$prometheus")
else
    skipped=$((skipped + 1))
    echo "skip a real Prometheus: it is missing (Debian's package prometheus)"
fi

# ---- processes come and go ----

process "later$$"
later=$pid
up() { body /metrics | grep -q "^lunalloc_up{pid=\"$1\",.*} $2\$"; }
if eventually up "$later" 1; then ok "a name that appears later"; else fail "a name that appears later"; fi
kill "$later"
wait "$later" 2>/dev/null
if eventually up "$later" 0; then ok "a process that ends is down"; else fail "a process that ends is down"; fi
equal "and has no counters" "$(body /metrics | grep -c "^lunalloc_allocated_bytes{pid=\"$later\"")" 0
if command -v prometheus >/dev/null; then
    alert="ALERTS{alertname=\"LunallocProcessEnded\",alertstate=\"firing\",pid=\"$later\"}"
    eventually queried "$alert" 1
    equal "an alert fires" "$(query "$alert")" 1
    kill "$prometheus"
    wait "$prometheus" 2>/dev/null
fi

kill -STOP "$worker"
if eventually up "$worker" 1; then ok "one that is stopped is read"; else fail "one that is stopped is read"; fi
equal "with its counters" "$(body /metrics | grep -c "^lunalloc_allocated_bytes{pid=\"$worker\"")" 1
kill -CONT "$worker"

# ---- clients ----

slow=()
for _ in $(seq 40); do
    exec {client}<>"/dev/tcp/127.0.0.1/$port"
    printf 'GET /metrics HTTP/1.1\r\n' >&"$client"
    slow+=("$client")
done
equal "40 clients that do not finish their requests" "$(body /healthz)" ok
clients=()
for i in $(seq 100); do
    status_of GET /metrics >"$work/parallel.$i" 2>/dev/null &
    clients+=($!)
done
wait "${clients[@]}"
equal "100 scrapes at once" "$(cat "$work"/parallel.* | sort | uniq -c | tr -s ' ')" " 100 200"
for client in "${slow[@]}"; do exec {client}>&-; done
for _ in $(seq 50); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port" && printf 'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n' >&3) 2>/dev/null
done
equal "clients that leave before the answer" "$(body /healthz)" ok

# ---- ends, and addresses ----

kill "$server"
wait "$server"
equal "SIGTERM ends it well" "$?" 0
serve "$worker" --listen 127.0.0.1:0
"$console" serve "$worker" --listen "127.0.0.1:$port" >"$work/out" 2>&1 </dev/null
match "an address that is taken" "$?/$(cat "$work/out")" \
    "^1/lunalloc: cannot listen on 127.0.0.1 port $port: Address already in use$"
kill -INT "$server"
wait "$server"
equal "Ctrl-C ends it well" "$?/$(cat "$work/serve.err")" "0/"
serve --all --listen 0.0.0.0:0
match "a warning about other machines" "$(cat "$work/serve.err")" "^lunalloc: serve: other machines can read this: .*"
process "new$$" agent:never
if eventually up "$pid" 1; then ok "--all: a process that appears"; else fail "--all: a process that appears"; fi
kill "$server"
wait "$server"
for wrong in "" "$worker --listen nonsense" "$worker --listen 127.0.0.1:99999" "$worker --interval x" "999999999" \
    "$worker --listen no.such.host.invalid:1"; do
    "$console" serve $wrong >"$work/out" 2>&1 </dev/null
    match "serve $wrong" "$?/$(cat "$work/out")" "^1/lunalloc: [^"$'\n'"]*$"
done
finish
