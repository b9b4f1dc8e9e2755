# common.bash -- for the tests of the console; to be sourced.
#
#   check NAME GOT WANTED      one test: equal texts
#   check_match NAME GOT RE    one test: a bash regular expression
#   batch [ARGUMENTS]          runs the console without a terminal; sets out, err, status
#   have_pty NAME              false, and a skip, if there are no pseudo-terminals
#   pty_start [ARGUMENTS]      runs it on a pseudo-terminal of its own (script(1)); then
#   pty_send TEXT              types (\r is Enter, \x03 Ctrl-C, \x04 Ctrl-D, \t Tab)
#   pty_expect NAME TEXT       one test: TEXT is printed after what was last expected
#   pty_end                    waits for its end; sets status
#   finish                     the closing line and the exit status
set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
console=${LUNALLOC_CONSOLE:-$PWD/build/lunalloc}
patience=${PATIENCE:-60} # seconds; only against hanging

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/home"
export HOME=$scratch/home TERM=dumb LC_ALL=C.UTF-8
unset XDG_STATE_HOME NO_COLOR LUA_INIT LUA_INIT_5_4 LUNALLOC_CONF INPUTRC

passed=0 failed=0 skipped=0

pass() { passed=$((passed + 1)); }

fail() {
    failed=$((failed + 1))
    printf 'FAILED: %s\n' "$1"
    printf '%s\n' "$2" | sed 's/^/    got:    /'
    printf '%s\n' "$3" | sed 's/^/    wanted: /'
}

check() {
    if [ "$2" = "$3" ]; then pass; else fail "$@"; fi
}

check_match() {
    if [[ $2 =~ $3 ]]; then pass; else fail "$@"; fi
}

skip() {
    skipped=$((skipped + 1))
    printf 'skipped: %s: %s\n' "$1" "$2"
}

# Standard input is the caller's: batch -e CODE <<<'text'
batch() {
    "$console" "$@" >"$scratch/out" 2>"$scratch/err"
    status=$?
    out=$(cat "$scratch/out") err=$(cat "$scratch/err")
}

pty_seen=''

# Can pseudo-terminals be had here? If not, skips NAME.
have_pty() {
    script -qec true /dev/null >/dev/null 2>&1 </dev/null && return
    skip "$1" "script(1) is not installed, or there are no pseudo-terminals (/dev/pts)"
    false
}

servers=0 # of tmux. Each has its own socket: one that ends would take a new session with it
tm() {
    tmux -f /dev/null -S "$scratch/tmux$servers" "$@"
}

pty_start() {
    local command
    printf -v command '%q ' "$console" "$@"
    # exec: script(1) runs it by $SHELL, and a shell that waited for it would get each Ctrl-C, too.
    coproc PTY { exec script -qec "exec $command" /dev/null 2>&1; }
    pty_pid=$PTY_PID
    exec {pty_in}>&"${PTY[1]}" {pty_out}<&"${PTY[0]}"
    pty_seen=''
}

# A program that has ended reads nothing, which the next pty_expect reports: SIGPIPE must not end the test.
pty_send() {
    (trap '' PIPE && printf '%b' "$1" >&"$pty_in") 2>/dev/null
}

# Reads what there is, waiting for it at most a little; false at the end of the output.
pty_read() {
    local piece='' got
    LC_ALL=C IFS= read -r -d '' -N 4096 -t 0.05 -u "$pty_out" piece
    got=$?
    pty_seen+=$piece
    [ $got = 0 ] || [ $got -gt 128 ]
}

pty_expect() {
    local start=$SECONDS more=yes
    while [[ $pty_seen != *"$2"* ]]; do
        if [ -z "$more" ] || [ $((SECONDS - start)) -gt "$patience" ]; then
            fail "$1" "$pty_seen" "$2"
            return
        fi
        pty_read || more=''
    done
    pty_seen=${pty_seen#*"$2"}
    pass
}

pty_end() {
    local start=$SECONDS
    while pty_read; do
        [ $((SECONDS - start)) -le "$patience" ] || kill "$pty_pid"
    done
    exec {pty_in}>&- {pty_out}<&-
    wait "$pty_pid"
    status=$?
}

finish() {
    local tail=''
    [ "$skipped" = 0 ] || tail=", $skipped skipped"
    echo "$passed passed, $failed failed$tail"
    [ "$failed" = 0 ]
    exit
}
