-- Child processes: what a script gets and gives back, how it ends, and that nothing of it is left.

local test = ...
local child = require "lunalloc.child"
local core = require "lunalloc.core"
local json = require "lunalloc.json"

-- A script of that text, run with options.
local function run(text, options)
    local path = os.tmpname()
    local removed <close> = setmetatable({}, { __close = function() os.remove(path) end })
    local file <close> = assert(io.open(path, "w"))
    file:write(text)
    file:flush()
    options = options or {}
    options.script = path
    return child.run(options)
end

test("the script's value, output and arguments", function()
    local done = assert(run([[print("out", ...) io.stderr:write "err"
        return { text = "a\n\"b", list = { 1, 2.5, true }, nested = { { x = -1 } }, left_out = print, nan = 0 / 0 }]],
        { args = { "one", "two" } }))
    test.equal(done.ok, true)
    test.equal(done.problem, nil)
    test.equal(done.status, 0)
    test.equal(done.out, "out\tone\ttwo\n")
    test.equal(done.err, "err")
    test.equal(done.value.text, "a\n\"b")
    test.equal(done.value.list[2], 2.5)
    test.equal(math.type(done.value.list[1]), "integer")
    test.equal(done.value.list[3], true)
    test.equal(done.value.nested[1].x, -1)
    test.equal(done.value.left_out, nil)
    test.equal(done.value.nan, nil)
end)

test("the last reply counts, also of a script that ends the process", function()
    local done = assert(run [[local child = require "lunalloc.child"
        assert(child.is_child)
        assert(child.reply(1))
        assert(child.reply { n = 2 })
        os.exit(4)]])
    test.equal(done.value.n, 2)
    test.equal(done.status, 4)
    test.equal(done.ok, false)
    test.equal(done.problem, "exit status 4")
end)

