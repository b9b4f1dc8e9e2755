#!/usr/bin/env bash
# lunalloc compare: usage, real runs of scripts whose figures are known, exit statuses, Ctrl-C.
. "$(dirname "$0")/common.bash"

# A script whose cost is a setting of the allocator: on the C library's malloc it is 100.
cat >"$scratch/cost.lua" <<'LUA'
local la = require "lunalloc"
return { cost = la.replaced and la.get "opt.dirty_decay_ms" or 100, ["gain/s"] = 5, nothing = 0 }
LUA
cat >"$scratch/fails.lua" <<<'error "no such luck"'
cat >"$scratch/sleeps.lua" <<<"os.execute 'sleep 98765.$$'"

json() {
    if command -v jq >/dev/null; then check "$1" "$(jq -r "$3" <<<"$2" 2>&1)" "$4"; else skip "$1" "no jq here"; fi
}

# ---- usage ----

usage() {
    local name=$1 wanted=$2
    shift 2
    batch compare "$@" </dev/null
    check_match "$name" "$out/$err/$status" "^/lunalloc: ${wanted}[^"$'\n'"]*/1$"
}

usage "no scenario" "compare: which scenario\\? "
usage "two scenarios" "compare: unexpected 'two' " one two
usage "no such file" "no scenario '$scratch/none.lua'" "$scratch/none.lua"
usage "no such name" "no scenario 'none': neither a file nor a scenario of that name" none
usage "a setting without a value" "compare: '--set' takes KEY=VALUE, not 'threads'" "$scratch/cost.lua" --set threads
usage "a folder" "$scratch: not a regular file" "$scratch"
usage "an unknown allocator" "compare: allocators\\[2\\] = 'malloc': one of lunalloc, glibc" "$scratch/cost.lua" \
    --allocators lunalloc,malloc
usage "one allocator" "compare: allocators: an array of 2 to 16" "$scratch/cost.lua" --allocators lunalloc
usage "allocators and settings" "compare: either allocators, or a and b" "$scratch/cost.lua" \
    --allocators lunalloc,glibc --a narenas:1
usage "no rounds" "compare: rounds = 0: a whole number" "$scratch/cost.lua" --rounds 0
usage "a share" "compare: least = 'much': a share expected" "$scratch/cost.lua" --least much
usage "an unknown metric" "no metric 'ops'; there are: " "$scratch/cost.lua" --a '' --b '' --metric ops --rounds 1
usage "a wrong setting" "a: LUNALLOC_CONF: 'narena' is no option" "$scratch/cost.lua" --a narena:1 --b ''
usage "a script that fails" "lunalloc: $scratch/fails.lua:1: no such luck" "$scratch/fails.lua" \
    --allocators lunalloc,glibc

# ---- runs ----

run=("$scratch/cost.lua" --a dirty_decay_ms:100 --b dirty_decay_ms:150 --metric cost --rounds 4)
COLUMNS=80 LC_ALL=C batch compare "${run[@]}" </dev/null
check "a table" "$out/$err/$status" \
    "comparison of 2 variants on cost: 4 rounds, in turn; ratios to a
medians ± half of the range of the middle half; all intervals hold together with 95 %; a difference below 1 % is none
  a: dirty_decay_ms:100 (lunalloc 0.1.0)
  b: dirty_decay_ms:150 (lunalloc 0.1.0)

cost, less is better                                 0.984      1.525
  a              100 +-0.0%
  b              150 +-0.0%   1.500 [1.500, 1.500]    :            *  worse

b: worse in cost//0"
batch compare "${run[@]}" --no-worse </dev/null
check "--no-worse" "$err/$status" "/4"
batch compare "${run[@]}" --no-worse --least 60% </dev/null
check "a difference that does not count" "$err/$status" "/0"
batch compare "$scratch/cost.lua" --a dirty_decay_ms:9 --b dirty_decay_ms:9 --metric 'cost,gain/s,nothing' \
    --rounds 5 --no-worse </dev/null
check_match "settings beside themselves" "$out/$err/$status" $'\nno difference//0$'
batch compare "$scratch/cost.lua" --allocators glibc,lunalloc --rounds 2 --metric cost --json </dev/null
json "JSON: what was measured" "$out" '.variants[1].medians.cost / .variants[0].medians.cost' 100
json "JSON: on which allocator" "$out" '[.variants[].allocator] | join(" ")' "glibc lunalloc"
json "JSON: too few rounds" "$out" '.comparisons[0].verdict' undecided
check "JSON: nothing else" "$err/$status" "/0"

batch compare producer_consumer --allocators lunalloc,glibc --rounds 1 --duration 20ms --set verify=true --json \
    --metric ops/s </dev/null
json "a scenario by its name" "$out" '.scenario + " " + .variants[1].allocator' "producer_consumer glibc"
check "its exit status" "$err/$status" "/0"

# ---- the terminal ----

if have_pty "compare on a terminal"; then
    pty_start compare "$scratch/sleeps.lua" --allocators glibc,lunalloc
    for _ in {1..200}; do
        pgrep -f "sleep 98765.$$" >/dev/null && break
        sleep 0.05
    done
    pty_send '\x03'
    pty_end
    check "Ctrl-C leaves no process" "$(pgrep -f "sleep 98765.$$" || echo none)" none
    check "Ctrl-C ends it" "$([ "$status" -ge 128 ] && echo by signal)" "by signal"
fi

# ---- completion ----

batch complete -- compare --al </dev/null
check "completion: an option" "$out" "--allocators"
batch complete -- compare '' </dev/null
check_match "completion: scenarios and files" "$out" $'(^|\n)producer_consumer\n(.*\n)?:files$'

finish
