# attach.bash -- for the tests of attaching; to be sourced after common.bash.
#
# Processes of their own in the background, and waiting for something.

export LUA_PATH="$root/lua/?.lua;$root/lua/?/init.lua;;"
pids=()

# started -- remembers the last background process; its number is in $pid. The shell says nothing when it is killed.
started() {
    pid=$!
    pids+=("$pid")
    disown "$pid"
}

# stop_all [SIGNAL] -- ends what was started and is still there, and waits until it is gone.
stop_all() {
    local each
    for each in "${pids[@]-}"; do
        [ -z "$each" ] || kill -"${1-KILL}" "$each" 2>/dev/null || continue
        while kill -0 "$each" 2>/dev/null; do sleep 0.02; done
    done
    pids=()
}
trap 'stop_all; rm -rf "$work"' EXIT

# wait_for COMMAND... -- until it succeeds, 20 s at most.
wait_for() {
    local i
    for i in $(seq 400); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.05
    done
    return 1
}
