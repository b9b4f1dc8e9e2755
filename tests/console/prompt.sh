#!/usr/bin/env bash
# The prompt on a terminal: editing, continuation, completion, Ctrl-C, history, colour.
. "$(dirname "$0")/common.bash"

have_pty "the prompt" || finish

prompt='lunalloc> '

# ---- values, continuation, errors ----

pty_start
pty_expect "a greeting" "help() explains"
pty_expect "a prompt" "$prompt"
pty_send '6 * 7\r'
pty_expect "an expression is printed" $'\n42\r\n'"$prompt"
pty_send 'for i = 1, 2 do\r'
pty_expect "an open block continues" '>> '
pty_send 'print("row", i)\r'
pty_expect "and goes on" '>> '
pty_send 'end\r'
pty_expect "until it is closed" $'row\t2\r\n'"$prompt"
pty_send '1 +\r'
pty_expect "so does an expression" '>> '
pty_send '2\r'
pty_expect "and is printed" $'\n3\r\n'"$prompt"
pty_send 'x = = 1\r'
pty_expect "a syntax error is reported" "lunalloc: input:1: unexpected symbol near '='"
pty_expect "and the prompt is back" "$prompt"
pty_send 'nothing.field\r'
pty_expect "a run-time error" "lunalloc: input:1: attempt to index a nil value (global 'nothing')"
pty_expect "shows its line with a caret" $'\n    nothing.field\r\n    ^\r\n'"$prompt"
pty_send 'function deep() nothing.field = 1 end function f() deep() end\r'
pty_expect "a function that fails" "$prompt"
pty_send 'f()\r'
pty_expect "shows its own line" $'    function deep() nothing.field = 1 end function f() deep() end\r\n'
pty_expect "with its caret" $'                    ^\r\n'
pty_expect "and the calls of the user" $'stack traceback:\r\n\tinput '
pty_expect "and no others" $'\tinput:1: in main chunk\r\n'"$prompt"
pty_send 'io.write("abc")\r'
pty_expect "output without a newline is not glued to its value" $'\nabc'
pty_expect "which is on a line of its own" $'\r\nfile ('
pty_send 'local _ = io.write("abc")\r'
pty_expect "nor to the prompt" $'\nabc\r\n'"$prompt"
pty_send 'io.write("abc") error "x"\r'
pty_expect "nor to an error" $'\nabc\r\nlunalloc: input:1: x'
pty_expect "and the prompt is back" "$prompt"
pty_send '.nonsense\r'
pty_expect "an unknown command" "unknown command '.nonsense'; '.help commands' lists all"
pty_send '.qui\r'
pty_expect "is not known by its beginning" "unknown command '.qui'; did you mean '.quit'?"
pty_expect "and the prompt is back" "$prompt"
pty_send '.help decay\r'
pty_expect ".help explains" "dirty_decay_ms"
pty_expect "and the prompt is back" "$prompt"

# ---- completion ----

pty_send 'la.sizecl\t'
pty_expect "what candidates have in common is completed" "ass"
pty_send 'es()[1].index\r'
pty_expect "to what works" $'\n0\r\n'"$prompt"
pty_send 'la.get "arena.0.dirty_d\t'
pty_expect "the only control is shown with its value" "dirty_decay_ms = "
pty_expect "and completed with its quote" 'la.get "arena.0.dirty_decay_ms"'
pty_send '\r'
pty_expect "to what works" "$prompt"
pty_send 'la.ctl.arena[0].\t\t'
pty_expect "several controls are listed with their values" "dirty_decay_ms"
pty_expect "and the line is drawn again" "la.ctl.arena[0]."
pty_send '\x03'
pty_expect "Ctrl-C drops it" "$prompt"

# ---- Ctrl-C ----

