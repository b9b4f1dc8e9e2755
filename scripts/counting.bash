# counting.bash -- runs test programs, several at once, and adds up the tests that they report. Sourced by scripts/test
# and scripts/test-windows.
#
# The sourcing script sets: make, jobs, logs (a folder), limit (seconds after which a program is killed) and at_once
# (how many programs run at the same time). It calls `run` for each program, then `settle`, and then reads total_passed,
# total_failed, total_skipped and failed_programs. Results are printed in the order in which programs were started.
# shellcheck shell=bash disable=SC2154

total_passed=0 total_failed=0 total_skipped=0
suite_passed=0 suite_failed=0 suite_skipped=0
failed_programs=()
waiting=() # in order: "begin SUITE", "end SUITE", "program NAME"

# ---- results --------------------------------------------------------------------------------------------------------

# Prints "passed failed skipped" of a log, from its last closing line, or else the sum of cmocka's summaries.
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

# Prints why an exit status is a failure.
explain() {
    case $1 in
    124 | 137) echo "no end after $limit s" ;;
    12[5-7]) echo "could not be run" ;;
    12[89] | 1[3-9]?) echo "killed by signal $(($1 - 128))" ;;
    *) echo "exit status $1" ;;
    esac
}

log_of() { echo "$logs/${1//[\/ ]/_}.log"; }

# Adds one finished program to the counts and prints its line: with the time if it took long, with the log if it failed.
print_program() {
    local name=$1 log status seconds passed failed skipped why='' mark=ok
    log=$(log_of "$name")
    read -r status seconds _ <"$log.status"
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
    [ "${seconds%.*}" -lt 10 ] || why="${why:+$why, }${seconds%.*} s"
    printf '%-4s %-44s %4d passed%s%s%s\n' "$mark" "$name" "$passed" \
        "$([ "$failed" = 0 ] || echo ", $failed failed")" "$([ "$skipped" = 0 ] || echo ", $skipped skipped")" \
        "${why:+ ($why)}"
    if [ "$mark" = FAIL ]; then sed 's/^/     | /' "$log"; elif [ "$skipped" != 0 ]; then show_skips "$log"; fi
    suite_passed=$((suite_passed + passed))
    suite_failed=$((suite_failed + failed))
    suite_skipped=$((suite_skipped + skipped))
    total_passed=$((total_passed + passed))
    total_failed=$((total_failed + failed))
    total_skipped=$((total_skipped + skipped))
}

show_skips() {
    grep -E '^ *skip|^\[  SKIPPED \] [a-z]' "$1" | sort -u | sed 's/^ */     | /'
}

print_begin() {
    suite_passed=0 suite_failed=0 suite_skipped=0
    echo "== $1"
}

print_end() {
    if [ $((suite_passed + suite_failed + suite_skipped)) = 0 ]; then
        echo "FAIL $1: there is no test in this suite"
        failed_programs+=("$1")
        suite_failed=1
        total_failed=$((total_failed + 1))
    fi
    printf '   %s: %d passed, %d failed, %d skipped\n\n' "$1" "$suite_passed" "$suite_failed" "$suite_skipped"
}

# ---- running --------------------------------------------------------------------------------------------------------

# Prints the results that are due, up to the first program that still runs.
print_finished() {
    local kind name
    while [ ${#waiting[@]} != 0 ]; do
        kind=${waiting[0]%% *} name=${waiting[0]#* }
        [ "$kind" != program ] || [ -e "$(log_of "$name").status" ] || return
        "print_$kind" "$name"
        waiting=("${waiting[@]:1}")
    done
}

# Waits until fewer than $1 programs run.
wait_for_fewer() {
    while
        print_finished
        [ "$(jobs -rp | wc -l)" -ge "$1" ]
    do
        wait -n
    done
}

# Waits until all programs have ended, and prints their results.
settle() {
    wait_for_fewer 1
    wait
    print_finished
}

begin_suite() { waiting+=("begin $1"); }
end_suite() { waiting+=("end $1"); }

# record NAME STATUS -- adds a program that has already run and left its log.
record() {
    echo "$2 0" >"$(log_of "$1").status"
    waiting+=("program $1")
}

# Runs a program. Its temporary folder must be empty at its end. Writes files beside its log: the exit status, and the
# seconds that it took (elapsed, user and system time). They are written under another name first and then renamed, so
# that a reader finds them whole.
run_here() {
    local log=$1 status left TIMEFORMAT='%R %U %S'
    local -x TMPDIR
    TMPDIR=$(mktemp -d)
    shift
    { time timeout -k 10 "$limit" "$@" >"$log" 2>&1 </dev/null; } 2>"$log.time"
    status=$?
    left=$(ls -A "$TMPDIR")
    rm -rf "$TMPDIR"
    if [ -n "$left" ] && [ $status = 0 ]; then
        echo "left in its temporary folder: $left" >>"$log"
        status=1
    fi
    echo "$status $(tail -n 1 "$log.time")" >"$log.time"
    mv "$log.time" "$log.status"
}

# run NAME COMMAND... -- starts one test program as soon as fewer than at_once run.
run() {
    local name=$1 log
    log=$(log_of "$name")
    shift
    wait_for_fewer "$at_once"
    rm -f "$log.status"
    waiting+=("program $name")
    run_here "$log" "$@" &
}

# build NAME MAKE-ARGUMENTS... -- runs make -k; counts as a failed test if it fails.
build() {
    local name="build $1" status
    shift
    $make --no-print-directory -k -j"$jobs" "$@" >"$(log_of "$name")" 2>&1
    status=$?
    [ $status = 0 ] || record "$name" $status
}
