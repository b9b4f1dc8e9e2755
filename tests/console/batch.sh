#!/usr/bin/env bash
# The console without a terminal: options, scripts, standard input, exit statuses, what goes to which stream.
. "$(dirname "$0")/common.bash"

# ---- code and scripts ----

batch -e 'x = 1' -e 'x = x + 1' -e 'print(x)' </dev/null
check "-e runs in order in one state" "$out/$err/$status" "2//0"

batch -e'print("glued")' </dev/null
check "-e takes glued code" "$out" "glued"

batch -e 'print(type(la), type(la._VERSION), require "lunalloc" == la)' </dev/null
check "la is the module" "$out" $'table\tstring\ttrue'

batch -e 'print(la.loaded, la.replaced)' </dev/null
check "the console itself runs on the allocator" "$out" $'true\ttrue'

cat >"$scratch/args.lua" <<'LUA'
print(#arg, arg[0] == ..., select("#", ...), ...)
print(arg[-1])
LUA
batch -e 'a = 1' "$scratch/args.lua" one "two words" -x <<<'print "not this"'
check "a script has its arguments" "$out/$status" $'3\tfalse\t3\tone\ttwo words\t-x\na = 1/0'

batch -- "$scratch/args.lua" <<<''
check "-- ends the options" "$out" $'0\tfalse\t0\n--'

batch -l string -l table -e 'print(string.rep("ab", 2), table.concat{1, 2})' </dev/null
check "-l requires a module" "$out" $'abab\t12'

cp "$scratch/args.lua" "$scratch/-odd.lua"
(cd "$scratch" && "$console" -- -odd.lua) >"$scratch/out"
check_match "a script whose name starts with a dash" "$(cat "$scratch/out")" "^0"

# ---- standard input ----

batch <<<'print("from stdin", ...)'
check "standard input is the script" "$out/$err/$status" $'from stdin//0'

batch - a b <<<'print(..., arg[0])'
check "- is standard input, with arguments" "$out" $'a\t-'

batch <<<'1 + 1'
check "a script is not a prompt: expressions are errors" "$status" 3

batch </dev/null
check "an empty input is an empty script" "$out/$err/$status" "//0"

batch -i <<<$'1 + 1\nx = {\n1}\n#x, "two"\nerror "lost"\nla._VERSION == nil'
check "-i without a terminal prints values and no prompt" "$out" $'2\n1\ttwo\nfalse'
check_match "-i goes on after an error" "$err" "^lunalloc: input:1: lost"
check "and has status 3 at the end" "$status" 3

for input in 'error()' 'x = = 1' 'x = (' 'setmetatable({}, {__tostring = error})'; do
    batch -i <<<"$input"$'\n"on", 1'
    check "-i: $input is a script error" "$status" 3
done
batch -i <<<$'1\n.5\n.quit\nerror()'
check "-i: input that is right ends well" "$out/$err/$status" $'1\n0.5//0'
batch -i <<<$'.q\n.quits\n"on"'
check_match "-i: .quit is not known by its beginning" "$out/$err/$status" "^on/.*'\.q'.*'\.quits'.*/1$"
batch -i <<<$'.nonsense\nerror()'
check_match "-i: an unknown command is an own error, the first one counts" "$err/$status" "'.nonsense'.*/1$"
batch -i -e 'os.exit(4)' <<<'error()'
check "-i: os.exit gives its status" "$status" 4
batch -i "$scratch/none.lua" <<<'error()'
check "-i: what failed before counts" "$status" 1
batch -i <<<'os.exit(7)'
check "-i: os.exit in the input, too" "$status" 7

batch -i <<<'x = ('
check_match "-i: an input cut short by the end is an error" "$err" "near <eof>"

batch -i -e 'error "first"' <<<'"prompt"'
check "-i prompts after a script that failed" "$out/$status" "prompt/3"

# ---- failures and exit statuses ----

batch -e 'local function f() error("boom") end f()' </dev/null
check "a script error has status 3" "$out/$status" "/3"
check_match "the message is on stderr" "$err" "^lunalloc: \(command line\):1: boom"
check_match "with a traceback" "$err" $'\nstack traceback:\n'

batch -e 'error(setmetatable({}, {__tostring = function() return "an object" end}))' </dev/null
check_match "an error object is printed by __tostring" "$err" "^lunalloc: an object"

batch -e 'error {}' </dev/null
check_match "an error object without __tostring" "$err" "error object is a table value"
batch -e 'error()' </dev/null
check_match "error(nil)" "$err/$status" "error object is a nil value.*/3"

batch -e 'print "never" x = = 1' </dev/null
check "a syntax error has status 3" "$out/$status" "/3"
check_match "a syntax error says where" "$err" "^lunalloc: \(command line\):1: unexpected symbol near '='"

batch -e 'error "one"' -e 'print "two"' </dev/null
check "-e stops at the first error" "$out" ""

printf 'print "before"\nerror("in script")\n' >"$scratch/bad.lua"
batch "$scratch/bad.lua" </dev/null
check "a failing script has status 3 and keeps its output" "$out/$status" "before/3"
check_match "its traceback names its line" "$err" "bad.lua:2: in main chunk"

batch "$scratch/none.lua" </dev/null
check_match "an unreadable script has status 1" "$err/$status" "^lunalloc: cannot open .*none.lua.*/1$"

batch -l no.such.module </dev/null
check_match "a missing module is a script error" "$err/$status" "module 'no.such.module' not found.*/3$"

for wrong in -x --nothing -; do
    [ "$wrong" = - ] && wrong=-e
    batch "$wrong" </dev/null
    check_match "bad usage: $wrong" "$err/$status/$out" "^lunalloc: [^"$'\n'"]*/1/$"
done
batch --tour x </dev/null
check_match "bad usage: --tour x" "$err/$status" "^lunalloc: --tour .*/1$"
for wrong in "-e x" "-l string" "-ex"; do
    batch --tour $wrong </dev/null
    check_match "bad usage: --tour $wrong" "$out/$err/$status" "^/lunalloc: --tour .*/1$"
    batch $wrong --tour </dev/null
    check_match "bad usage: $wrong --tour" "$out/$err/$status" "^/lunalloc: --tour .*/1$"
done

for number in 0 1 4 77; do
    batch -e "os.exit($number)" </dev/null
    check "os.exit($number)" "$status" "$number"
done
batch -e 'os.exit(true)' </dev/null
check "os.exit(true)" "$status" 0

batch -v -e 'print "not run"' </dev/null
check_match "-v" "$out/$status" "^lunalloc [0-9]+\.[0-9]+\.[0-9]+, Lua 5\.4\.[0-9]+/0$"
batch --help </dev/null
check_match "--help" "$out/$status" "^usage: lunalloc .*/0$"

if [ -w /dev/full ]; then
    "$console" -e 'io.write(("x"):rep(1e5))' >/dev/full 2>"$scratch/err" </dev/null
    check "output that is lost is an error" "$?" 1
    check_match "and is said" "$(cat "$scratch/err")" "^lunalloc: cannot write to standard output"
fi

# ---- the prompt's conveniences ----

batch -i <<<$'=6 * 7\n = "blank"\n=1 +\n2'
check "= before an expression is skipped" "$out/$err/$status" $'42\nblank\n3//0'
for word in quit exit 'quit()' 'exit()' 'quit ' .quit; do
    batch -i <<<$'1\n'"$word"$'\n2'
    check "'$word' leaves" "$out/$err/$status" "1//0"
done
batch -i <<<$'quit = 5\nquit\nexit = print\nexit()\nquitter'
check "variables of these names come first" "$out/$err/$status" $'5\n\nnil//0'
batch -i <<<$'?version\n?\n??'
check_match "?word is .help word" "$out" "^version: .*look  .*look  "
batch -i <<<$'6 * 7\n_ + 1\n_\nx = 1\nnil\n_\nla.get "version"\n_ == la.get "version"'
check "_ is the last result that is not nil" "$out" \
    $'42\n43\n43\nnil\n43\n'"$(batch -e 'print(la.get "version")' </dev/null; echo "$out")"$'\ntrue'

batch -i <<<$'local a, b = 1, {}\na\nlocal function f() a = a + 1; return a end\nf()\na\na = 10\nf(), a\na == _G.a'
check "local variables carry over, and are one variable for functions and inputs" "$out/$err" $'1\n2\n2\n11\t11\nfalse/'
batch -i <<<$'local c <const> = 5\nc\nc = 6\nlocal c = 7\nc'
check "constants remain constants, a new variable hides the old one" "$out" $'5\n7'
check_match "and assigning to one is an error" "$err" "^lunalloc: input:1: attempt to assign to const variable 'c'"
batch -i <<<$'local g <close> = nil\nlocal v = 1; return v\nv\ng\nlocal y = 1 error "no"\ny.x'
check "a variable that is closed does not" "$out" $'1\n1\nnil'
check_match "which is said when it is read" "$err" \
    "the local variable 'g' ended with its input.*'y' ended with its input"
batch -i <<<$'do local inner = 1 end\ninner\nlocal x = 1 goto done ::done::\nx\nfor i = 1, 1 do local k = i end\nk'
check "variables of inner blocks end with them" "$out" $'nil\n1\nnil'

# ---- errors ----

batch -i <<<$'x = = 1\nlocal é = 1\nprint("é", x x)\nif x then\nend end'
check "syntax errors have a caret under the wrong token" "$err" "$(printf '%s\n' \
    "lunalloc: input:1: unexpected symbol near '='" '    x = = 1' '        ^' \
    "lunalloc: input:1: <name> expected near '<\\195>'" '    local é = 1' '          ^' \
    "lunalloc: input:1: ')' expected near 'x'" '    print("é", x x)' '                 ^' \
    "lunalloc: input:2: <eof> expected near 'end'" '    end end' '        ^')"
batch -i <<<$'x = {}\ny = x.z or x.z.w\nla.extents{stat = 1}\nla.get(5)\n'\
$'la.set("arena.0.nonsense_x", 1, la.ctl.arena[0].nonsense_x)'
check "errors of calls have one under what is meant" "$(grep '^    ' <<<"$err")" "$(printf '%s\n' \
    '    y = x.z or x.z.w' '          ^' '    la.extents{stat = 1}' '       ^' '    la.get(5)' '       ^' \
    '    la.set("arena.0.nonsense_x", 1, la.ctl.arena[0].nonsense_x)' '            ^')"
batch -i <<<$'v = {}\nv.nope = 1 v["nope"] = 1 nope.x = 1'
check "it is under the variable, not under a field of its name" "$(tail -n 1 <<<"$err")" \
    '                             ^'
batch -i <<<$'function deep() return deep() + 1 end\ndeep()'
check_match "of very many calls the first and the last ones are shown" "$err" \
    $'^lunalloc: input 1:1: stack overflow\n.*\n\t\.\.\. \(more calls\)\n.*\n\tinput:1: in main chunk$'
batch -i <<<$'table.sort({1, 2}, function(a, b) error "cmp" end)\npcall(error)'
check "what lies between the user's calls is shown" "$(grep -c "\[C\]: in function 'table.sort'" <<<"$err")" 1
check "and nothing of the console" "$(grep -c 'prompt\|in ?$' <<<"$err")" 0
LUNALLOC_DEBUG=1 batch -i <<<'error "x"'
check_match "LUNALLOC_DEBUG shows all" "$err" "in \?"
batch -i <<<$'la.gett\nla.gett()\na = la.arena(0)\na:purg()\nprnt(1)\nlla.get "x"\nla.get\nnothing_like_it\n'\
$'local arr = {}\narray'
check "mistyped names are said" "$(grep -o "did you mean.*" <<<"$err")" "$(printf '%s\n' "did you mean 'get'?)" \
    "did you mean 'get'?" "did you mean 'purge'?" "did you mean 'print'?" "did you mean 'la'?" "did you mean 'arr'?)")"
