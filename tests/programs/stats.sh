#!/usr/bin/env bash
# Reports at exit, read by another program: JSON by Python's parser, and the sums in it.
. "${0%/*}/common.bash"
need lua5.4
need python3

# report OPTS -- of a Lua program that allocates; what the program itself prints is dropped.
report() {
    LUNALLOC_CONF=narenas:2,stats_print:true,stats_print_opts:$1 preloaded lua5.4 "$here/work.lua" 2>&1 >/dev/null
}

cat >"$work/sums.py" <<'EOF'
import json, sys

root = json.load(sys.stdin)["jemalloc"]
stats, arenas = root["stats"], root["stats.arenas"]
single = [arena for name, arena in arenas.items() if name.isdigit()]
merged = arenas["merged"]
assert root["version"] and root["opt"]["narenas"] == 2 and root["opt"]["stats_print"] is True
assert stats["allocated"] <= stats["active"] <= stats["resident"] <= stats["mapped"]
assert len(root["arenas"]["bin"]) == root["arenas"]["nbins"] == len(merged["bins"])
assert len(root["arenas"]["lextent"]) == root["arenas"]["nlextents"] == len(merged["lextents"])
for name in ("pactive", "pdirty", "retained", "mapped", "resident", "nslabs"):
    assert merged[name] == sum(arena[name] for arena in single), name
for size, members in (("small", "bins"), ("large", "lextents")):
    for name in ("nmalloc", "ndalloc", "nrequests"):
        assert merged[size][name] == sum(row[name] for row in merged[members]), name
assert merged["small"]["nmalloc"] > 0 and merged["large"]["nmalloc"] > 0
EOF

report J >"$work/json"
if python3 -m json.tool <"$work/json" >/dev/null 2>"$work/err"; then
    ok "JSON by python3 -m json.tool ($(wc -c <"$work/json") bytes)"
else
    fail "JSON by python3 -m json.tool" "$work/err"
fi
if python3 "$work/sums.py" <"$work/json" 2>"$work/err"; then
    ok "the sums in it"
else
    fail "the sums in it" "$work/err"
fi
ends() { # ends NAME OPTS LINE
    if [ "$(report "$2" | tail -n 1)" = "$3" ]; then ok "$1"; else fail "$1: does not end in '$3'"; fi
}

