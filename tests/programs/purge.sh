#!/usr/bin/env bash
# Purging processes from outside: a redis-server whose data was deleted gives its memory back, also that of free pages
# of slabs in part use; threads that sleep are named, with what they keep; the history shows both.
. "${0%/*}/common.bash"
need python3
python=$(python3 -c 'import sys; print(sys.executable)') # python3 itself may be a script that looks for it
eval "$($make -s -C "$root" env)"
cd "$work" || exit 1
mkdir -m 700 run
export XDG_RUNTIME_DIR=$work/run
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT

# on PID LUA -- the console runs the script with t, the process; what it prints is in the file shown.
on() {
    "$console" -e "local t <close> = assert(la.attach($1)) $2" >shown 2>&1
}

expect() {
    local name=$1
    shift
    if "$@" >/dev/null 2>&1; then
        ok "$name"
    else
        fail "$name" shown
    fi
}

within() {
    for _ in $(seq 300); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    return 1
}

# ---- threads that sleep ----

cat >sleepers.py <<'END'
import threading, time
def work(n):
    for i in range(20):
        x = [bytearray(1000 + 64 * j) for j in range(200)]
        del x
    print("ready", flush=True)
    time.sleep(600)
for n in range(3):
    threading.Thread(target=work, args=(n,), daemon=True).start()
time.sleep(600)
END
LD_PRELOAD=$library LUNALLOC_CONF=agent:true PYTHONMALLOC=malloc "$python" sleepers.py >out 2>err </dev/null &
pids+=("$!")
pid=$!
three_ready() {
    [ "$(grep -c ready out)" = 3 ]
}
within three_ready
within on "$pid" 'assert(#t.threads() >= 4)'

on "$pid" 'local n = 0
for _, thread in ipairs(t.threads()) do n = n + (thread.cached > 1000 and #thread.classes > 0 and 1 or 0) end
print("with caches", n >= 3)'
expect "threads of another process, with what their caches hold" grep -qx 'with caches.true' shown
on "$pid" 'local r = assert(t.purge{timeout = "50ms"})
print("silent", #r.threads_silent >= 3 and r.threads_silent[1].cached > 1000, r.threads_silent[1].name ~= "")
print(r)'
expect "threads that sleep are named" grep -qx "silent.true.true" shown
expect "with the bytes that they keep" grep -q '^  thread [0-9]* (.*) sleeps and keeps [0-9.]* [KM]iB in its' shown
on "$pid" 'local list = t.threads()
print(list[#list]:flush{timeout = "20ms"})'
expect "one of them does not answer" grep -q "has not called the allocator since.*ETIMEDOUT" shown
"$console" purge "$pid" --timeout 10ms >shown 2>&1
expect "lunalloc purge names them, too" grep -q 'sleeps and keeps' shown
within on "$pid" 'local h = t.history()
local names = {}
for _, mark in ipairs(h.marks) do names[mark.name] = true end
assert(#h.moments >= 2 and names["arenas.tcache_flush"] and names["arena.4096.purge"])'
expect "the history has moments, and marks of the purges" test $? = 0

# ---- memory ----

if command -v redis-check-rdb >/dev/null && command -v redis-benchmark >/dev/null; then
    ln -s "$(command -v redis-check-rdb)" redis-server
    LD_PRELOAD=$library LUNALLOC_CONF=agent:true,dirty_decay_ms:-1 ./redis-server --port 0 \
        --unixsocket "$work/redis.sock" --save '' --loglevel warning --activedefrag no >out 2>err </dev/null &
    pid=$!
    pids+=("$pid")
    within test -S redis.sock
    redis-cli -s redis.sock eval \
        "for i = 1, 100000 do redis.call('set', 'key:' .. i, string.rep('x', 400)) end" 0 >/dev/null
    redis-cli -s redis.sock eval \
        "for i = 1, 100000 do if i % 16 ~= 0 then redis.call('del', 'key:' .. i) end end" 0 >/dev/null
    on "$pid" 'local r = assert(t.purge{all = true})
print("given back", r.freed > (10 << 20), r.freed == r.before.rss - r.after.rss, r.before.rss < (200 << 20))
print(r, t.stats().dirty, t.stats().allocated)'
    case $build in
    */build) expect "redis-server: what was deleted is given back" grep -qx 'given back.true.true.true' shown ;;
    *) echo "skip: this build gives no pages of slabs back" && skipped=$((skipped + 1)) ;;
    esac
    [ "$(redis-cli -s redis.sock get key:160)" = "$(printf 'x%.0s' $(seq 400))" ] && echo kept >shown
    expect "what was kept is what it was" grep -qx kept shown
fi
finish
