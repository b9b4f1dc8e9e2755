#!/usr/bin/env bash
# The guided tour: without a terminal it plays through, and memory really goes back; on one, Ctrl-C leads to the prompt.
. "$(dirname "$0")/common.bash"

batch --tour </dev/null
check "without a terminal it ends well" "$status/$err" "0/"
check_match "it shows the code that it runs" "$out" $'\nlunalloc> la.stats\\(\\)\n'
check_match "and several lines of it as a prompt does" "$out" $'\n       >>     '
check "it draws the timeline twice" "$(grep -c '^memory of this process' "$scratch/out")" 2
check_match "with a mark" "$out" "▼ scale = 0.1"
check "no escape sequences" "$(grep -c $'\x1b' "$scratch/out")" 0

read -r before after < <(sed -n 's/^resident memory: \([0-9]*\) MiB -> \([0-9]*\) MiB$/\1 \2/p' "$scratch/out")
check "resident memory falls: ${before:-?} -> ${after:-?}" "$((${after:-1} < ${before:-0}))" 1

LC_ALL=C batch --tour </dev/null
check "in the C locale it is ASCII" "$status/$(LC_ALL=C grep -c $'[\x80-\xff]' "$scratch/out")" "0/0"

if have_pty "the tour on a terminal"; then
    pty_start --tour
    pty_expect "on a terminal it starts" "la._VERSION, la.replaced"
    pty_send '\x03'
    pty_expect "Ctrl-C skips the rest" "(the rest of the tour is skipped)"
    pty_expect "and leads to the prompt" "lunalloc> "
    pty_send '.quit\r'
    pty_end
    check "which ends well" "$status" 0
fi

finish
