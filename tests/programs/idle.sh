#!/usr/bin/env bash
# Idle processes give memory back by themselves, in the default setting, and short programs pay nothing for that.
. "${0%/*}/common.bash"

# tells NAME PATTERN COMMAND... -- what it prints, and its status.
tells() {
    local name=$1 pattern=$2
    shift 2
    if "$@" >"$work/told" 2>&1 && grep -qE "$pattern" "$work/told"; then
        ok "$name"
    else
        fail "$name" "$work/told"
    fi
}

idle() {
    LUNALLOC_CONF=$1 LD_PRELOAD=$library timeout -s KILL 60 "$built/idle_single" "$2"
}

as_nobody() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
    else
        "$@"
    fi
}

nobody_idle() {
    as_nobody env LUNALLOC_CONF="$1" LD_PRELOAD="$open/liblunalloc.so" timeout -s KILL 60 "$open/idle_single" "$2"
}

back='back (7[5-9]|[89].|100)'
tells "three quarters come back in the default setting" "^$back " idle dirty_decay_ms:300 wait
tells "a program with a thread is replaced by another" "^$back " idle dirty_decay_ms:300 exec
tells "a program with a thread enters a user namespace" "^unshare (0|1|28)$" idle "" unshare
confined='^(back -?[0-9]+ threads 1 single 1|no filters here)$'
tells "a program that filters its calls has no thread" "$confined" idle "" filter
tells "the thread has ended before a program filters its calls" "$confined" idle dirty_decay_ms:300 late

# A folder that any user reaches.
open=$(mktemp -d -p /tmp)
trap 'rm -rf "$work" "$open"' EXIT
chmod 755 "$open"
cp "$library" "$open/liblunalloc.so"
cp "$built/idle_single" "$open"
if as_nobody true 2>/dev/null; then
    tells "for the C library the program stays one of a single thread" "^$back threads 2 single 1$" \
        nobody_idle dirty_decay_ms:300 wait
    tells "a refused thread is done without" "^back -?[0-9]+ threads 1 single 1$" \
        as_nobody bash -c "ulimit -u 0 && LD_PRELOAD=$open/liblunalloc.so exec $open/idle_single short"
else
    skipped=$((skipped + 2))
    echo "skip what an unprivileged user sees: no setpriv here"
fi

# Programs that end soon start no thread.
if command -v strace >/dev/null; then
    for command in "ls /" "sort /etc/passwd" "sh -c :" "lua5.4 -v" "awk BEGIN{for(i=0;i<99999;i++)a[i]=i}"; do
        # shellcheck disable=SC2086
        command -v ${command%% *} >/dev/null || continue
        # shellcheck disable=SC2086
        LD_PRELOAD=$library strace -o "$work/calls" -e trace=clone,clone3 $command >/dev/null 2>&1
        if grep -qE 'CLONE_THREAD' "$work/calls"; then
            fail "${command%% *} has no thread" "$work/calls"
        else
            ok "${command%% *} has no thread"
        fi
    done
fi
finish
