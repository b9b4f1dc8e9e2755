#!/usr/bin/env bash
# Memory that is moved, on the system itself and on one that only seems to do what it is asked: qemu's user mode forgets
# about a range whose memory went elsewhere. Purging at once, too, so that pages are given back and reused.
. "${0%/*}/common.bash"

# try NAME COMMAND...
try() {
    local name=$1
    shift
    if "$@" "$built/moved" >"$work/out" 2>&1 && [ "$(cat "$work/out")" = '0 wrong' ]; then
        ok "$name"
    else
        fail "$name" "$work/out"
    fi
}

emulator=$(command -v "qemu-$(uname -m)")
for conf in narenas:1 narenas:1,dirty_decay_ms:0; do
    try "contents and system calls, $conf" env LD_PRELOAD="$library" LUNALLOC_CONF=$conf
    if [ -n "$emulator" ]; then
        try "the same under qemu" env LUNALLOC_CONF=$conf "$emulator" -E LD_PRELOAD="$library"
    else
        echo "skip: the same under qemu, which is not installed"
        skipped=$((skipped + 1))
    fi
done
finish