pty_send 'lost line\x03'
pty_expect "Ctrl-C drops the line" "$prompt"
pty_send 'lost = 1\x03"kept", lost\r'
pty_expect "but not what is typed right after it" $'\nkept\tnil\r\n'
pty_expect "and the prompt is back" "$prompt"
pty_send 'x = {\r'
pty_expect "an open table" '>> '
pty_send '\x03'
pty_expect "Ctrl-C drops a continued input" "$prompt"
pty_send 'print("go") while true do end\r'
pty_expect "a loop" $'\ngo\r\n'
pty_send '\x03'
pty_expect "Ctrl-C interrupts Lua" "interrupted!"
pty_expect "and the prompt is back" "$prompt"
pty_send 'loop = coroutine.wrap(function() print("in") while true do end end) loop()\r'
pty_expect "a loop in a coroutine" $'\nin\r\n'
pty_send '\x03'
pty_expect "Ctrl-C interrupts it" "interrupted!"
pty_expect "and the prompt is back" "$prompt"
pty_send 'while true do pcall(function() print("deaf") while true do end end) end\r'
pty_expect "a script that catches the error" $'\ndeaf\r\n'
pty_send '\x03'
pty_expect "is still running" $'deaf\r\n'
pty_send '\x03'
pty_expect "the second Ctrl-C cannot be caught" "interrupted!"
pty_expect "and the prompt is back" "$prompt"
pty_send 'w = la.workload{threads = 2, rate = 1000, duration = "forever"}:start()\r'
pty_expect "a workload starts, and the prompt says so" 'lunalloc[1w '
pty_send 'print("go") while true do end\r'
pty_expect "a loop beside it" $'\ngo\r\n'
pty_send '\x03'
pty_expect "Ctrl-C interrupts the loop" "interrupted!"
pty_send 'w:status().state\r'
pty_expect "and not the workload" $'\nrunning\r\n'
pty_send 'w:stop().ok, "stopped"\r'
pty_expect "which can be stopped" "stopped"
pty_expect "and the prompt is back" "$prompt"
pty_send 'print("go") la.workload{threads = 1, rate = 1000, duration = "forever"}:run()\r'
pty_expect "a workload that is waited for" $'\ngo\r\n'
pty_send '\x03'
pty_expect "is interrupted by Ctrl-C" "interrupted!"
pty_expect "and the prompt is back" "$prompt"
# The pattern takes for ever, in C.
pty_send 'print("pp"); ("a"):rep(1000):find((".-"):rep(20) .. "b")\r'
pty_expect "a long call of C code" $'\npp\r\n'
warning="(C code is running: Ctrl-C once more ends lunalloc)"
for i in $(seq 1000); do # two that arrive at once are one signal, so one may be needed more: after a second
    [ $((i % 20)) != 1 ] || pty_send '\x03'
    pty_read
    [[ $pty_seen == *"$warning"* ]] && break
    [ "$i" != 1 ] || pty_send '\x03'
done
pty_expect "the second Ctrl-C says what the third will do" "$warning"
pty_send '\x03'
pty_end
check "and the third ends the process by SIGINT" "$status" 130

pty_start
pty_expect "another prompt" "$prompt"
pty_send 'print("zz") require("lunalloc.console").sleep(1000)\r'
pty_expect "a sleep" $'\nzz\r\n'
pty_send '\x03'
pty_expect "Ctrl-C interrupts it" "interrupted!"
pty_expect "and the prompt is back" "$prompt"
pty_send '.quit\r'
pty_end
check ".quit ends well" "$status" 0

# ---- several lines at once ----

# paste TEXT -- as a terminal sends it that marks what is pasted; and Enter.
paste() {
    pty_send "\x1b[200~$1\x1b[201~\r"
}