printf 'local function f()\n  local obj = la.arena(0)\n  obj:purg()\nend\nf()\n' >"$scratch/lines.lua"
batch "$scratch/lines.lua" </dev/null
check_match "a script's error shows the line of the file, and knows its variables" "$err" \
    "did you mean 'purge'\?"$'\n''    '"  obj:purg\(\)"$'\n''          \^'$'\n''stack traceback:'

batch -i <<<$'la.names "dirty_decay_ms"\n#la.names()\n'\
$'n = 0 for name in la.names "dirty_decay" do n = n + 1 end\nn == #la.names "dirty_decay"'
check_match "la.names shows names" "$out" $'^arena.<i>.dirty_decay_ms +.*arenas.dirty_decay_ms.*\n[0-9]{3}\ntrue$'
batch -i <<<$'la.extents{arena = 0, state = "active"}'
check_match "the extents of a loop that was not written are a grid" "$out" $'^ *addr +size .*\n0x[0-9a-f]+ '

# ---- commands ----

batch -i <<<$'.get version\n_ == la.get "version"\n.get nonsense.x\n.get\n.set opt.thp default\n'\
$'.set "arena.0.dirty_decay_ms" 123\n.get arena.0.dirty_decay_ms\n'\
$'.set arena.0.dirty_decay_ms never\n.set x'
check_match ".get and .set" "$out" $'^[0-9.]+\ntrue\ntrue\ntrue\n123$'
check "their failures are one line each" "$(wc -l <<<"$err") $status" "4 1"
batch -i <<<$'.stats\n.arenas\n.bins\n.extents by=state\n.sizeclasses\n.extents nonsense=1\n.extents nonsense\n.threads'
check_match "commands that look" "$out" 'allocated.*index .*dirty.*active +[0-9]+ .*cached_max.*tid'
check_match "and their misuse" "$err" $'no condition \'nonsense\'.*\n.*\'nonsense\' is no condition: write KEY=VALUE$'
batch -i <<<$'.time 6 * 7\n.time .get version\n_\n.time\n.time error "x"'
check_match ".time evaluates, and says how long" "$out" \
    $'^42\n\([0-9.]+ [num]?s; processor [0-9.]+ [num]?s\)\n[0-9.]+\n\(.*\)\n[0-9.]+$'
