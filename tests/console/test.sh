#!/usr/bin/env bash
# lunalloc test: what it runs, how it judges, and that what a scenario does ends its own test only.
. "$(dirname "$0")/common.bash"

scenarios=$scratch/scenarios
mkdir "$scenarios"

# scenario NAME [KEYS] -- a file with a scenario of 2,000 operations.
scenario() {
    cat >"$scenarios/$1.lua" <<END
require "lunalloc.scenario" { name = "$1", models = "a test of $1", hurts = "nobody", ${2-workload = { ops = 2000 \}} }
END
}

scenario good
scenario also_good
scenario missed 'workload = { ops = 2000 }, limits = { ["malloc.max"] = "0ns", failures = 0 }'
scenario figure 'run = function(s) s:run { ops = 2000 } s:expect("share", 2, { at_most = 1, reason = "because" }) end'
scenario leaves 'run = function() os.exit(0) end'
scenario raises 'run = function() error "no way" end'
scenario hangs 'run = function() while true do end end'
scenario crashes 'run = function() os.execute("kill -SEGV $PPID") end'
scenario prints 'run = function(s) print "ok 77 - a lie" return s:run { ops = 2000 } end'
echo 'x = = 1' >"$scenarios/broken.lua"
echo 'os.exit(0)' >"$scenarios/gone.lua"
echo 'print "nothing here"' >"$scenarios/empty.lua"

# The lines that name tests, without their times.
results() { sed -nE 's/^((not )?ok [0-9]+ - [^#]*) #.*/\1/p' <<<"$out"; }

# ---- what runs ----

batch test "$scenarios/good.lua" </dev/null
check_match "one scenario" "$out/$status" $'^TAP version 13\n1\\.\\.1\nok 1 - good # time=[0-9]+ms/0$'
batch test "$scenarios/good.lua" "$scenarios/missed.lua" "$scenarios/also_good.lua" </dev/null
check "a missed limit fails its test, and the run goes on" "$(results)/$status" "ok 1 - good
not ok 2 - missed
ok 3 - also_good/4"
check_match "the limit is named" "$out" \
    $'\n  message: \'malloc\\.max is [^\']*, at most 0 ns allowed: MISSED\'\n  severity: fail\n'
check_match "and the allocator" "$out" $'\n  allocator: \'lunalloc [0-9.]+\'\n'
batch test "$scenarios/figure.lua" </dev/null
check_match "a figure of its own" "$out/$status" "'share is 2, at most 1 allowed: MISSED \\(because\\)'.*/4\$"

batch test --timeout 2s "$scenarios" </dev/null
check "a folder, with scenarios that end badly" "$(results)/$status" "ok 1 - also_good
not ok 2 - broken.lua
not ok 3 - crashes
not ok 4 - empty.lua
not ok 5 - figure
not ok 6 - gone.lua
ok 7 - good
not ok 8 - hangs
not ok 9 - leaves
not ok 10 - missed
ok 11 - prints
not ok 12 - raises/4"
for reason in "ended by signal 11" "defines no scenario" "ended without defining a scenario" "no end within 2 s" \
    "ended without a result" "raises.lua:1: no way" "broken.lua:1: unexpected symbol"; do
    check_match "why: $reason" "$out" "  message: '[^'"$'\n'"]*$reason"
done
check "nothing on standard error" "$err" ""
check "no process is left" "$(pgrep -f "$scenarios")" ""

# ---- options ----

batch test --list "$scenarios/good.lua" "$scenarios/gone.lua" </dev/null
check_match "--list" "$out/$status" \
    $'^good +a test of good\ngone.lua +cannot be run: ended without defining a scenario/0$'
batch test --only '^good,figure' "$scenarios" </dev/null
check "--only" "$(results)/$status" "not ok 1 - figure
ok 2 - good/4"
batch test --verbose --set threads=2 --set verify=true --set seed=5 "$scenarios/good.lua" </dev/null
check_match "--verbose, --set" "$out/$status" \
    $'\n# workload   2 threads on .*, seed 5, .*\n# verified   2 k checks, 0 errors\n.*/0$'
