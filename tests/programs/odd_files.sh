#!/usr/bin/env bash
# What is no file of the right kind in the place of a path: FIFOs that nobody opens, devices without an end, folders,
# binary files. Each function that takes a path answers at once with nil, a message and a code.
source "$(dirname "$0")/common.bash"
need lua5.4
eval "$($make -s -C "$root" env)"

mkfifo "$work/fifo"
mkdir "$work/folder"
head -c 100000 "$library" | tail -c 90000 >"$work/binary"
head -c 5000 "$library" >"$work/program"
: >"$work/empty"

# lua CODE PATH -- in that folder; prints what the code returns, or raises.
lua() {
    (cd "$work" && P=$2 timeout 20 lua5.4 -e '
        local la, p = require "lunalloc", os.getenv "P"
        la.prof.start()
        local results = table.pack(pcall(function() local a, b, c = '"$1"' return a, b, c end))
        for i = 1, results.n do results[i] = tostring(results[i]) end
        print(table.concat(results, " | "))') 2>&1
}

# refused NAME CODE PATH
refused() {
    lua "$2" "$3" >"$work/out"
    if [ "$(wc -l <"$work/out")" = 1 ] &&
        grep -qE '^true \| nil \| .+ \| E[A-Z]+$' "$work/out"; then
        ok "$1: ${3##*/}"
    else
        fail "$1: $3" "$work/out"
    fi
}

for path in fifo "$work/fifo" "$work/folder" "$work/binary" "$work/program" "$work/empty" /dev/zero /dev/null \
    /proc/self/mem "$work/none" "$work/none/none"; do
    refused "attach" "la.attach(p)" "$path"
    for form in histogram fleetbench; do
        refused "$form" "la.workload { ops = 1, mix = { { size = '$form(' .. p .. ')', lifetime = 1 } } }" "$path"
    done
    refused "joint" "la.workload { ops = 1, mix = { { joint = 'fleetbench(' .. p .. ')' } } }" "$path"
    refused "import" "la.workload.import(p)" "$path"
    refused "trace" "la.workload { trace = p }" "$path"
done

mkfifo "$work/fifo.pb" "$work/fifo.collapsed"
for path in "$work/folder" "$work/fifo" "$work/fifo.pb" "$work/fifo.collapsed" "$work/none/none"; do
    refused "dump" "la.prof.dump(p)" "$path"
done

finish
