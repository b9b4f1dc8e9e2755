#!/usr/bin/env bash
# jemalloc's control names, asked of jemalloc itself and of this library: the same errors.
. "${0%/*}/common.bash"

peer=$(ldconfig -p | sed -n 's|.*libjemalloc.so.2 .*=> ||p' | head -n 1)
names=$root/tests/control/jemalloc-names.tsv
# Subtrees that do not answer yet.
missing='^(thread\.prof|prof|stats)\.|^opt\.(prof|lg_prof|stats)'
# What ends jemalloc if it is asked so, and what the profiler of that build would have to answer.
untold='^arenas\.(create|lookup)|^experimental\.'
# Writable here; not in every build of jemalloc.
other='^opt\.(thp|utrace|xmalloc|lg_san_uaf_align):|^arenas\.bin\.<i>\.(nshards|slab_size):'

# answers LIBRARY FILE
answers() {
    grep -Ev "$missing|$untold" "$names" >"$work/names"
    LD_PRELOAD=$1 timeout 60 "$built/ctl_answers" "$work/names" | grep -Ev "$other" >"$2"
}

if [ -z "$peer" ]; then
    skipped=$((skipped + 1))
    echo "skip jemalloc is not installed"
    finish
fi
answers "$peer" "$work/theirs"
answers "$library" "$work/ours"
if [ "$(wc -l <"$work/ours")" -ge 80 ]; then ok "names are answered"; else fail "names are answered" "$work/ours"; fi
if diff "$work/theirs" "$work/ours" >"$work/diff"; then ok "errors are the same"; else fail "errors" "$work/diff"; fi
finish