test("messages on the way", function()
    local seen = {}
    local done = assert(run([[local child = require "lunalloc.child"
        for i = 1, 3 do child.progress(i) end
        return "end"]], { on_message = function(value) seen[#seen + 1] = value end }))
    test.equal(table.concat(seen, ","), "1,2,3")
    test.equal(done.value, "end")
end)

test("preloaded library, settings and environment", function()
    local library = assert(os.getenv "LUNALLOC_SO" or os.getenv "LD_PRELOAD" or child.interpreter())
    local script = [[local la = require "lunalloc"
        return { replaced = la.replaced, decay = la.replaced and la.get "opt.dirty_decay_ms",
            conf = os.getenv "LUNALLOC_CONF" or "none", home = os.getenv "HOME" or "none", more = os.getenv "MORE" }]]
    local options = { preload = library, conf = "dirty_decay_ms:77", env = { HOME = false, MORE = "a=b" } }
    local value = assert(run(script, options)).value
    test.equal(value.conf, "dirty_decay_ms:77")
    test.equal(value.home, "none")
    test.equal(value.more, "a=b")
    if library:find "liblunalloc" then
        test.equal(value.replaced, true)
        test.equal(value.decay, 77)
    end
    test.equal(assert(run(script, { conf = false })).value.conf, "none")
end)

test("failures are one line", function()
    test.match(assert(run "error 'no such luck'").problem, "^[^\n]*:1: no such luck$")
    test.match(assert(run "x x").problem, "^[^\n]*:1: syntax error[^\n]*$")
    test.match(assert(run "error({})").problem, "^table: ")
    test.equal(assert(run "io.stderr:write 'first\\nlast\\n' os.exit(3)").problem, "exit status 3: last")
    local killed = assert(run "os.execute 'kill -9 $PPID' while true do end")
    test.equal(killed.signal, 9)
    test.match(killed.problem, "^ended by signal 9 %(%w+%)$")
    local missing, message, code = run("", { interpreter = "/nonexistent/lua" })
    test.equal(missing, nil)
    test.match(message, "^cannot start a child process: ")
    test.equal(code, "ENOENT")
end)

test("what it has used", function()
    local done = assert(run [[local t = {} for i = 1, 1e5 do t[i] = { i } end
        local from = os.clock() while os.clock() - from < 0.05 do end]])
    test.equal(done.user + done.system >= 0.05, true)
    test.equal(done.seconds >= 0.05, true)
    test.equal(done.max_rss > 4000000, true)
    test.equal(done.minor_faults > 500, true)
end)

test("the peak of a small child of a large parent is its own", function()
    local ballast = ("x"):rep(48 << 20) -- twice that, for a moment
    test.equal(assert(run "return 1").max_rss < 40 << 20, true, "it returns")
    test.equal(assert(run "os.execute 'sleep 0.1' os.exit(0)").max_rss < 40 << 20, true, "it ends by itself")
    local larger = assert(run "local s = ('x'):rep(80 << 20) return #s")
    test.equal(larger.max_rss > 160 << 20, true, "one that is larger")
    local inner = assert(run "local s = ('x'):rep(24 << 20) s = nil collectgarbage()")
    test.equal(inner.max_rss > 48 << 20 and inner.max_rss < 90 << 20, true, "its peak, not its end")
    test.equal(#ballast, 48 << 20)
end)

test("standard input, and much of everything", function()
    local text = ("0123456789"):rep(30000)
    local done = assert(run([[local text = io.read "a"
        io.write(text, text, text, text, text, text, text, text, text, text)
        return text .. text]], { input = text }))
    test.equal(done.value, text .. text)
    test.equal(#done.out >= 1 << 20, true) -- only so much is kept
    test.equal(done.out:sub(-20), text:sub(-20))
    test.equal(assert(run 'return io.read "a"').value, "")
end)

-- A time for `sleep` that no other process uses, to find it by.
local function mark_of(n)
    return ("98765.%d%d"):format(n, core.child.identity())
end

-- Is there a process that has this text in its command line?
--- A process that was killed ends when the system gets to it: it is waited for, 10 s at most.
local function is_running(mark)
    local found
    for _ = 1, 100 do
        local list <close> = assert(io.popen "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '")
        found = list:read("a"):find(mark, 1, true) ~= nil
        if not found then
            break
        end
        core.pause(0.1)
    end
    return found
end

test("no end in time: it is stopped, with all that it has started", function()
    local done = assert(run(("os.execute 'sleep %s & sleep %s'"):format(mark_of(1), mark_of(1)), { timeout = 0.2 }))
    test.equal(done.timed_out, true)
    test.equal(done.problem, "no end within 0.2 s: it was stopped")
    test.equal(is_running(mark_of(1)), false)
end)

test("what outlives it in its group is stopped, and not waited for", function()
    local done = assert(run(("os.execute 'sleep %s &' return 1"):format(mark_of(2))))
    test.equal(done.value, 1)
    test.equal(done.ok, true)
    test.equal(is_running(mark_of(2)), false)
end)

test("an error of the parent meanwhile ends the child", function()
    local options = { on_message = function() error "enough" end }
    local ok, message = pcall(run, ("require('lunalloc.child').progress(1) os.execute 'sleep %s'"):format(mark_of(3)),
        options)
    test.equal(ok, false)
    test.match(message, "enough$")
    test.equal(is_running(mark_of(3)), false)
end)

test("the child inherits no descriptor but four", function()
    local file <close> = assert(io.popen "sleep 0") -- a descriptor of this process that an exec would keep
    local done = assert(run "os.execute 'ls /proc/self/fd'")
    test.equal(done.out:gsub("\n", " "), "0 1 2 3 ") -- the last one is the folder itself
end)

test("programs that the child starts are no children of its parent", function()
    local done = assert(run [[local child = require "lunalloc.child"
        local inner = child.run { script = arg[1] }
        return { inner = inner.value, me = child.is_child, told = os.getenv "LUNALLOC_CHILD" ~= nil }]],
        { args = { "/dev/null" } })
    test.equal(done.value.me, true)
    test.equal(done.value.told, false)
    test.equal(child.is_child, false)
    test.equal(child.reply(1), false)
end)

test("closing it twice, and asking what has ended", function()
    local process = assert(core.child.spawn({ "sleep", mark_of(4) }, {}))
    process:kill()
    process:kill()
    test.equal(process:step(0), true)
    test.equal(process:finish().signal, 9)
    test.equal(is_running(mark_of(4)), false)
end)

test("JSON: values", function()
    local value = json.decode
        ' {"a": [1, -2.5e1, null, true, false], "b": {}, "c": "\\u00e9\\ud83d\\ude00\\ud83d\\n\\/"}'
    test.equal(math.type(value.a[1]), "integer")
    test.equal(value.a[2], -25.0)
    test.equal(value.a[3], nil)
    test.equal(value.a[4], true)
    test.equal(value.a[5], false)
    test.equal(next(value.b), nil)
    test.equal(value.c, "\u{E9}\u{1F600}\u{FFFD}\n/")
    test.equal(json.decode "9223372036854775807", math.maxinteger)
    test.equal(json.decode '"\127"', "\127")
end)

test("JSON: what is none", function()
    for _, text in ipairs { "", "[", "[1,]", "[1 2]", '{"a" 1}', '{"a":1', "{1:2}", "01", "+1", "1.e", "nul", '"abc',
        '"\\x"', '"\\u12"', '"a\nb"', "[1] 2", ("["):rep(100000), ('{"a":'):rep(1000), "\0" } do
        local value, message = json.decode(text)
        test.equal(value, nil, text:sub(1, 20))
        test.match(message or "", "^no JSON: .*, at byte %d+$")
    end
end)

test("JSON: what core.json writes is read", function()
    for _, value in ipairs { 0, -1, math.maxinteger, math.mininteger, 0.1, 1e300, 5e-324, 1 / 3,
        "a\"\\\n\127\u{20AC}" } do
        test.equal(json.decode(core.json(value)), value)
    end
end)