TERM=xterm pty_start
pty_expect "a terminal that marks what is pasted" "?2004h"
paste '1 + 1\r2 + 2\r\r"three"\r'
pty_expect "expressions are printed in turn" $'2\r\n4\r\nthree\r\n'
paste 'x = 20\rfor i = 1, 2 do\r  x = x + i\r\r  end\rx\rx * 2'
pty_expect "statements and expressions" $'23\r\n46\r\n'
paste '"four"\r5\rlocal y = 5\rlocal z = y * 2\ry + z'
pty_expect "a local lives until the end of what is pasted" $'four\r\n5\r\n15\r\n'
paste 'local function f() return "f", 2 end\rf()'
pty_expect "a call at the end is printed" $'f\t2\r\n'
paste 's = ("ab")\r  :rep(2)\r  :upper()'
paste 'local y = 5\r"is", y\ry = 6'
pty_expect "and of later inputs" $'is\t5\r\n'
paste '"y", y'
pty_expect "which change the same variable" $'y\t6\r\n'
paste 's'
pty_expect "lines that do not stand alone are one chunk" $'ABAB\r\n'
paste '("x")\r:rep(3)\r'
pty_expect "or one expression" $'xxx\r\n'
paste '"one"\r.help decay\r"two"'
pty_expect "a command between them" $'one\r\n'
pty_expect "is run in its turn" "dirty_decay_ms"
pty_expect "before what follows" $'two\r\n'
paste 'before = 1\r"wrong" = 1\rafter = 1'
pty_expect "with a syntax error nothing is run, and its line is said" "lunalloc: input:2:"
paste 'before, after'
pty_expect "indeed nothing" $'nil\tnil\r\n'
paste '"first"\rerror "second"\rafter = 1'
pty_expect "up to the first error" $'first\r\n'
pty_expect "which says its line" "lunalloc: input:2: second"
paste '"after", after'
pty_expect "and no further" $'after\tnil\r\n'
paste '"begun"\rfunction g()\r'
pty_expect "what is not complete" ">>"
paste 'return "whole" end\rg()'
pty_expect "goes on" $'begun\r\nwhole\r\n'
pty_send '.quit\r'
pty_end
check "and it ends well" "$status" 0

# ---- history ----

history=$HOME/.local/state/lunalloc/history
check "history is private" "$(stat -c '%a' "$history" "$(dirname "$history")" | tr '\n' ' ')" "600 700 "
check "an input of several lines is one entry" "$(grep -c -F 'for i = 1, 2 do\nprint("row", i)\nend' "$history")" 1

pty_start
pty_expect "a second session" "$prompt"
pty_send '"marked " .. 1\r'
pty_expect "with an entry" "marked 1"
pty_send '   \r'
pty_expect "and the prompt is back" "$prompt"
pty_send '\x04'
pty_end
check "Ctrl-D ends well" "$status" 0
check "entries are appended" "$(tail -n 1 "$history")" '"marked " .. 1'

pty_start
pty_expect "a third session" "$prompt"
pty_send '\x10\r'
pty_expect "remembers the last entry" $'\nmarked 1\r\n'
pty_send '.quit\r'
pty_end
check "a repeated entry is recorded once" "$(grep -c -F '"marked " .. 1' "$history")" 1

seq 1 7000 >"$history"
pty_start
pty_expect "a long history" "$prompt"
pty_send '.quit\r'
pty_end
check "is cut to 5000 entries and the new one" "$(wc -l <"$history") $(tail -n 2 "$history" | xargs)" "5001 7000 .quit"

# session TEXT [TEXT] -- types it at a new prompt, and what is given as second after that; leaves.
session() {
    local text
    pty_start
    pty_expect "a session for '$1'" "$prompt"
    for text in "$@"; do
        pty_send "$text"
        pty_expect "and '$text'" "$prompt"
    done
    pty_send '\x04'
    pty_end
}

# The shell's quoting, printf's and Lua's: the entry is "a\\b", "c\nd".
entry='"a\\\\b", "c\\nd"'
session "$entry"'\r'
check "backslashes are doubled in the file" "$(tail -n 1 "$history")" '"a\\\\b", "c\\nd"'
pty_start
pty_expect "a session after it" "$prompt"
pty_send '\x10\r'
pty_expect "recalls them as they were" $'\na\\b\r\nc\r\nd\r\n'
pty_send '\x04'
pty_end

printf 'first\nlast without a newline' >"$history"
session '"added"\r'
check "an entry is added to a last line without a newline" "$(cat "$history")" \
    $'first\nlast without a newline\n"added"'

seq 1 7000 >"$scratch/elsewhere"
chmod 640 "$scratch/elsewhere"
ln -sf "$scratch/elsewhere" "$history"
session '"added"\r'
check "a long history at the end of a link is cut there" "$(readlink "$history") $(stat -c %a "$scratch/elsewhere")" \
    "$scratch/elsewhere 640"
