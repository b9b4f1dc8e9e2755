#!/usr/bin/env bash
# lunalloc serve --web: the live page of a process: what the server answers, and the page in a real browser: new data,
# changes, a process that ends, a server that ends.
. "${0%/*}/common.bash"
page=$here/report
if [ ! -e "$build/lua/lunalloc/http.so" ]; then
    skipped=$((skipped + 1))
    echo "skip ${0##*/}: built without libmicrohttpd or zlib"
    finish
fi
need python3
started=()
trap 'kill "${started[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT

# subject -- starts a process that allocates; sets subject.
subject() {
    rm -f "$work/ready"
    LUNALLOC_CONF=agent:true "$console" -e 'keep = {} print "ready" io.stdout:flush()
        while true do keep[math.random(3000)] = la.buffer(math.random(3000))
        require("lunalloc.console").sleep(0.01) end' >"$work/ready" </dev/null &
    subject=$!
    started+=("$subject")
    for _ in $(seq 600); do [ -s "$work/ready" ] && break; sleep 0.1; done
}

# serve OPTIONS... -- starts the server on a free port; sets server and url.
serve() {
    : >"$work/out"
    "$console" serve "$subject" --web --listen 127.0.0.1:0 --interval 500ms "$@" >"$work/out" 2>&1 </dev/null &
    server=$!
    started+=("$server")
    for _ in $(seq 600); do grep -q 'live page' "$work/out" && break; sleep 0.1; done
    url=$(sed -n 's/^a live page.*: //p' "$work/out")
}

# take FILE -- the checks of another program's output are this script's.
take() {
    grep -vE '^[0-9]+ passed' "$1"
    passed=$((passed + $(grep -c '^ok ' "$1")))
    failed=$((failed + $(grep -c '^FAIL ' "$1")))
    grep -qE '^[0-9]+ passed' "$1" || fail "its end" "$1"
}

refused() {
    "$console" serve "${@:3}" >"$work/out" 2>&1 </dev/null
    if grep -qE -- "$2" "$work/out"; then ok "$1"; else fail "$1" "$work/out"; fi
}

subject
refused "one process alone" 'shows one process' --web "$subject" "$subject"
refused "a process must be named" 'shows one process' --web --all
refused "--write alone" '--write is for --web' "$subject" --write
refused "this machine alone" 'for this machine alone' "$subject" --web --listen 0.0.0.0:0
refused "no process" 'process 999999999' 999999999 --web --listen 127.0.0.1:0

serve
python3 "$page/requests.py" "$url" read >"$work/requests" 2>&1
take "$work/requests"
first=$url
kill "$server"
wait "$server"
serve --write
if [ "${first##*:*/}" != "${url##*:*/}" ] || [ "$first" != "$url" ]; then ok "each server has its token"; else
    fail "each server has its token"
fi
python3 "$page/requests.py" "$url" write >"$work/requests" 2>&1
take "$work/requests"

if command -v chromium >/dev/null; then
    python3 "$page/live.py" "$url" write "$subject" "$server" >"$work/browser" 2>&1
    take "$work/browser"
    wait "$server"
    if [ $? = 0 ]; then ok "SIGTERM ends the server well"; else fail "SIGTERM ends the server well"; fi
else
    skipped=$((skipped + 1))
    echo "skip: in a browser: no chromium here"
fi
finish
