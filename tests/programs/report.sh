#!/usr/bin/env bash
# lunalloc report: of a real process, of what is no process, and into what is no file; what is left out for privacy; and
# the page in a real browser: hostile names, keys, tables, CSV, dark and light, paper, and without the chart library.
. "${0%/*}/common.bash"
page=$here/report
started=()
trap 'kill "${started[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT

# says NAME REGULAR-EXPRESSION COMMAND... -- the command prints that, to either output.
says() {
    local name=$1 wanted=$2
    shift 2
    "$@" >"$work/said" 2>&1 </dev/null
    if grep -qE -- "$wanted" "$work/said"; then ok "$name"; else fail "$name" "$work/said"; fi
}

eval "$("$make" -s -C "$root" env | sed '/LUNALLOC_SO/d')"
cat >"$work/subject.lua" <<'END'
local la = require "lunalloc"
local keep = {}
la.prof.start { lg_sample = 12 }
for i = 1, 3000 do
    keep[i] = la.buffer(1 + i % 3000)
end
print "ready"
io.stdout:flush()
while true do
    keep[math.random(3000)] = la.buffer(math.random(3000))
    require "lunalloc.console".sleep(0.01)
end
END
LUNALLOC_CONF=agent:true SECRET=from_the_environment "$console" "$work/subject.lua" argument_of_the_command \
    >"$work/ready" </dev/null &
subject=$!
started+=("$subject")
for _ in $(seq 600); do [ -s "$work/ready" ] && break; sleep 0.1; done

says "a report of a process that was watched" 'real.html: [0-9.]+ KiB, with timeline, map, difference, waste, flame' \
    "$console" report "$subject" --for 1s -o "$work/real.html"
says "without a path it is report.html" '^report.html: .*KiB' bash -c 'cd "$1" && "$2" report "$3"' - "$work" \
    "$console" "$subject"
for word in argument_of_the_command from_the_environment "$work"; do
    if grep -qF "$word" "$work/real.html"; then fail "it has not: $word"; else ok "it has not: ${word##*/}"; fi
done
says "a device is refused" "cannot write /dev/full: it is a device" "$console" report "$subject" -o /dev/full
says "a FIFO is refused" "is a FIFO" bash -c 'mkfifo "$1/fifo"; "$2" report "$3" -o "$1/fifo"' - "$work" "$console" \
    "$subject"
says "a folder that is missing" "no/such/x.html.*No such file" "$console" report "$subject" -o "$work/no/such/x.html"
says "no process" 'report: which process' "$console" report
says "a process that is none" 'process 999999999' "$console" report 999999999
says "an unknown option" "unknown option '--fro'" "$console" report --fro 1 "$subject"
says "a disk that is full" "cannot write .*full.html: File too large" bash -c \
    'ulimit -f 100; "$1" report "$2" -o "$3"' - "$console" "$subject" "$work/full.html"
if [ -e "$work/full.html" ]; then fail "no part of a report is left"; else ok "no part of a report is left"; fi
says "the standard output" '^<!DOCTYPE html>' "$console" report "$subject" -o -
if compgen -G "$work/*.tmp" >/dev/null; then fail "parts of files remain"; else ok "no part of a file remains"; fi

# A core file has all but what a process alone can tell.
if command -v gcore >/dev/null && gcore -o "$work/core" "$subject" >/dev/null 2>&1 </dev/null; then
    says "a core file: all but the profile" 'with timeline, map, waste, threads, doctor, settings$' \
        "$console" report "$work/core.$subject" -o "$work/core.html"
    says "why there is no profile" 'without code: samples: a core file can only be read' \
        "$console" report "$work/core.$subject" -o "$work/core.html"
    says "the title says what it is of" "\\(core file of $subject\\)" cat "$work/core.html"
    head -c 300000 "$work/core.$subject" >"$work/cut"
    says "a core file that is cut off" 'lunalloc: core file .*: it is truncated' "$console" report "$work/cut" \
        -o "$work/cut.html"
    if [ -e "$work/cut.html" ]; then fail "a report of half a file"; else ok "no report of half a core file"; fi
else
    skipped=$((skipped + 1))
    echo "skip: a core file: no gcore here, or it cannot trace"
fi

# A process that ends while it is watched: what was seen is in the report.
"$console" report "$subject" --for 3s -o "$work/ended.html" >"$work/said" 2>&1 &
reporter=$!
sleep 1.5
kill "$subject"
wait "$reporter"
if grep -q 'with timeline, map, difference$' "$work/said" && grep -q 'without the process' "$work/said"; then
    ok "what was seen of a process that ends is kept"
else
    fail "what was seen of a process that ends is kept" "$work/said"
fi

# A page of all that there is, with and without the library.
lua5.4 "$page/page.lua" "$work/small.html" small >"$work/cells.txt" || fail "page.lua"
mkdir -p "$work/plain/lunalloc"
DYGRAPHS=none "$root/scripts/report-page" "$work/plain/lunalloc/report.html" 2>"$work/said"
if grep -q 'apt-get install libjs-dygraphs' "$work/said"; then ok "a build without the library says so"; else
    fail "a build without the library says so" "$work/said"
fi
ln -s "$build/lua/lunalloc/core.so" "$work/plain/lunalloc/core.so"
LUA_CPATH="$work/plain/?.so;;" lua5.4 "$page/page.lua" "$work/plain.html" small >/dev/null || fail "page.lua, plain"

if command -v tidy >/dev/null; then
    for name in small real; do
        tidy -q -e "$work/$name.html" 2>"$work/said"
        if [ -s "$work/said" ]; then fail "$name.html is valid" "$work/said"; else ok "$name.html is valid HTML"; fi
    done
else
    skipped=$((skipped + 1))
    echo "skip: valid HTML: no tidy here"
fi

if ! command -v chromium >/dev/null; then
    skipped=$((skipped + 1))
    echo "skip: in a browser: no chromium here"
    finish
fi
python3 "$page/check.py" "$work" >"$work/browser" 2>&1
status=$?
grep -vE '^[0-9]+ passed' "$work/browser"
passed=$((passed + $(grep -c '^ok ' "$work/browser")))
failed=$((failed + $(grep -c '^FAIL ' "$work/browser")))
[ $status = 0 ] || grep -q '^FAIL ' "$work/browser" || fail "the browser's checks" "$work/browser"
finish