batch test --set thread=2 "$scenarios/good.lua" </dev/null
check_match "--set of an unknown key" "$out/$status" \
    "message: 'workload: unknown key \"thread\"; did you mean \"threads\"\\?.*/4\$"
batch test --verbose --duration 50ms "$scenarios/good.lua" </dev/null
check_match "--duration replaces operations" "$out/$status" $'\n# operations .* in 0\\.0[5-9]'
scenario conf 'run = function(s) s:note("%d", require("lunalloc").get "opt.narenas") return s:run { ops = 10 } end'
batch test --verbose --conf narenas:3 "$scenarios/conf.lua" </dev/null
check_match "--conf" "$out/$status" $'\n# 3\n.*/0$'
batch test --verbose --allocator glibc "$scenarios/good.lua" </dev/null
check_match "--allocator" "$out/$status" "workload   1 thread on glibc [0-9.]+, .*/0\$"

batch test --junit "$scratch/results.xml" "$scenarios/"{good,missed,raises}.lua </dev/null
check "--junit changes nothing else" "$(results)/$status" "ok 1 - good
not ok 2 - missed
not ok 3 - raises/4"
check_match "JUnit's XML" "$(cat "$scratch/results.xml")" \
    'tests="3" failures="1" errors="1" .*<testsuite name="lunalloc test on lunalloc [0-9.]+"'
if command -v prove >/dev/null; then
    prove -e "$console test --timeout 9s" "$scenarios/good.lua" "$scenarios/missed.lua" >"$scratch/proved" 2>&1
    check_match "prove reads it" "$(cat "$scratch/proved")" \
        $'good\\.lua \\.+ ok\n.*missed\\.lua \\.+.*Failed 1/1 subtests.*Result: FAIL'
else
    skip "prove reads it" "no prove here"
fi

# ---- misuse ----

for case in "nothing_such: no scenario 'nothing_such': neither a file nor a scenario of that name" \
    "--only %: --only '%': malformed pattern" "--only zzz good: no scenario is called 'zzz'" \
    "--set x good: '--set' takes KEY=VALUE, not 'x'" "--allocator gemalloc good: no allocator 'gemalloc' is installed" \
    "--allocator /none.so good: no library '/none.so'" "--duration x good: '--duration' takes seconds" \
    "--junit /nowhere/f good: /nowhere/f: No such file"; do
    words=${case%%: *}
    batch test ${words/good/$scenarios/good.lua} </dev/null
    check_match "misuse: $words" "$err/$status" "^lunalloc: test: [^"$'\n'"]*${case#*: }[^"$'\n'"]*/1\$"
    check "misuse: $words: nothing runs" "$out" ""
done

# ---- Ctrl-C, and progress ----

scenario long 'workload = { duration = "1h" }'
"$console" test "$scenarios/good.lua" "$scenarios/long.lua" >"$scratch/out" 2>"$scratch/err" </dev/null &
until grep -q "^ok 1" "$scratch/out" 2>/dev/null; do sleep 0.05; done
sleep 0.5
kill -INT $!
wait $!
check "Ctrl-C ends it by the signal" "$?" 130
check_match "and bails out" "$(cat "$scratch/out")" $'\nok 1 - good [^\n]*\nBail out!  interrupted$'
check "no process is left" "$(pgrep -f "$scenarios/long.lua")" ""

if have_pty "progress"; then
    TERM=xterm pty_start test --duration 2s "$scenarios/good.lua"
    pty_expect "the plan" "1..1"
    pty_expect "progress: the test that runs" "[1/1] good: "
    pty_expect "progress: its speed" " operations/s, RSS "
    pty_expect "the result" "ok 1 - good"
    pty_end
fi

finish