check "to so many entries" "$(wc -l <"$history") $(sed -n 1p "$history") $(tail -n 1 "$history")" '5001 2001 "added"'

rm "$history"
mkfifo "$history"
pty_start
pty_expect "a FIFO is no history" "history is not kept: $history: not a regular file"
pty_expect "and is not waited for" "$prompt"
pty_send '"typed"\r'
pty_expect "nor at an entry" $'typed\r\n'"$prompt"
pty_send '\x04'
pty_end
rm "$history"

(
    cd "$scratch" || exit
    XDG_STATE_HOME=relative script -qec "$console" /dev/null <<<'.quit' >/dev/null 2>&1
)
check "a relative XDG_STATE_HOME makes no folder" "$(ls -d "$scratch/relative" 2>/dev/null)" ""
check "and is as good as none" "$(cat "$history")" ".quit"

XDG_STATE_HOME=$scratch/state
export XDG_STATE_HOME
pty_start
pty_expect "XDG_STATE_HOME" "$prompt"
pty_send '"elsewhere"\r'
pty_expect "a value" $'\nelsewhere\r\n'
pty_send '\x04'
pty_end
check "is where history goes" "$(cat "$scratch/state/lunalloc/history")" '"elsewhere"'

touch "$scratch/file"
XDG_STATE_HOME=$scratch/file
pty_start
pty_expect "history that cannot be kept is said" "history is not kept: $scratch/file/lunalloc/history: Not a directory"
pty_expect "once, and the prompt works" "$prompt"
pty_send '1 + 1\r'
pty_expect "a value" $'\n2\r\n'
pty_send '\x04'
pty_end
check "and it ends well" "$status" 0
unset XDG_STATE_HOME

HOME='' pty_start
pty_expect "without a home there is a prompt" "$prompt"
pty_send '\x04'
pty_end
check "and it ends well" "$status" 0

# ---- colour ----

esc=$'\x1b['
TERM=xterm pty_start
pty_expect "a terminal has a coloured prompt" "${esc}1;36mlunalloc>"
pty_send '\x04'
pty_end

TERM=xterm pty_start
pty_expect "a terminal whose width is known" "lunalloc>"
pty_send "os.execute 'stty cols 40'\\r"
pty_expect "its width is known" "true"
pty_send 'os.execute "printf abc"\r'
printf -v line '%40s' ''
pty_expect "what a program left in the middle of a line" "abc$line"$'\r\x1b[K'
pty_expect "is not glued to the value" 'true'
pty_send 'local _ = io.write("def") io.stdout:flush()\r'
pty_expect "nor flushed output" "def$line"$'\r\x1b[K'
pty_expect "to the prompt" "lunalloc>"
pty_send '\x04'
pty_end

TERM=xterm NO_COLOR=1 pty_start
pty_expect "with NO_COLOR" "explains"
pty_expect "a plain one" "$prompt"
pty_send '\x04'
pty_end

pty_start
pty_expect "a dumb terminal" "explains"
while [[ $pty_seen != *"$prompt"* ]] && pty_read; do :; done
check "gets no escape sequence" "${pty_seen//[!$'\x1b']/}" ""
pty_send '\x04'
pty_end

pty_start
pty_expect "an input" "$prompt"
pty_send 'for i = 1, 2 do\r'
pty_expect "is continued" " >> "
pty_send '\x04'
pty_expect "Ctrl-D in its middle says what is missing" "'end' expected"
pty_end

# ---- a narrow window ----

COLUMNS=40 pty_start
pty_expect "a narrow window" "$prompt"
pty_send 'la.extents{state = "nonsense"}\r'
pty_expect "messages are broken at words" $'lunalloc: input:1: extents: no state\r\n'
pty_expect "and a line is cut around its caret" $'^\r\n'"$prompt"
pty_send 'help "arenas"\r'
pty_expect "texts of help, too" $'All arenas, as objects; see help\r\n'
pty_send '.quit\r'
pty_end

# ---- long results ----

