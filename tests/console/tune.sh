#!/usr/bin/env bash
# lunalloc tune: commands whose best settings are known, commands that fail or are too short, a budget, Ctrl-C, two at
# once, and a process that gets its own settings back.
. "$(dirname "$0")/common.bash"

export LUNALLOC_TUNE_LOCK=lunalloc-tune-test-$$
lua=$(command -v lua5.4 || echo "$console")

json() {
    if command -v jq >/dev/null; then check "$1" "$(jq -r "$3" "$2" 2>&1)" "$4"; else skip "$1" "no jq here"; fi
}

# A command that takes the memory (MiB), tells the time, and prints the words that a table of settings says.
cat >"$scratch/load.lua" <<'LUA'
local rules, conf = dofile(arg[1]), "," .. os.getenv "LUNALLOC_CONF" .. ","
local memory, time, status, words = 12, 1, 0, "hello"
for setting, rule in pairs(rules) do
    if conf:find("," .. setting .. ",", 1, true) then
        memory, time = memory * (rule.memory or 1), time * (rule.time or 1)
        status, words = rule.status or status, rule.words or words
    end
end
local block = ("x"):rep(math.floor(memory * 1048576))
io.open(os.getenv "LUNALLOC_FIGURES", "w"):write("time ", time, "\np99 ", time / 1000, "\n")
local stop = os.clock() + 0.02 -- long enough to be seen
repeat until os.clock() > stop
print(words, #block > 0)
os.exit(status)
LUA
rules() { printf 'return { %s }\n' "$1" >"$scratch/rules.lua"; }
load=("$lua" "$scratch/load.lua" "$scratch/rules.lua")

# ---- usage ----

usage() {
    local name=$1 wanted=$2
    shift 2
    batch tune "$@" </dev/null
    check_match "$name" "$out/$err/$status" "^/lunalloc: ${wanted}[^"$'\n'"]*/1$"
}

usage "nothing to tune" "tune: what\\? a command behind --"
usage "two scenarios" "tune: unexpected 'two' " one two
usage "a scenario and a command" "tune: unexpected 'one' " one -- true
usage "no such scenario" "no scenario 'none'" none
usage "no such command" "with the defaults: cannot start a child process" -- /no/such/command
usage "an unknown objective" "tune: objective = 'fun': one of balanced, p99, rss, time" --objective fun -- true
usage "a limit without a share" "tune: limit = 'time': METRIC\\+SHARE" --limit time -- true
usage "a limit on the objective" "tune: limit = 'rss\\+2%': that is the objective" --limit rss+2% -- true
usage "a candidate that is none" "tune: space\\[1\\]: 'narena' is no option" --space narena:1 -- true
usage "no budget" "tune: '--budget' takes" --budget never -- true
usage "a command that fails" "with the defaults: exit status 3: oh no" -- sh -c 'echo oh no >&2; exit 3'
usage "a command that is killed" "with the defaults: it ended by signal 9" -- sh -c 'kill -9 $$'
usage "a measured process that is not there" "with the defaults: no process 'nginx' was seen" --measure nginx \
    -- sleep 0.1
usage "a command without p99" "a run tells no p99" --objective p99 -- sleep 0.1
usage "a report in no folder" "tune: report = /no/such/x.html: there is no folder /no/such/" --report /no/such/x.html \
    -- sleep 0.1
usage "a report to a device" "tune: report = /dev/null: it is a device, not a regular file" --report /dev/null \
    -- sleep 0.1
batch tune 4194304 </dev/null
check "no such process" "$out/$err/$status" "/lunalloc: there is no process 4194304/2"

batch tune -- sleep 0.01 </dev/null
check_match "too short to judge" "$out/$err/$status" \
    "^/lunalloc: tune: too short to judge: a run takes 0.0[0-9]* s, [^/]*/6$"
batch tune --budget 2s -- sleep 0.3 </dev/null
check_match "a budget that is too small" "$out/$err/$status" "^/lunalloc: tune: the budget is too small: [^/]*/6$"

# ---- searches ----

rules '["dirty_max:4M"] = { memory = 0.5 }, ["tcache_bytes:4096"] = { memory = 0.8 }, ["narenas:1"] = { status = 7 },
       ["dirty_decay_ms:0"] = { memory = 0.3, time = 1.1 }'
batch tune --space dirty_max:4M --space tcache_bytes:4096 --space dirty_decay_ms:0 --space narenas:1 \
    --json "$scratch/result.json" --report "$scratch/result.html" -- "${load[@]}" </dev/null
check_match "a winner: its line" "$out" $'\n''LUNALLOC_CONF="dirty_max:4M,tcache_bytes:4096"'$'\n'
check_match "each setting has a cause" "$out" $'\n  dirty_max:4M  rss -[0-9.]+ %\n    an arena keeps at most '
check_match "what fails is told" "$out" "rejected: narenas:1: exit status 7"
check "and nothing else" "$err/$status" "/0"
json "JSON: the winner" "$scratch/result.json" .winner.conf "dirty_max:4M,tcache_bytes:4096"
json "JSON: the verdict" "$scratch/result.json" .verdict better
json "JSON: memory is less" "$scratch/result.json" '.winner.confirmation.metrics.rss | .high < 0.6' true
json "JSON: what costs too much does not win" "$scratch/result.json" \
    '[.entries[] | select(.conf == "dirty_decay_ms:0") | .ratio.time > 1.09] | tostring' '[true]'
json "JSON: runs of the search" "$scratch/result.json" '.searched <= 40 and (.runs | length) >= 30' true
check "no file is left beside it" "$(cd "$scratch" && echo result.json*)" result.json
check "the report has the verdict, and not the command" \
    "$(grep -c 'verdict: better; LUNALLOC_CONF=' "$scratch/result.html")$(grep -c "$scratch" "$scratch/result.html")" 10

batch tune --limit none --space dirty_max:4M --space tcache_bytes:4096 --space dirty_decay_ms:0 --json - \
    -- "${load[@]}" </dev/null
printf '%s\n' "$out" >"$scratch/second.json"
json "without a limit, time does not matter" "$scratch/second.json" \
    '.winner.settings | map(.name) | sort | join(" ")' "dirty_decay_ms dirty_max tcache_bytes"
batch tune --objective p99 --space narenas:1 --space tcache:false -- "${load[@]}" </dev/null
check_match "nothing helps" "$out/$status" $'\nkeep the defaults: no setting was better in the search\n.*/0$'

rules '["dirty_max:4M"] = { memory = 0.5, words = "good bye" }, ["dirty_max:16M"] = { memory = 0.6 }'
batch tune --same-output --space dirty_max:4M --space dirty_max:16M -- "${load[@]}" </dev/null
check_match "another output is rejected" "$out" "rejected: dirty_max:4M: its output is not that of the defaults"
check_match "another setting wins" "$out" 'LUNALLOC_CONF="dirty_max:16M"'

# The server of a script, which ends after a rest; its client has more memory.
rules '["dirty_max:4M"] = { memory = 0.5 }'
cat >"$scratch/server.sh" <<'SH'
ln -sf "$1" "$2/served"
"$2/served" -e "local n = os.getenv 'LUNALLOC_CONF':find 'narenas:1' and 4 or 20; local s = ('x'):rep(n << 20)
    os.execute 'sleep 0.15'" &
"$1" -e "local s = ('x'):rep(60 << 20)"
wait
SH
batch tune --measure served --settle 50ms --limit none --runs 10 --space narenas:1 --json - \
    -- sh "$scratch/server.sh" "$lua" "$scratch" </dev/null
printf '%s\n' "$out" >"$scratch/third.json"
json "processes of one name are measured, to their end" "$scratch/third.json" \
    '[.winner.conf, .winner.rss.median < 15e6, .baseline.rss.median < 50e6] | map(tostring) | join(" ")' \
    "narenas:1 true true"

batch tune --runs 8 --space narenas:1 -- env LD_PRELOAD= sleep 0.06 </dev/null
check "a command that runs on the allocator, at its start" "$(grep -c "says that it runs on" <<<"$out")" 0
if printf '#include <unistd.h>\nint main(void) { return usleep(60000); }\n' |
    "${CC:-cc}" -static -x c - -o "$scratch/static" 2>/dev/null; then
    batch tune --runs 8 --space narenas:1 -- "$scratch/static" </dev/null
    check_match "one that does not" "$out" "warning: no process of the command says that it runs on the allocator"
else
    skip "one that does not" "no static program can be linked here"
fi

batch tune --json "$scratch" --space narenas:1 -- "${load[@]}" </dev/null
check_match "a folder is no file to write to" "$err/$status" "^lunalloc: [^"$'\n'"]*/1$"
start=$SECONDS
batch tune --budget 6s --objective time -- sleep 0.1 </dev/null
check "a budget is kept, not the default of 2 minutes" "$((SECONDS - start <= 60))/$status" 1/0

# ---- two at once ----

rules ''
"$console" tune --space narenas:1 -- sh -c ">'$scratch/started'; until [ -e '$scratch/over' ]; do sleep 0.05; done" \
    >/dev/null 2>&1 </dev/null &
first=$!
for _ in {1..500}; do [ -e "$scratch/started" ] && break; sleep 0.02; done
batch tune --space narenas:1 -- "${load[@]}" </dev/null
check_match "another tuner is noticed" "$out" "warning: another tuner runs on this machine"
batch tune --wait --space narenas:1 -- "${load[@]}" </dev/null &
waiting=$!
sleep 0.5
check "--wait waits for it" "$(kill -0 $waiting 2>&1 && kill -0 $first 2>&1 && echo both)" both
>"$scratch/over"
wait $first
wait $waiting
check "until it has ended" $? 0

# ---- Ctrl-C ----

if have_pty "Ctrl-C"; then
    pty_start tune -- sh -c "sleep 0.2; : 98765.$$"
    sleep 1
    pty_send '\x03'
    pty_expect "Ctrl-C shows what is known" "interrupted: nothing is confirmed"
    pty_end
    check "Ctrl-C leaves no process" "$(pgrep -f "98765.$$" || echo none)" none
    check "Ctrl-C ends it" "$([ "$status" -ge 128 ] && echo by signal)" "by signal"
fi

if have_pty "the prompt"; then
    pty_start
    pty_send '.tune\r'
    pty_expect ".tune: what?" "usage: .tune [rss|time|p99|balanced] COMMAND"
    pty_send '.tune time false\r'
    pty_expect ".tune: a command" "with the defaults: exit status 1"
    pty_send '.quit\r'
    pty_end
fi

# ---- a process that runs ----

cat >"$scratch/busy.lua" <<'LUA'
while true do local t = {} for i = 1, 2000 do t[i] = ("x"):rep(i) end end
LUA
start_target() {
    LD_PRELOAD=$PWD/build/liblunalloc.so LUNALLOC_CONF=agent:true,dirty_decay_ms:7000 "$lua" "$scratch/busy.lua" &
    target=$!
    for _ in {1..600}; do "$console" get $target opt.dirty_decay_ms >/dev/null 2>&1 && break; sleep 0.05; done
}
settings() {
    "$console" get "$target" arena.0.dirty_decay_ms background_thread arena.0.dirty_max 2>&1 |
        grep -oE '(7000|true|-1)\b' | tr '\n' ' '
}
LUNALLOC_SO=${LUNALLOC_SO:-$PWD/build/liblunalloc.so}
start_target
own=$(settings)
batch tune --window 50ms --runs 10 "$target" </dev/null
check_match "a process that runs" "$out$err" $'^tune: less rss, limit: time\\+2%; [0-9]+ \\(lua'
check "it has its own settings again" "$(settings)" "$own"
usage "an option that does not apply live" "slab_sizes cannot be changed in a process that runs" \
    --space slab_sizes:1-2048:1 "$target"

"$console" tune --window 1s --space dirty_decay_ms:0 --space dirty_max:4M "$target" >/dev/null 2>&1 </dev/null &
tuner=$!
for _ in {1..400}; do [ "$(settings)" != "$own" ] && break; sleep 0.02; done
check "a setting is tried" "$([ "$(settings)" != "$own" ] && echo changed)" changed
disown $tuner
kill -9 $tuner
for _ in {1..100}; do [ "$(settings)" = "$own" ] && break; sleep 0.1; done
check "a tuner that is killed: the process gets its settings back" "$(settings)" "$own"

"$console" tune --window 300ms "$target" >"$scratch/out" 2>"$scratch/err" </dev/null &
tuner=$!
sleep 1
kill -9 $target
{ wait $target; } 2>/dev/null
wait $tuner
check_match "a process that ends" "$(cat "$scratch/out" "$scratch/err")/$?" "the process has ended|has ended"
check "no guardian is left" "$(pgrep -f "tune/guardian.lua" -P "$$,1" || echo none)" none

finish