check_match "its errors are those of the expression" "$err" \
    $'usage: .time EXPR\nlunalloc: input:1: x\n    error "x"\n    \^'
batch -i <<<$'.watch 10ms 3x "round"\n.watch 10ms 2x .get version\n.watch\n.watch 1ns 1x 2\n.watch 10ms 2x 1 +\n"after"'
check_match ".watch repeats, and appends where there is no terminal" "$out" \
    $'^round\nround\nround\n[0-9.]+\n[0-9.]+\nafter$'
check_match "and says what is wrong" "$err" $'usage: .watch.*\n.*interval is from.*\n.*near <eof>\n    1 \+\n       \^'
batch -i <<<$'.plot {1, 2, 3}\n.plot\n.plot 5\n.plot {}\n.pager off\n.pager maybe\n.detach'
check_match ".plot" "$out" 'values 3'
check "failures of these" "$(grep -c '^lunalloc: ' <<<"$err")" 5
batch -i <<<$'.workload threads = 1, ops = 1000\nw:wait()\nw:stop().ops\n.plot w'
check_match ".workload starts one" "$out" $'\ntrue\n1000\n.*rss '
batch -i <<<'.help commands'
check_match "the list has no command whose function is missing" "$out/$err" '\.arenas .*\.workload [^/]*/$'