lines='(function() local t = {} for i = 1, 30 do t[i] = "line" .. i end return table.concat(t, "\\n") end)()'
TERM=xterm LINES=12 COLUMNS=80 PAGER='sed s/^/paged:/' pty_start
pty_expect "a terminal of twelve lines" "$prompt"
pty_send 'long = '"$lines"'\r'
pty_send 'long\r'
pty_expect "a long text is shown by the pager" $'paged:line1\r\n'
pty_expect "to its end" $'paged:line30\r\n'
pty_send '"sho", "rt"\r'
pty_expect "a short one is not" $'sho\trt\r\n'
pty_send '.pager off\r'
pty_send 'long\r'
pty_expect "nor one with .pager off" $'\nline30\r\n'
pty_send '.quit\r'
pty_end
check "the pager leaves no file" "$(grep -l '^line30$' /tmp/lua_* 2>/dev/null)" ""

TERM=xterm LINES=12 COLUMNS=80 PAGER=/no/such/pager pty_start
pty_expect "without a pager" "$prompt"
pty_send 'long = '"$lines"'\r'
pty_send 'long\r'
pty_expect "a page is shown" $'line11\r\n-- more --'
pty_send ' '
pty_expect "a key shows the next one" $'line22\r\n-- more --'
pty_send 'q'
pty_expect "q ends" "lunalloc>"
pty_send '"on"\r'
pty_expect "and the prompt is back" $'on\r\n'
pty_send '.quit\r'
pty_end

# ---- .watch ----

TERM=xterm LINES=12 COLUMNS=80 pty_start
pty_expect "a prompt for .watch" "lunalloc>"
pty_send 'n = 0 function count() n = n + 1 return "round " .. n end\r'
pty_send '.watch 50ms count()\r'
pty_expect "values are shown again and again" "round 1"
pty_expect "in place" $'\x1b[2A\r\x1b[J'
pty_expect "" "round 3"
pty_send 'x'
pty_expect "a key ends it" "lunalloc>"
pty_send '.watch 50ms count()\r'
pty_expect "once more" "round"
pty_send '\x03'
pty_expect "Ctrl-C ends it" "lunalloc>"
pty_send '"quiet", n > 3\r'
pty_expect "and is no error" $'quiet\ttrue\r\n'
pty_send '.quit\r'
pty_end

# ---- another process ----

LUNALLOC_CONF=agent:true "$console" -e 'require("lunalloc.console").sleep(1000)' </dev/null &
other=$!
for _ in $(seq 300); do
    batch -e "os.exit(la.attach($other, {way = 'agent'}) ~= nil)" </dev/null
    [ "$status" != 0 ] || break
    sleep 0.1
done
pty_start
pty_expect "a prompt" "$prompt"
pty_send ".attach $other\r"
pty_expect ".attach says what it has" "lunalloc:$other (agent)"
pty_expect "the prompt names the process and its memory" "lunalloc:$other "
pty_expect "in a short form" "M> "
pty_send 't.pid\r'
pty_expect "it is the global t" $'\n'"$other"$'\r\n'
pty_send '.set arena.0.dirty_decay_ms 4321\r'
pty_expect "commands act on it" $'true\r\n'
pty_send 't.get "arena.0.dirty_decay_ms", la.get "arena.0.dirty_decay_ms"\r'
pty_expect "and not on this process" $'4321\t10000\r\n'
pty_send '.stats\r'
pty_expect "all of them" "allocated"
kill "$other"
wait "$other" 2>/dev/null
pty_send '1\r'
pty_expect "once it is gone, the prompt says so" "lunalloc:$other lost> "
pty_send '.stats\r'
pty_expect "and so do commands" "lunalloc: "
pty_send '.detach\r'
pty_expect ".detach returns to this process" $'\n'"$prompt"
pty_send '.attach 999999999\r'
pty_expect "a process that does not exist" "there is no process 999999999"
pty_send 't\r'
pty_expect "changes nothing" $'nil\r\n'"$prompt"
pty_send '.quit\r'
pty_end
check "and it ends well" "$status" 0

# ---- a script on a terminal ----

pty_start -e 'print("running") while true do end'
pty_expect "a script" "running"
pty_send '\x03'
pty_expect "Ctrl-C interrupts it, with a traceback" "stack traceback:"
pty_end
check "and it ends by SIGINT" "$status" 130

finish
