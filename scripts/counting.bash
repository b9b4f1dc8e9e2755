# counting.bash -- runs test programs and counts what they report; sourced by scripts/test and scripts/test-windows.
#
# The sourcing script sets: make, jobs, logs (a folder), limit (seconds, against hanging). It reads: suite_passed,
# suite_failed, suite_skipped, failed_programs.
# shellcheck shell=bash disable=SC2154

suite_passed=0 suite_failed=0 suite_skipped=0
failed_programs=()

# Prints "passed failed skipped" as a log reports them: its last closing line, or else the sum of cmocka's summaries.
tally() {
    awk '
    match($0, /[0-9]+ passed, [0-9]+ failed(, [0-9]+ skipped)?/) {
        split(substr($0, RSTART, RLENGTH), word, " ")
        closing = word[1] + 0 " " word[3] + 0 " " word[5] + 0
    }
    /^\[  PASSED  \] [0-9]+ test/ { passed += $4 }
    /^\[  FAILED  \] [0-9]+ test/ { failed += $4 }
    /^\[  SKIPPED \] [0-9]+ test/ { skipped += $4 }
    END { print closing != "" ? closing : passed + 0 " " failed + 0 " " skipped + 0 }' "$1"
}

# Says in words why an exit status is a failure.
explain() {
    case $1 in
    124 | 137) echo "no end after $limit s" ;;
    12[5-7]) echo "could not be run" ;;
    12[89] | 1[3-9]?) echo "killed by signal $(($1 - 128))" ;;
    *) echo "exit status $1" ;;
    esac
}

# record NAME STATUS LOG [SECONDS] -- adds one finished program to the counts and prints its line (and its log, if it
# failed; and how long it took, if long).
record() {
    local name=$1 status=$2 log=$3 seconds=${4-0} passed failed skipped why='' mark=ok
    read -r passed failed skipped < <(tally "$log")
    if [ "$status" != 0 ]; then
        why=$(explain "$status")
        [ "$failed" != 0 ] || failed=1
    elif [ $((passed + failed + skipped)) = 0 ]; then
        why="printed no count of tests" failed=1
    fi
    if [ "$failed" != 0 ]; then
        mark=FAIL
        failed_programs+=("$name")
    fi
    [ "$seconds" -lt 10 ] || why="${why:+$why, }$seconds s"
    printf '%-4s %-44s %4d passed%s%s%s\n' "$mark" "$name" "$passed" \
        "$([ "$failed" = 0 ] || echo ", $failed failed")" "$([ "$skipped" = 0 ] || echo ", $skipped skipped")" \
        "${why:+ ($why)}"
    if [ "$mark" = FAIL ]; then sed 's/^/     | /' "$log"; elif [ "$skipped" != 0 ]; then show_skips "$log"; fi
    suite_passed=$((suite_passed + passed))
    suite_failed=$((suite_failed + failed))
    suite_skipped=$((suite_skipped + skipped))
}

show_skips() {
    grep -E '^ *skip|^\[  SKIPPED \] [a-z]' "$1" | sort -u | sed 's/^ */     | /'
}

# run NAME COMMAND... -- runs one test program.
run() {
    local name=$1 log began=$SECONDS
    log=$logs/${name//[\/ ]/_}.log
    shift
    timeout -k 10 "$limit" "$@" >"$log" 2>&1 </dev/null
    record "$name" $? "$log" $((SECONDS - began))
}

# build NAME MAKE-ARGUMENTS... -- counts only if it fails; goes on to whatever could be built.
build() {
    local log=$logs/build-$1.log status
    shift
    $make --no-print-directory -k -j"$jobs" "$@" >"$log" 2>&1
    status=$?
    [ $status = 0 ] || record "build $*" $status "$log"
}
