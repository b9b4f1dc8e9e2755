#!/usr/bin/env bash
# lunalloc map: on real processes by each way, on core files, saved instants and what changed between two; on terminals
# of several sizes; without colours and without a terminal; bad usage.
. "$(dirname "$0")/common.bash"

mkdir -m 700 "$scratch/run"
export XDG_RUNTIME_DIR=$scratch/run
targets=()
trap 'kill "${targets[@]}" 2>/dev/null; [ $servers = 0 ] || tm kill-server 2>/dev/null
    wait 2>/dev/null; rm -rf "$scratch"' EXIT

json() {
    if command -v jq >/dev/null; then check "$1" "$(jq -r "$3" <<<"$2" 2>&1)" "$4"; else skip "$1" "no jq here"; fi
}

LUNALLOC_CONF=agent:true "$console" -e 'keep = {} for i = 1, 6000 do keep[i] = la.buffer(i % 5000) keep[i]:fill(1) end
    for i = 1, 6000, 2 do keep[i]:free() end big = la.buffer "24M"
    print "ready" io.stdout:flush() require("lunalloc.console").sleep(600)' >"$scratch/ready" </dev/null &
pid=$!
targets+=("$pid")
until [ -s "$scratch/ready" ]; do sleep 0.02; done

# ---- without a terminal ----

batch map "$pid" --height 4 </dev/null
check_match "a picture in letters" "$out/$err/$status" \
    $'^lunalloc by state: [0-9.]+ MiB in [^\n]*iB a cell\n [0-9a-f]{12}  [#=.-]+\n.*\n# active [^\n]*iB.*//0$'
check "no escape sequences" "$(grep -c $'\033' <<<"$out")" 0
check "no line is too wide" "$(awk 'length > 80' <<<"$out")" ""
for by in occupancy age residency arena class; do
    batch map "$pid" --by "$by" --width 60 </dev/null
    check_match "by $by" "$out/$err/$status" "^lunalloc by $by: .*//0$"
done
batch map "$pid" --by residency </dev/null
check_match "never touched memory is absent" "$out" $'\\. absent [2-9][0-9.]+ MiB   # present '
batch map "$pid" --json --columns 20 --rows 10 </dev/null
json "JSON has as many cells as it says" "$out" '(.cells | length) == .columns * .rows and .columns == 20' true
json "and the bytes of the legend add up" "$out" '([.legend[].bytes] | add) == .bytes' true
: >"$scratch/watched"
"$console" map "$pid" --watch --every 100ms --height 3 >"$scratch/watched" </dev/null &
targets+=("$!")
for ((i = 0; i < 1200; i++)); do
    [ "$(grep -c 'by state' "$scratch/watched")" -lt 3 ] || break
    sleep 0.05
done
check_match "--watch draws it again" "$(grep -c 'by state' "$scratch/watched")" '^[3-9]|^[1-9][0-9]'
kill "$!"

# ---- other ways, saved instants, changes ----

batch -e "local t <close> = assert(la.attach($pid, {way = 'memory'})) local a <close> = t.instant{residency = true}
    local u <close> = assert(la.attach($pid)) local b <close> = u.instant{residency = true}
    print(t.way, u.way, a.states.active.bytes == b.states.active.bytes, a.residency.active == b.residency.active,
        a:raster().cells == b:raster().cells, a.source.pid)" </dev/null
check "reading alone sees what the agent sees" "$out/$err" $'memory\tagent\ttrue\ttrue\ttrue\t'"$pid/"
batch map "$pid" --save "$scratch/a" --height 3 </dev/null
drawn=$out
batch map "$scratch/a" --height 3 </dev/null
check "a saved instant has the same picture" "$out/$err" "$drawn/"
batch map "$scratch/a" --by residency --height 3 </dev/null
check_match "and knows what was in memory" "$out" '# present '
batch map "$scratch/a" "$scratch/a" --height 3 </dev/null
check_match "nothing has changed" "$out/$err/$status" $'^lunalloc by changes: .*\n\\. unchanged [^\n]*iB//0$'
batch -e "local t <close> = assert(la.attach($pid)) t.set('arena.4096.purge')" </dev/null
batch map "$scratch/a" "$pid" --json </dev/null
json "a purge shows" "$out" '[.legend[] | select(.name == "purged").bytes > 0] | any' true
head -c 1000 "$scratch/a" >"$scratch/cut"
batch map "$scratch/cut" </dev/null
check "a file that is cut off" "$out/$err/$status" "/lunalloc: '$scratch/cut': it is cut off/1"
batch map "$pid" --save /dev/null </dev/null
check_match "no device is written" "$err/$status" "^lunalloc: .*/dev/null.*/1$"