# ---- the environment ----

batch -e 'io.write("\27[1m")' </dev/null
check "output is raw" "$(od -An -c "$scratch/out" | tr -s ' ')" " 033 [ 1 m"

mkdir "$scratch/mine"
echo 'return "user path"' >"$scratch/mine/extra.lua"
LUA_PATH="$scratch/mine/?.lua" batch -e 'print(require "extra", la ~= nil)' </dev/null
check "LUA_PATH is honoured, and the module is still found" "$out" $'user path\ttrue'

mkdir "$scratch/elsewhere"
unset LUA_PATH LUA_CPATH LUNALLOC_SO
(cd "$scratch/elsewhere" && "$console" -e 'print(la.loaded)') >"$scratch/out" 2>&1 </dev/null
check "the module is found from any folder, without LUA_PATH" "$(cat "$scratch/out")" "true"

ln -s "$console" "$scratch/elsewhere/link"
"$scratch/elsewhere/link" -e 'print(la.loaded)' >"$scratch/out" 2>&1 </dev/null
check "and through a link to the console" "$(cat "$scratch/out")" "true"

cp "$console" "$scratch/elsewhere/lost"
LD_LIBRARY_PATH=$(dirname "$console") "$scratch/elsewhere/lost" -e 'print(1)' >"$scratch/out" 2>&1 </dev/null
check_match "without the module: an own error" "$?/$(cat "$scratch/out")" "^1/lunalloc: .*module 'lunalloc' not found"

