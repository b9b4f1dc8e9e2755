#!/usr/bin/env bash
# jemalloc's control names, asked of jemalloc itself and of this library: the same answers, to reads into buffers of any
# length, writes of wrong lengths and where none is allowed, both at once, by name and by mib, indices out of range.
. "${0%/*}/common.bash"

peer=$(ldconfig -p | sed -n 's|.*libjemalloc.so.2 .*=> ||p' | head -n 1)
names=$root/tests/control/jemalloc-names.tsv

# What is answered otherwise; the reasons are in console/lunalloc.1, DIFFERENCES FROM JEMALLOC.
differs=(
    # jemalloc ends the process when a length is missing
    'arenas\.(create|lookup) ' 'tcache\.create ' 'experimental\.(arenas_create_ext|batch_alloc) ' 'prof\.prefix '
    # writable here
    'opt\.thp ' 'arenas\.bin\.0\.(nshards|slab_size) '
    # answered here whatever the build or the options are
    'opt\.(utrace|xmalloc|lg_san_uaf_align) ' 'prof\.stats\.(bins|lextents)\.0\.'
    # one rule for all that is read only, written only, or an action
    'experimental\.arenas\.0\.pactivep ' 'experimental\.hooks\.' 'prof\.log_st(art|op) ' 'stats\.mutexes\.reset '
)

# answers LIBRARY FILE -- in a folder of its own: prof.dump leaves profiles there.
answers() (
    cd "$work" || exit 1
    LD_PRELOAD=$1 MALLOC_CONF=prof:true,prof_active:false timeout 60 "$built/ctl_answers" "$names" |
        grep -Ev "$(IFS='|'; echo "^(${differs[*]})")" >"$2"
)

if [ -z "$peer" ]; then
    skipped=$((skipped + 1))
    echo "skip jemalloc is not installed"
    finish
fi
answers "$peer" "$work/theirs"
answers "$library" "$work/ours"
if [ "$(wc -l <"$work/ours")" -ge 13000 ]; then ok "names are answered"; else fail "names are answered" "$work/ours"; fi
if diff "$work/theirs" "$work/ours" >"$work/diff"; then ok "answers are the same"; else fail "answers" "$work/diff"; fi
finish