if command -v gcore >/dev/null && gcore -o "$scratch/core" "$pid" >/dev/null 2>&1; then
    batch map "$scratch/core.$pid" --height 3 </dev/null
    check_match "a core file" "$out/$err/$status" $'^lunalloc by state: [0-9.]+ MiB in .*\n# active .*//0$'
    batch map "$scratch/core.$pid" --by residency --height 3 </dev/null
    check_match "what a core file holds" "$out/$err/$status" $'^lunalloc by residency: .* present .*//0$'
else
    skip "core files" "gcore is not installed, or may not attach"
fi

# ---- bad usage ----

batch map </dev/null
check_match "without a target" "$err/$status" "^lunalloc: map: which process.*/1$"
batch map "$pid" --by stat </dev/null
check_match "by what is not there" "$err/$status" "^lunalloc: map: by is one of state, .* not 'stat' .*/1$"
batch map "$pid" --width 3 </dev/null
check_match "too narrow" "$err/$status" "^lunalloc: map: width is a whole number from 20 to 1000 .*/1$"
batch map "$scratch/a" "$scratch/a" --by class </dev/null
check_match "changes are drawn in one way" "$err/$status" "^lunalloc: map: no option 'by'.*/1$"
batch map "$scratch/a" "$scratch/a" --watch </dev/null
check_match "nor watched" "$err/$status" "^lunalloc: map: --watch.*one target.*/1$"
batch -i <<<".map by=class height=2 width=40"
check_match "as a command of the prompt" "$out" $'^heap by class: [^\n]*\n[^\n]*\n'
batch -i <<<".map by=x"
check_match "which refuses what is wrong" "$err" "by is one of state"

# ---- on terminals ----

# screen COLUMNS ROWS ENVIRONMENT ARGUMENTS... -- what a terminal shows when the command has ended, with its colours.
screen() {
    local columns=$1 rows=$2 environment=$3 command
    shift 3
    printf -v command '%q ' "$console" "$@"
    servers=$((servers + 1))
    tm new-session -d -x "$columns" -y "$rows" \
        "env $environment $command; printf 'end\n'; sleep 600"
    for ((i = 0; i < 300; i++)); do
        shown=$(tm capture-pane -p -e)
        [[ $shown != *end* ]] || break
        sleep 0.05
    done
    tm kill-server
    plain=$(sed $'s/\033\\[[0-9;]*m//g' <<<"$shown")
}

# The characters of the widest line.
widest() {
    local line most=0
    while IFS= read -r line; do
        most=$((${#line} > most ? ${#line} : most))
    done <<<"$1"
    echo "$most"
}

if command -v tmux >/dev/null; then
    for size in "80 24" "200 60" "40 10"; do
        screen $size "" map "$pid"
        check_match "it fits $size" "$plain" $'^lunalloc by state: [^\n]*\n.*active.*\nend'
        check_match "$size: in colour" "$shown" $'\033\\[[0-9;]*m[^\n]*[█▀▄]'
        columns=${size% *}
        width=$(widest "$plain")
        check "$size: no line is too wide" "$((width <= columns && width > columns - 4))" 1
    done
    screen 80 24 NO_COLOR=1 map "$pid"
    check "NO_COLOR is obeyed" "$(grep -c $'\033' <<<"$shown")" 0
    check_match "NO_COLOR: shades" "$plain" $'\n 7[0-9a-f]{11}  [█▓▒░]+'
    screen 80 24 LC_ALL=C map "$pid"
    check_match "without UTF-8: letters" "$plain" $'\n 7[0-9a-f]{11}  [#=.-]+'
    screen 80 24 "" map "$pid" --mode braille
    check_match "braille" "$plain" $'\n 7[0-9a-f]{11}  [^ -~\n]+\n.*⣿ active'
    screen 80 24 "" map "$scratch/a" "$pid"
    check_match "changes" "$plain" $'^lunalloc by changes: [^\n]*\n.*unchanged'
else
    skip "terminals" "tmux is not installed"
fi

finish
