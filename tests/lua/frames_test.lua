-- Lua functions and lines in the stacks of samples: la.prof.start{lua = true}. Each script runs in a child on lunalloc.

local test = ...
local la = require "lunalloc"

local SO <const> = os.getenv "LUNALLOC_SO" or ""

--- What the script prints; its lines count from 3. `la` is the module; stacks(text): those with the text, as texts.
local function run(script)
    local path = os.tmpname()
    do
        local file <close> = assert(io.open(path, "w"))
        file:write([[local la = require "lunalloc" local function stacks(text) local list = {}
            for _, g in ipairs(la.prof.samples():stack(text):by "stack") do
            list[#list + 1] = table.concat(g.stack, " < "):gsub("%([^()]*/", "(") end return list end ]],
            (script:gsub("^\n", "")))
    end
    local pipe <close> = assert(io.popen(("LD_PRELOAD=%s lua5.4 %s 2>&1"):format(SO, path)))
    local text = pipe:read "a"
    os.remove(path)
    return (text:gsub((path:gsub(".*/", "")), "script"))
end

local function can_run()
    local pipe <close> = assert(io.popen(("LD_PRELOAD=%s lua5.4 -e 'print(1)' 2>&1"):format(SO)))
    if SO == "" or pipe:read "a" ~= "1\n" then
        test.skip "the library cannot be preloaded into lua5.4"
    end
end

test("a function, its line and its callers, and the host's code outside of Lua", function()
    can_run()
    local text = run [[
        la.prof.start { lg_sample = 4, lua = true }
        local function build(n)
            local t = {}
            for i = 1, n do t[i] = ("x"):rep(1000 + i) end
            return t
        end
        local kept = build(100)
        la.prof.stop()
        print(stacks "build"[1])
        print(#kept) ]]
    test.match(text, "^rep %(%[C%]%) < build %(script:6%) < main chunk %(script:9%) < [^\n]*lua5%.4[^\n]*\n100\n$")
    test.equal(text:find "lua_pcallk", nil, "Lua's own code is left out")
end)

test("coroutines, by resume and by wrap, one in another", function()
    can_run()
    local text = run [[
        la.prof.start { lg_sample = 4, lua = true }
        local kept = {}
        local function inner() kept[1] = ("y"):rep(30000) coroutine.yield() kept[2] = ("z"):rep(50000) end
        local function middle()
            local co = coroutine.wrap(inner)
            co()
            co()
        end
        local co = coroutine.create(function() middle() end)
        coroutine.resume(co)
        la.prof.stop()
        for _, size in ipairs { 30000, 50000 } do
            local stack = la.prof.samples():size(size, size + 8000):top(1)[1].stack
            print((table.concat(stack, " < "):gsub("%([^()]*/", "(")))
        end ]]
    for line in text:gmatch "[^\n]+" do
        test.match(line, "^rep %(%[C%]%) < function <5> %(script:5%) < co %(%[C%]%) < middle %(script:[89]%) < " ..
            "function <11> %(script:11%) < resume %(%[C%]%) < main chunk %(script:12%)")
    end
end)

test("the stack itself grows and shrinks while it is read", function()
    can_run()
    test.equal(run [[
        la.prof.start { lg_sample = 0, lua = true }
        local function deep(n) if n > 0 then return 1 + deep(n - 1) end return 0 end
        for round = 1, 3 do
            assert(deep(2000) == 2000)
            collectgarbage()
            local co = coroutine.wrap(function()
                local n = deep(1000)
                coroutine.yield(n)
                return table.pack(n, deep(10))
            end)
            assert(co() == 1000)
            collectgarbage()
            co()
        end
        assert(select("#", table.unpack({}, 1, 5000)) == 5000)
        assert(#la.prof.samples():stack("deep"):by("line") >= 1)
        la.prof.stop()
        print "done"]], "done\n")
end)

test("an adopted state keeps its meter, in either order; the state closes", function()
    can_run()
    test.equal(run [[
        local meter = la.adopt {}
        la.prof.start { lg_sample = 0, lua = true }
        assert(la.meter() == meter)
        local kept = {}
        local function fill() for i = 1, 2000 do kept[i] = { i } end end
        fill()
        assert(#la.prof.samples():stack("fill"):by("stack") >= 1)
        la.prof.stop()
        assert(la.meter() == meter and meter:stats().allocated > 0)
        la.prof.start { lg_sample = 0, lua = true }
        print "one"
        os.exit(true, true)]], "one\n")
    test.equal(run [[
        la.prof.start { lg_sample = 0, lua = true }
        local meter = la.adopt {}
        local kept = {}
        for i = 1, 2000 do kept[i] = { i } end
        assert(la.meter() == meter)
        la.prof.stop()
        la.prof.start { lg_sample = 0, lua = true }
        assert(la.meter() == meter)
        meter:close()
        print "two"
        os.exit(true, true)]], "two\n")
end)

test("started twice, stopped twice; off, the stacks are those of C", function()
    can_run()
    local text = run [[
        for _ = 1, 2 do la.prof.start { lg_sample = 0, lua = true } end
        for _ = 1, 2 do la.prof.stop() end
        la.prof.start { lg_sample = 0 }
        local function build() return ("x"):rep(70000) end
        local kept = build()
        print(#stacks "build", #kept)
        la.prof.stop()]]
    test.equal(text, "0\t70000\n")
end)

test("profiles name the functions", function()
    can_run()
    local text = run [[
        la.prof.start { lg_sample = 0, lua = true }
        local function build() return ("x"):rep(70000) end
        local kept = { build() }
        local path = os.tmpname() .. ".collapsed"
        la.prof.dump(path)
        local found
        for line in io.lines(path) do
            found = found or line:find("main chunk %([^;]*:5%);build %([^;]*:4%);rep %d+$")
        end
        os.remove(path) os.remove((path:gsub(".collapsed$", "")))
        print(found ~= nil)
        path = os.tmpname() .. ".pb"
        la.prof.dump(path)
        local file = io.open(path, "rb")
        local profile = file:read "a"
        file:close() os.remove(path) os.remove((path:gsub(".pb$", "")))
        print(profile:find("\x0abuild", 1, true) or profile:find("\x05build", 1, true) ~= nil)
        print(la.prof.pprof():find("\x05build", 1, true) ~= nil)
        local frame = la.get "prof.frame.0.name"
        print(type(frame), select(3, la.get "prof.frame.60000.name"))]]
    test.equal(text, "true\ntrue\ntrue\nstring\tENOENT\n")
end)

test("another process names the functions, too", function()
    can_run()
    test.match(run [==[
        la.prof.start { lg_sample = 4, lua = true }
        local function build() return ("x"):rep(70000) end
        local kept = { build() }
        la.prof.stop()
        la.set("agent.active", true)
        local pid = io.open "/proc/self/stat":read "n"
        local script = ([[
            local t = assert(require "lunalloc".attach(%d, { wait = 10, timeout = 60 }))
            for _, g in ipairs(t.prof.samples():stack "build":by "stack") do print(g.stack[2]) end]]):format(pid)
        local pipe = io.popen("LD_PRELOAD= lua5.4 -e '" .. script .. "'")
        print(pipe:read "a")]==], "build %(.*script:4%)")
end)

test("misuse", function()
    test.raises("frames_test.lua:%d+: prof.start: lua is true or false, not 5", function()
        la.prof.start { lua = 5 }
    end)
end)
