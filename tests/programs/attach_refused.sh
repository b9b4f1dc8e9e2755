#!/usr/bin/env bash
# What la.attach refuses, and how: sockets that are not the process's, agents that answer nonsense (pretender.c), other
# users, other namespaces. Each is one line with its code, and nothing hangs.
. "${0%/*}/common.bash"

. "$here/attach.bash"

# attach PID OPTIONS -- prints the target, or the message and the code.
attach() {
    timeout 60 "$console" -e "
        local t, message, code = require('lunalloc').attach($1, $2)
        print(t and tostring(t) or message .. ' ' .. code)" 2>&1
}

# says NAME PATTERN PID [OPTIONS] -- the attempt prints one line that matches the extended regular expression.
says() {
    attach "$3" "${4-{way = 'agent', timeout = '400ms'\}}" >"$work/said"
    if [ "$(wc -l <"$work/said")" = 1 ] && grep -qE "$2" "$work/said"; then
        ok "$1"
    else
        echo "wanted: $2" >>"$work/said"
        fail "$1" "$work/said"
    fi
}

skip() {
    skipped=$((skipped + 1))
    echo "skip $1"
}

# ---- agents that lie ----

# pretend HOW [PATH] -- starts one; its number is in $pid.
pretend() {
    rm -f "$work/ready"
    "$built/pretender" "${2-$safe/socket}" "$1" >"$work/ready" 2>&1 &
    started
    wait_for grep -q ready "$work/ready" || cat "$work/ready"
}

# lies NAME HOW PATTERN
lies() {
    pretend "$2"
    says "$1" "$3" $pid
    pkill -KILL -P $pid 2>/dev/null
    stop_all
    rm -f "$safe/socket"
}

safe=$work/safe
mkdir -m 700 "$safe"
lies "another version of the protocol, newer" newer "\(protocol 2\), and this is .*: use its own console EPROTO$"
lies "another version of the protocol, older" older "\(protocol 0\), and this is .*: use its own console EPROTO$"
lies "another version of the library" library "runs lunalloc 99.0.1 .*: use its own console EPROTO$"
lies "structures of another build" sizes "runs another build of lunalloc: use its own console EPROTO$"
lies "an agent that never answers" silent "does not answer: try again, .* ETIMEDOUT$"
lies "an agent that answers a byte a second" slow "does not answer: try again, .* ETIMEDOUT$"
lies "an agent that closes the connection" close "closed the connection.* EPIPE$"
lies "an agent that closes it within a frame" half "closed the connection.* EPIPE$"
lies "bytes that are no frame" nonsense "answers what this lunalloc .* does not understand EPROTO$"
lies "a frame of 4 GB" huge "answers what this lunalloc .* does not understand EPROTO$"
lies "another process listens: a child" child "is not trusted: process [0-9]+ of uid [0-9]+ listens on it EPERM$"
lies "nobody listens any more" stale "is stale: nobody listens ECONNREFUSED$"
lies "a structure that was overwritten" magic "has overwritten what lunalloc tells other processes EPROTO$"
lies "a structure of another version" version "runs a lunalloc that this one .* does not know: .* EPROTO$"

# After a good HELLO: every function fails in one line, or gives values of the right type; none crashes or hangs.
pretend good
cat >"$work/all.lua" <<END
local la = require "lunalloc"
local t = assert(la.attach($pid, { way = "agent", timeout = "1s" }))
local names = {}
for name, value in pairs(t) do
    names[#names + 1] = type(value) == "function" and name ~= "close" and name or nil
end
table.sort(names)
for _, name in ipairs(names) do
    local argument = ({ find = 1, arena = 0, get = "x", describe = "x" })[name]
    local _, value, message = pcall(t[name], argument)
    io.write(name, " ", (tostring(message or value):gsub("\n.*", "")), "\n")
end
print(pcall(t.prof.top, {}))
END
if timeout 60 "$console" "$work/all.lua" >"$work/said" 2>&1 && [ "$(grep -c "another build" "$work/said")" -gt 6 ]; then
    ok "records of wrong sizes and counts from every function"
else
    fail "records of wrong sizes and counts from every function" "$work/said"
fi
stop_all
rm -f "$safe/socket"

# ---- sockets that are not the process's ----

pretend good
real=$pid
pretend other "$safe/socket"
says "a socket on which another process listens" "is not trusted: process $real of uid [0-9]+ listens on it EPERM$" $pid

ln -s "$safe/socket" "$safe/link"
pretend other "$safe/link"
says "a socket that is a link" "/link of .* is no socket EPERM$" $pid

ln -s "$safe" "$work/linked"
pretend other "$work/linked/socket"
says "a directory that is a link" "is not trusted: its directory is a link EPERM$" $pid

pretend other "$safe/nothing"
says "a socket that is not there" "does not exist ENOENT$" $pid

pretend other "relative/socket"
says "a path that is relative" "is no absolute path EPERM$" $pid

touch "$safe/file"
pretend other "$safe/file"
says "a file that is no socket" "is no socket EPERM$" $pid

stop_all
rm "$safe/socket"
pretend good
says "the same socket, with its own server" "^pretender:$pid \(agent\)$" $pid
chmod 0666 "$safe/socket"
says "a socket that others may use" "is not trusted: it is open to others \(mode 0666\) EPERM$" $pid
chmod 0600 "$safe/socket"
chmod 0755 "$safe"
says "a directory that others may enter" "is not trusted: its directory is open to others \(mode 0755\) EPERM$" $pid
chmod 0700 "$safe"
if [ "$(id -u)" = 0 ]; then
    chown 65534 "$safe/socket"
    says "a socket of another user" "is not trusted: it belongs to uid 65534, not 0 EPERM$" $pid
    chown 0 "$safe/socket"
    chown 65534 "$safe"
    says "a directory of another user" "is not trusted: its directory belongs to uid 65534, not 0 EPERM$" $pid
    chown 0 "$safe"
else
    skip "sockets of another user: only root can make them"
fi
says "all mended" "^pretender:$pid \(agent\)$" $pid
stop_all

# ---- other users ----

nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups --)

