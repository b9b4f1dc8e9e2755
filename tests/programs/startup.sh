#!/usr/bin/env bash
# What preloading adds to a process that hardly allocates, and what an idle thread keeps: limits on memory.
. "${0%/*}/common.bash"

if "$root/scripts/startup-cost" --counts >"$work/startup" 2>&1; then
    ok "startup-cost: $(grep -c '^pass' "$work/startup") limits kept"
else
    fail "startup-cost" "$work/startup"
fi
finish
