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

cat >"$work/closing.c" <<'EOF'
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Closes standard error; with a file named, everything else too, and opens that file under every number. */
int main(int argc, char **argv) {
    free(malloc(100));
    if (argc > 1) {
        for (int fd = 2; fd < 1000; fd++) close(fd);
        for (int fd = 2; fd >= 0 && fd < 999;) fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0600);
    }
    close(2);
    return 0;
}
EOF
${CC:-cc} -o "$work/closing" "$work/closing.c"

# closing FILE... -- its report
closing() {
    LUNALLOC_CONF=stats_print:true preloaded "$work/closing" "$@" 2>&1 >/dev/null
}

if [ "$(closing | tail -n 1)" = "--- End lunalloc statistics ---" ]; then
    ok "a program that closes standard error"
else
    fail "a program that closes standard error: no report"
fi
closing "$work/other"
if [ -e "$work/other" ] && [ ! -s "$work/other" ]; then
    ok "no report into a file that has the descriptor's number"
else
    fail "a report in a file of the program's"
fi

ends OpenMetrics O "# EOF"
ends text "" "--- End lunalloc statistics ---"
finish
