#!/usr/bin/env bash
# --hosts of lunalloc compare, test and tune: GNU parallel spreads the runs over sshd's on loopback, on ports and
# with keys of this test, and over two network namespaces. A host that is lost, dead, or has another version loses its
# runs and nothing else; what is wrong is told; no process and no file is left on a host.
source "$(dirname "$0")/common.bash"
for command in parallel ssh ssh-keygen setpriv ss; do need "$command"; done
sshd=$(command -v sshd || command -v /usr/sbin/sshd) || need sshd

$make -s -C "$root" install PREFIX="$work/prefix" >/dev/null
console=$work/prefix/bin/lunalloc
unset LUA_PATH LUA_CPATH LUNALLOC_SSH PARALLEL PARALLEL_SSH
mkdir -p "$work/other" "$work/tmp"
export TMPDIR=$work/tmp HOME=$work
ssh-keygen -q -t ed25519 -N '' -f "$work/key"
ssh-keygen -q -t ed25519 -N '' -f "$work/host_key"
[ "$(id -u)" != 0 ] || [ -d /run/sshd ] || { mkdir /run/sshd && made=1; }

# A host with another version: what it says is what hosts_job.lua says.
cat >"$work/other/lunalloc" <<'END'
#!/bin/sh
echo '{"version": "0.0.9", "machine": "", "allocators": []}'
END
chmod +x "$work/other/lunalloc"

# A host with the same version that answers a job with nonsense.
version=$("$console" -e 'print(require("lunalloc")._VERSION)' | grep -o '[0-9.]*$')
mkdir "$work/nonsense"
cat >"$work/nonsense/lunalloc" <<END
#!/bin/sh
if [ -n "\$(cat)" ]; then
    echo '{"host": "zeta", "seq": 1, "answer": {"variants": [{"name": 5, "runs": {}}, {}]}}'
    echo '{"host": 5, "seq": -1, "answer": []}'; echo '[[['
else
    echo '{"version": "$version", "machine": 5, "allocators": 5}'
fi
END
chmod +x "$work/nonsense/lunalloc"