cat >"$work/ending.c" <<'EOF'
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALLOW(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* From here on there are memory, write and exit. */
static void sandbox(void) {
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* the number */
        ALLOW(write), ALLOW(mmap), ALLOW(munmap), ALLOW(madvise), ALLOW(exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof steps / sizeof *steps, steps};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(77);
}

/* Closes all descriptors and opens a file under each number. */
static void take_all(const char *path) {
    for (int fd = 2; fd < 1000; fd++) close(fd);
    for (int fd = 2; fd >= 0 && fd < 999;) fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
}

static void take_two(const char *path) {
    close(2);
    if (open(path, O_WRONLY | O_CREAT | O_APPEND, 0600) != 2) _exit(1);
}

/* The parent ends at once, without a report; the child lives until there is an end of standard input. */
static void daemonize(void) {
    char byte;
    if (fork() != 0) _exit(0);
    alarm(100);
    close(1);
    close(2);
    if (read(0, &byte, 1) < 0) _exit(1);
    _exit(0);
}

/* The exit status is the child's. */
static void fork_child(void) {
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) return;
    waitpid(pid, &status, 0);
    _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

int main(int argc, char **argv) {
    free(malloc(100));
    for (char *step = argv[1]; *step != '\0'; step++) {
        switch (*step) {
        case 'a': take_all(argv[2]); break;
        case 'c': close(2); break;
        case 'd': daemonize(); break;
        case 'f': fork_child(); break;
        case 's': sandbox(); break;
        case 't': take_two(argv[2]); break;
        }
    }
    return argc > 9;
}
EOF
${CC:-cc} -o "$work/ending" "$work/ending.c"

# ending STEPS [FILE] -- the report of a program that takes these steps before it ends; its status in $work/status.
ending() {
    LUNALLOC_CONF=${settings-stats_print:true} preloaded "$work/ending" "$@" 2>&1 >/dev/null
    echo $? >"$work/status"
}

# reports NAME STEPS [FILE] -- it ends well, with a whole report where standard error led at its start, and nothing in
# the file.
reports() {
    local name=$1 last
    shift
    last=$(ending "$@" | tail -n 1)
    if [ "$(cat "$work/status")" = 77 ]; then
        skipped=$((skipped + 1))
        echo "skip $name: no seccomp here"
    elif [ "$(cat "$work/status")" != 0 ] || [ "$last" != "--- End lunalloc statistics ---" ]; then
        fail "$name: status $(cat "$work/status"), the last line is '$last'"
    elif [ $# -gt 1 ] && { [ ! -e "$2" ] || [ -s "$2" ]; }; then
        fail "$name: a report in a file of the program's"
    else
        ok "$name"
    fi
}

reports "a program that ends" ""
reports "a program that closes standard error" c
reports "a program whose file has the descriptor's number" t "$work/two"
reports "a program whose file has every number" a "$work/all"
reports "a program that may only write" s
reports "and one that has closed standard error" cs
reports "a child of a fork" f
reports "a child that may only write" fs

# Started without standard error, a program has none, whatever has its number.
LUNALLOC_CONF=stats_print:true preloaded "$work/ending" t "$work/none" 2>&-
if [ -e "$work/none" ] && [ ! -s "$work/none" ]; then
    ok "no report without standard error"
else
    fail "no report without standard error: it is in a file of the program's"
fi

# A daemon's caller waits until all copies of the pipe are closed: the output ends while the daemon still lives.
mkfifo "$work/life"
exec 9<>"$work/life"
if LUNALLOC_CONF=stats_print:true LD_PRELOAD=$library timeout 60 "$work/ending" d <"$work/life" 2>&1 9>&- |
    timeout 20 cat >/dev/null; then
    ok "a daemon's caller does not wait for it"
else
    fail "a daemon's caller waits for it"
fi
exec 9>&-

# A program that is started by exec does not have the copy.
descriptors() {
    bash -c 'LD_PRELOAD= exec ls /proc/self/fd' 2>/dev/null
}
descriptors >"$work/plain"
LUNALLOC_CONF=stats_print:true LD_PRELOAD=$library descriptors >"$work/ours"
if [ -s "$work/plain" ] && diff "$work/plain" "$work/ours" >"$work/details"; then
    ok "exec closes the copy"
else
    fail "exec does not close the copy" "$work/details"
fi

# The programs of GNU close standard error themselves at exit.
if LUNALLOC_CONF=stats_print:true preloaded ls / 2>&1 >/dev/null | grep -q "End lunalloc statistics"; then
    ok "a report of ls"
else
    fail "no report of ls"
fi

# What has leaked is said in the same place.
if settings=prof_leak:true,lg_prof_sample:10 ending t "$work/leak" | grep -q '^lunalloc: leak: '; then
    ok "leaks, where a file has the descriptor's number"
else
    fail "no leaks said where a file has the descriptor's number"
fi
if [ ! -s "$work/leak" ]; then ok "and not in the file"; else fail "leaks said in a file of the program's"; fi

ends OpenMetrics O "# EOF"

# Prometheus's tool lints its older text format, which differs in the names of counters and infos in # lines.
older_format() {
    awk '
    $1 == "#" && $2 == "TYPE" { kind = $4 }
    $1 == "#" && $2 == "UNIT" { next }
    $1 == "#" && kind == "counter" { $3 = $3 "_total" }
    $1 == "#" && kind == "info" { $3 = $3 "_info"; if ($2 == "TYPE") $4 = "gauge" }
    { print }'
}

# metrics NAME FILE -- no complaint of promtool about the file: as metrics, and as OpenMetrics, which it reads with a
# time behind each sample only.
metrics() {
    if older_format <"$2" | promtool check metrics >"$work/err" 2>&1; then
        ok "$1 by promtool check metrics ($(grep -c '^# TYPE' "$2") metrics)"
    else
        fail "$1 by promtool check metrics" "$work/err"
    fi
    sed '/^#/!s/$/ 1700000000.000/' "$2" >"$work/timed"
    if promtool tsdb create-blocks-from openmetrics "$work/timed" "$work/blocks" >"$work/err" 2>&1; then
        ok "$1 by Prometheus's reader"
    else
        fail "$1 by Prometheus's reader" "$work/err"
    fi
}

if command -v promtool >/dev/null; then
    report O >"$work/metrics"
    metrics "the report" "$work/metrics"
    LUA_PATH="$root/lua/?.lua;$root/lua/?/init.lua;;" LUA_CPATH="$build/lua/?.so;;" LUNALLOC_SO=$library \
        preloaded lua5.4 -e 'io.write(require "lunalloc".stats():toopenmetrics())' >"$work/metrics"
    metrics "a snapshot of Lua's" "$work/metrics"
else
    skipped=$((skipped + 1))
    echo "skip OpenMetrics by Prometheus: promtool is missing (Debian's package prometheus)"
fi
ends text "" "--- End lunalloc statistics ---"
finish