as=() # before a command that runs as another user

# serve CONF COMMAND... -- a process with the library, a number in $pid. It says "ready".
serve() {
    local conf=$1
    shift
    rm -f "$work/served"
    "${as[@]}" env LD_PRELOAD="$library" LUNALLOC_CONF="$conf" "$@" >"$work/served" 2>&1 &
    started
    wait_for grep -q ready "$work/served"
}

# nobody_attaches PID -- as that user; prints as attach.
nobody_attaches() {
    "${nobody[@]}" timeout 60 "$console" -e "
        local t, message, code = require('lunalloc').attach($1)
        print(t and tostring(t) or message .. ' ' .. code)" 2>&1
}

if [ "$(id -u)" = 0 ] && "${nobody[@]}" test -x "$console" -a -r "$library" -a -r "$root/lua/lunalloc/init.lua"; then
    serve agent:true "$built/idle"
    told=$(nobody_attaches $pid)
    if [ "$told" = "process $pid (idle) belongs to root: attach as that user, or with sudo EPERM" ]; then
        ok "a process of another user"
    else
        fail "a process of another user: $told"
    fi
    # As the kernel's Yama does it for all processes.
    as=("${nobody[@]}")
    serve agent:true "$built/idle" hidden
    for _ in {1..20}; do # its agent may not listen yet
        told=$(nobody_attaches $pid)
        [ "$told" = "idle:$pid (agent)" ] && break
        sleep 0.2
    done
    if [ "$told" = "idle:$pid (agent)" ]; then
        ok "a process that hides its memory, by the usual path of its socket"
    else
        fail "a process that hides its memory: $told"
    fi
    serve agent:false "$built/idle" hidden
    told=$(nobody_attaches $pid)
    case $told in
    "the kernel does not let you see into process $pid (idle): "*"attach with sudo, or start it with "*EPERM)
        ok "a process that hides its memory, without an agent" ;;
    *) fail "a process that hides its memory, without an agent: $told" ;;
    esac
    as=()
    stop_all
else
    skip "processes of another user: only root can make them, where others may read the build"
fi

# ---- namespaces ----

if unshare --pid --fork --kill-child --mount --mount-proc true 2>/dev/null; then
    # Its own pids, and files that are nowhere else: as in a container.
    mkdir -m 700 "$work/run"
    XDG_RUNTIME_DIR=$work/run serve agent:true unshare --pid --fork --kill-child --mount --mount-proc sh -c \
        "mount -t tmpfs -o mode=700 none '$work/run' && exec '$built/idle'"
    inner=$(pgrep -x idle -P $pid)
    says "another pid and mount namespace" "^idle:$inner \(agent\)$" "$inner"
    stop_all
else
    skip "other namespaces: not allowed here"
fi

# ---- what the kernel hides ----

# A filter of system calls, under which an agent starts at the program's start, or if it is forced.
filter='import ctypes, struct, sys, os
code = struct.pack("HBBI", 6, 0, 0, 0x7fff0000)
program = ctypes.create_string_buffer(code)
class Fprog(ctypes.Structure): _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl(38, 1, 0, 0, 0)
if libc.prctl(22, 2, ctypes.byref(Fprog(1, ctypes.addressof(program))), 0, 0) != 0: sys.exit("prctl")
os.execv(sys.argv[1], sys.argv[1:])'
if command -v python3 >/dev/null; then
    rm "$work/served"
    python3 -c "$filter" /usr/bin/env LD_PRELOAD="$library" "$built/idle" busy >"$work/served" 2>&1 &
    started
    wait_for grep -q ready "$work/served"
    says "a process with a seccomp filter" "has a seccomp filter, which may end a process .* EPERM$" $pid \
        "{way = 'request'}"
    says "a process with a seccomp filter is read" "^idle:$pid \(memory\)$" $pid "{}"
    says "a process with a seccomp filter, forced" "^idle:$pid \(agent\)$" $pid "{force = true}"
    stop_all
else
    skip "a process with a seccomp filter: no python3 here"
fi
finish