# start_host NAME [ADDRESS [NAMESPACE-COMMAND...]] -- an sshd whose sessions find lunalloc in host_path, and keep
# temporary files in a folder of that host.
host_path=$work/prefix/bin
start_host() {
    local name=$1 address=${2:-127.0.0.1} port tries=0
    shift; [ $# = 0 ] || shift
    mkdir -p "$work/$name.tmp"
    until [ $((tries += 1)) -gt 20 ]; do
        port=$((20000 + RANDOM % 20000))
        cat >"$work/$name.conf" <<END
Port $port
ListenAddress $address
HostKey $work/host_key
AuthorizedKeysFile $work/key.pub
PidFile $work/$name.pid
StrictModes no
UsePAM no
PasswordAuthentication no
ClientAliveInterval 1
ClientAliveCountMax 2
SetEnv PATH=$host_path:/usr/bin:/bin TMPDIR=$work/$name.tmp LUNALLOC_HOST=$name
END
        "$@" "$sshd" -f "$work/$name.conf" -E "$work/$name.log" && break
    done
    for _ in {1..100}; do [ -s "$work/$name.pid" ] && break; sleep 0.05; done
    printf 'Host %s\n  HostName %s\n  Port %s\n' "$name" "$address" "$port" >>"$work/ssh.conf"
}

# What the sessions of a host have started, and what that has.
processes_of() {
    grep -lzsx "LUNALLOC_HOST=$1" /proc/[0-9]*/environ | cut -d/ -f3
}

# lose_host NAME -- as if it was switched off: sshd and its sessions are killed.
lose_host() {
    local pid
    pid=$(cat "$work/$1.pid")
    kill -KILL $(pgrep -P "$pid") "$pid" 2>/dev/null
    rm "$work/$1.pid"
}

stop_hosts() {
    local file
    for file in "$work"/*.pid; do
        kill $(pgrep -P "$(cat "$file")") "$(cat "$file")" 2>/dev/null
    done
    [ -z "${spaces-}" ] || for file in $spaces; do ip netns del "$file"; done
    [ -z "${made-}" ] || rmdir /run/sshd 2>/dev/null
    rm -rf "$work"
}
trap stop_hosts EXIT

cat >"$work/ssh.conf" <<END
Host *
  IdentityFile $work/key
  IdentitiesOnly yes
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking no
  LogLevel ERROR
Host dead
  HostName 127.0.0.1
  Port 1
END
export LUNALLOC_SSH="ssh -F $work/ssh.conf -o ServerAliveInterval=1 -o ServerAliveCountMax=2"

start_host alpha
start_host beta
host_path=$work/other start_host gamma
host_path=/nowhere start_host delta
host_path=$work/nonsense start_host zeta

cat >"$work/quick.lua" <<'END'
require "lunalloc.scenario" { name = "quick", models = "a test", hurts = "nothing",
    workload = { threads = 1, ops = 20000, mix = { { size = 64, lifetime = "exp(100)" } } }, limits = { failures = 0 } }
END
cat >"$work/missed.lua" <<'END'
require "lunalloc.scenario" { name = "missed", models = "a test", hurts = "nothing",
    workload = { threads = 1, ops = 20000, mix = { { size = 64, lifetime = "exp(100)" } } },
    limits = { ["rss/live"] = 0.1 } }
END

# checked NAME STATUS PATTERN... -- the last command's status, and what it printed to $work/out.
checked() {
    local name=$1 pattern good=1
    [ "$status" = "$2" ] || good=0
    shift 2
    for pattern; do grep -qE "$pattern" "$work/out" || { good=0; echo "     wanted: $pattern"; }; done
    if [ $good = 1 ]; then ok "$name"; else echo "status $status" >>"$work/out"; fail "$name" "$work/out"; fi
}

lunalloc() {
    timeout 120 "$console" "$@" >"$work/out" 2>&1 </dev/null
    status=$?
}

# left_on HOST... -- nothing is, at most a second after the connection's end.
left_on() {
    local name=$1 host i
    shift
    : >"$work/left"
    for host; do
        for i in {1..60}; do
            [ -z "$(processes_of "$host")" ] && break
            sleep 0.05
        done
        processes_of "$host" >>"$work/left"
        ls -A "$work/$host.tmp" >>"$work/left"
    done
    ls -A "$work/tmp" >>"$work/left"
    if [ -s "$work/left" ]; then fail "$name: nothing is left" "$work/left"; else ok "$name: nothing is left"; fi
}

# ---- compare ----

lunalloc compare "$work/quick.lua" --allocators lunalloc,glibc --rounds 6 --metric cpu --hosts alpha,beta
checked "rounds are spread over two hosts" 0 \
    '^hosts, and their rounds: alpha \(3\), beta \(3\); ratios within a host$' \
    'beta: it is the same machine as alpha' '6 rounds, in turn; ratios to lunalloc' 'glibc .*\[[0-9.]+, [0-9.]+\]'

lunalloc compare "$work/quick.lua" --a narenas:1 --b narenas:2 --rounds 4 --metric cpu --hosts dead,alpha,gamma,delta
checked "what is wrong with a host is told, and the others do its runs" 0 'hosts, and their rounds: alpha \(4\);' \
    '^host dead: it cannot be reached: .*Connection refused$' \
    '^host gamma: it has lunalloc 0\.0\.9, and this is [0-9.]+$' \
    '^host delta: lunalloc is not installed there, or not in the PATH that ssh gives$'

lunalloc compare "$work/quick.lua" --rounds 2 --allocators lunalloc,glibc --hosts dead,gamma
checked "no host is good" 1 '^lunalloc: host dead: it cannot be reached: .*; host gamma: it has lunalloc 0\.0\.9'

lunalloc compare "$work/quick.lua" --rounds 2 --allocators lunalloc,glibc --hosts zeta
checked "a host that answers nonsense" 1 '^lunalloc: host zeta: it answers what this lunalloc does not understand$'

lunalloc compare "$work/quick.lua" --rounds 1 --allocators lunalloc,glibc --hosts : --json
checked "this machine, as JSON" 1 'lunalloc is not installed there'
PATH=$work/prefix/bin:$PATH lunalloc compare "$work/quick.lua" --rounds 1 --allocators lunalloc,glibc --hosts : --json
checked "this machine, as JSON, with lunalloc in PATH" 0 '"hosts":\[\{"name":":","rounds":1\}\]'

lunalloc compare "$work/quick.lua" --rounds 2 --a no_such:1 --b narenas:1 --hosts alpha,beta
checked "a run that fails names its host" 1 '^lunalloc: host (alpha|beta): a: .*no_such'

for bad in '' '-oProxyCommand=x' 'a b;c' 'alpha,alpha' '$(x)'; do
    lunalloc compare "$work/quick.lua" --hosts "$bad"
    checked "no name of a host: '$bad'" 1 '^lunalloc: .*(is no name of a host|names of hosts expected|is named twice)'
done
left_on "compare" alpha beta

# ---- test ----

lunalloc test "$work/quick.lua" "$work/missed.lua" "$work/quick.lua" --hosts alpha,dead,beta
checked "scenarios are spread, and told in their order" 4 \
    '^1\.\.3$' '^ok 1 - quick' '^not ok 2 - missed' '^ok 3 - quick' \
    "host: '(alpha|beta)'" '^# host dead: 0 tests; it cannot be reached'
lunalloc test "$work/quick.lua" --hosts alpha --allocator glibc --verbose
checked "on another allocator of the host" 0 '^ok 1 - quick' '1 thread on glibc'
left_on "test" alpha beta

# ---- a host is lost ----

# lose_while NAME LOSE... -- a comparison of six rounds; when beta has begun a run, LOSE... is run.
cat >"$work/slow.lua" <<'END'
require "lunalloc.scenario" { name = "slow", models = "a test", hurts = "nothing",
    workload = { threads = 1, duration = "0.3s", mix = { { size = 64, lifetime = "exp(100)" } } } }
END
begin_slow() {
    "$console" compare "$work/slow.lua" --allocators lunalloc,glibc --rounds 6 --metric cpu --hosts "$1" \
        >"$work/out" 2>&1 </dev/null &
    slow=$!
    for _ in {1..400}; do
        grep -lzs compare_child $(processes_of "$2" | sed 's|.*|/proc/&/cmdline|') /dev/null >"$work/begun" && return
        sleep 0.02
    done
    echo "no run has begun on $2"
}

begin_slow alpha,beta beta
lose_host beta
wait "$slow"
status=$?
checked "a lost host loses its runs, and nothing else" 0 'hosts, and their rounds: alpha \(6\);' '6 rounds, in turn' \
    '^host beta: it was lost while it ran; what it had begun ran elsewhere$'
left_on "a lost host" alpha beta

begin_slow alpha alpha
kill -INT "$slow"
wait "$slow"
status=$?
checked "Ctrl-C ends it" 130
left_on "after Ctrl-C" alpha

begin_slow alpha alpha
kill -KILL "$slow"
wait "$slow" 2>/dev/null
left_on "after SIGKILL" alpha

# ---- tune ----

cat >"$work/load.lua" <<'END'
local t = {}
for i = 1, 20000 do t[i] = ("x"):rep(1000 + i % 500) end
t = nil
collectgarbage()
collectgarbage()
os.execute "sleep 0.15"
END
start_host epsilon
LUNALLOC_TUNE_LOCK=hosts-$$ lunalloc tune --hosts alpha,dead,epsilon --budget 60s --runs 8 --limit none --rss mean \
    --space dirty_decay_ms:0 --json "$work/tune.json" -- lua5.4 "$work/load.lua"
checked "tune: runs are spread, and the winner is confirmed within hosts" 0 \
    '^better, confirmed in [1-9][0-9]* fresh rounds' \
    'LUNALLOC_CONF="dirty_decay_ms:0"' 'host dead: 0 jobs; it cannot be reached' \
    'host alpha: [1-9]' 'host epsilon: [1-9]'
grep -o '"host":"[a-z]*","[^}]*"phase":"confirm"' "$work/tune.json" | cut -d, -f1 | sort | uniq -c >"$work/out"
status=0
checked "tune: both hosts confirm it" 0 ' [0-9]+ "host":"alpha"' ' [0-9]+ "host":"epsilon"'
left_on "tune" alpha epsilon

"$console" tune --hosts alpha --budget 60s -- sh -c 'sleep 1234 & sleep 1234' >/dev/null 2>&1 </dev/null &
slow=$!
for _ in {1..400}; do
    grep -qzs 1234 $(processes_of alpha | sed 's|.*|/proc/&/cmdline|') /dev/null && break
    sleep 0.02
done
kill -KILL "$slow"
wait "$slow" 2>/dev/null
left_on "a tuner that is killed" alpha

# ---- two network namespaces ----

# space NAME NUMBER -- a network namespace with an address of its own, 10.213.NUMBER.2.
space() {
    ip netns add "$1" && spaces="${spaces-} $1" &&
        ip link add "$1" type veth peer name eth0 netns "$1" &&
        ip addr add "10.213.$2.1/24" dev "$1" && ip link set "$1" up &&
        ip -n "$1" addr add "10.213.$2.2/24" dev eth0 && ip -n "$1" link set eth0 up && ip -n "$1" link set lo up
}

one=la$$a two=la$$b
if [ "$(id -u)" = 0 ] && command -v ip >/dev/null && space "$one" 17 2>/dev/null && space "$two" 18; then
    start_host one 10.213.17.2 ip netns exec "$one"
    start_host two 10.213.18.2 ip netns exec "$two"
    lunalloc compare "$work/quick.lua" --allocators lunalloc,glibc --rounds 4 --metric cpu --hosts one,two
    checked "two network namespaces" 0 'hosts, and their rounds: one \(2\), two \(2\);'
    begin_slow one,two two
    ip link set "$two" down
    wait "$slow"
    status=$?
    checked "a network that is cut" 0 'hosts, and their rounds: one \(6\);' '^host two: it was lost while it ran; what'
    left_on "a network that is cut" one two
else
    skipped=$((skipped + 1))
    echo "skip network namespaces: not allowed here"
fi

finish