for variable in HOME TERM LC_ALL PATH; do
    env -u "$variable" "$console" -i <<<'1' >"$scratch/out" 2>&1
    check "without $variable" "$(cat "$scratch/out")" "1"
done

# ---- coroutines behave as in the stock interpreter, though Ctrl-C follows them ----

batch - </dev/stdin <<'LUA'
local co = coroutine.create(function(...) local a, b = coroutine.yield(select("#", ...)) error(a .. b) end)
print(coroutine.resume(co, 1, nil, 3))
print(select(2, coroutine.resume(co, "x", "y")):match "xy$", coroutine.status(co), coroutine.resume(co))
local gen = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i, nil) end end)
print(gen(), select("#", gen()), gen())
print(pcall(coroutine.wrap(function() error { 1 } end)))
print(coroutine.resume(coroutine.create(function() end)))
print(pcall(coroutine.resume, 1))
print(pcall(coroutine.wrap, 1))
print(coroutine.wrap(function() return coroutine.isyieldable(), coroutine.running() ~= nil end)())
local outer = coroutine.wrap(function() for v in coroutine.wrap(function() coroutine.yield(1) end) do
    coroutine.yield(v) end return "end" end)
print(outer(), outer())
LUA
check_match "coroutines" "$out" "^true	3
xy	dead	false	cannot resume dead coroutine
1	2	3	nil
false	table: 0x[0-9a-f]+
true
false	bad argument #1 to '[^']*' \(coroutine expected[^)]*\)
false	bad argument #1 to '[^']*' \(function expected[^)]*\)
true	true
1	end$"

cat >"$scratch/deep.lua" <<'LUA'
local depth = 0
local function by_wrap() depth = depth + 1 return coroutine.wrap(by_wrap)() end
local function by_resume() depth = depth + 1 return assert(coroutine.resume(coroutine.create(by_resume))) end
print(select(2, pcall(by_wrap)):match "[^:]*$", depth)
depth = 0
print(select(2, pcall(by_resume)):match "[^:]*$", depth)
-- Each of these takes from the one before it.
local function filter(from) return coroutine.wrap(function() for x in from do coroutine.yield(x + 1) end end) end
local chain = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
for i = 1, 95 do chain = filter(chain) end
print(chain(), chain(), chain())
-- What is to be closed is, and its error is the one that shows.
local failing = coroutine.wrap(function()
    local held <close> = setmetatable({}, { __close = function() error("from close", 0) end })
    error("first")
end)
print(pcall(failing))
print(pcall(failing))
LUA
stock=$(lua5.4 "$scratch/deep.lua" 2>&1)
batch "$scratch/deep.lua" </dev/null
check "coroutines nest as deep as in the stock interpreter" "$out" "$stock"
check_match "chains of them too" "$out" $'\n96\t97\t98\n'

finish
