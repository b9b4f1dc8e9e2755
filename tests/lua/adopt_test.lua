-- la.adopt: the running state moves onto an arena of ours. Each test runs in a state of its own (a coroutine would not
-- do), which is a process of the same interpreter: the runner's own state stays as it is.

local test = ...
local la = require "lunalloc"

--- The interpreter that runs this file, with its preloads.
local function interpreter()
    local i = 0
    while arg[i - 1] do
        i = i - 1
    end
    return arg[i]
end

--- What a script prints in a process of its own. It has `la`, `m` (the meter of these options) and `total()`, which
--- returns m:stats() and checks its sums.
local PRELUDE <const> = [[
local la = require "lunalloc"
local m = assert(la.adopt%s)
local function total()
    local s = m:stats()
    for _, sums in ipairs { s.by_type, s.scopes } do
        local sum = 0
        for _, bytes in pairs(sums) do
            sum = sum + bytes
        end
        assert(sum == s.allocated, "sums")
    end
    return s
end
]]

local function run(options, script)
    local name = os.tmpname()
    local file <close> = assert(io.open(name, "w"))
    file:write(PRELUDE:format(options), script)
    file:close()
    local pipe = assert(io.popen(("%s %s 2>&1"):format(interpreter(), name)))
    local output = pipe:read "a"
    local _, how, code = pipe:close()
    os.remove(name)
    test.equal(how, "exit", output)
    test.equal(code, 0, output)
    return output
end

if not la.loaded then
    return
end

test("the state's blocks move to the meter", function()
    run("{}", [[
        local before = total()
        local kept = {}
        for i = 1, 10000 do kept[i] = { i } end
        local after = total()
        assert(after.by_type.table - before.by_type.table >= 10000 * 40, "tables")
        assert(after.blocks - before.blocks >= 20000, "blocks")
        assert(after.foreign <= before.foreign, "foreign")
        assert(la.find and after.held >= after.allocated, "held")
        kept = nil
        collectgarbage()
        assert(total().by_type.table - before.by_type.table < 4096, "tables that were freed")
    ]])
end)

test("allocated and foreign are what Lua counts", function()
    run("{}", [[
        local kept = {}
        for round = 1, 50 do
            for i = 1, 1000 do kept[i] = ("x"):rep(i + round) .. i end
            collectgarbage "stop"
            local s = m:stats() -- what it makes itself is counted after it
            assert(collectgarbage "count" * 1024 - s.allocated - s.foreign < 4096)
            assert(collectgarbage "count" * 1024 - s.allocated - s.foreign >= 0)
            collectgarbage "restart"
            assert(s.peak >= s.allocated + s.foreign)
        end
    ]])
end)

test("a limit", function()
    run('{ limit = "8M" }', [[
        for round = 1, 3 do
            local ok, message = pcall(function()
                local t = {}
                while true do t[#t + 1] = { ("x"):rep(100) .. #t } end
            end)
            assert(not ok and message == "not enough memory", message)
            assert(total().peak <= 8 << 20)
            assert(m:stats().failures > 0)
        end
        assert(not pcall(string.rep, "x", 9 << 20))
        collectgarbage() -- Lua itself does not for a buffer of its library
        assert(#("x"):rep(1 << 20) == 1 << 20, "the state stays usable")
        m:set{ limit = 0 }
        assert(m:stats().limit == nil)
        assert(#("x"):rep(9 << 20) == 9 << 20, "no limit any more")
    ]])
end)

test("a soft limit calls, and again when it was met meanwhile", function()
    run('{}', [[
        local calls = 0
        collectgarbage()
        m:set{ soft = (collectgarbage "count" * 1024 + (1 << 20)) // 1 | 0, on_soft = function(meter)
            assert(meter == m)
            calls = calls + 1
        end }
        for round = 1, 3 do
            local t = {}
            for i = 1, 40000 do t[i] = { i } end
            assert(calls == round, calls)
            t = nil
            collectgarbage()
            collectgarbage()
        end
    ]])
end)

test("a soft limit in a coroutine, and beside a hook", function()
    run('{}', [[
        local calls = 0
        m:set{ soft = "1M", on_soft = function() calls = calls + 1 end }
        coroutine.wrap(function()
            local t = {}
            for i = 1, 100000 do t[i] = { i } end
            collectgarbage()
            for i = 1, 10 do t[i] = i end
            assert(calls == 1, calls)
        end)()
        collectgarbage()
        collectgarbage()
        debug.sethook(function() end, "l")
        local t = {}
        for i = 1, 100000 do t[i] = { i } end
        collectgarbage()
        assert(calls == 2, calls)
        assert(debug.gethook())
    ]])
end)

test("on_soft may raise", function()
    run('{ soft = "1M", on_soft = function() error "too much" end }', [[
        local ok, message = pcall(function()
            local t = {}
            for i = 1, 100000 do t[i] = { i } end
        end)
        assert(not ok and message:find "too much", message)
    ]])
end)

test("scopes", function()
    run("{}", [[
        local kept
        do
            local a <close> = m:scope "a"
            kept = ("x"):rep(100000)
            do
                local b <close> = m:scope "b"
                kept = { kept, ("y"):rep(200000) }
            end
            kept[3] = ("z"):rep(1000)
        end
        local s = total().scopes
        assert(s.a >= 101000 and s.a < 104000, s.a)
        assert(s.b >= 200000 and s.b < 202000, s.b)
        kept = nil
        collectgarbage()
        s = total().scopes
        assert(s.a < 2000 and s.b < 2000, "freed outside")
        local many = {}
        for i = 1, 300 do many[i] = false end -- the array grows here
        for i = 1, 300 do
            local scope <close> = m:scope("scope " .. i)
            many[i] = ("x"):rep(1000 + i)
        end
        s = total().scopes
        for i = 1, 300 do
            assert(s["scope " .. i] >= 1000 + i and s["scope " .. i] < 4000, i)
        end
    ]])
end)

test("scopes that are closed in another order, or collected", function()
    run("{}", [[
        local a = m:scope "a"
        local b = m:scope "b"
        a:close()
        a:close()
        local kept = { ("x"):rep(5000) }
        assert(total().scopes.b >= 5000)
        b = nil
        collectgarbage()
        local before = total().scopes.main
        kept[2] = ("y"):rep(7000)
        assert(total().scopes.main >= before + 7000)
    ]])
end)

test("after close, blocks leave", function()
    run("{}", [[
        local kept = {}
        for i = 1, 1000 do kept[i] = { ("x"):rep(i) } end
        local held = total().allocated
        assert(m:close())
        assert(tostring(m) == "meter (closed)")
        assert(la.meter() == nil)
        for _, method in ipairs { "close", "scope" } do
            local ok, message = pcall(m[method], m, "x")
            assert(not ok and message:find "this meter is closed", message)
        end
        for i = 1, 1000 do kept[i] = { kept[i][1] .. "y" } end
        collectgarbage()
        assert(m:stats().allocated < held / 2)
        local second = assert(la.adopt{ arena = "shared" })
        assert(la.meter() == second)
        for i = 1, 1000 do kept[i] = { kept[i][1] .. "y" } end
        assert(second:stats().allocated > 300000)
        assert(second:close())
    ]])
end)

test("misuse", function()
    run("{}", [[
        local function refused(pattern, f, ...)
            local ok, message = pcall(f, ...)
            assert(not ok and message:find(pattern), message)
        end
        local r, message, code = la.adopt{}
        assert(r == nil and code == "EAGAIN" and message:find "has a meter already", message)
        refused("there is no option 'limits'; allowed: arena, limit, on_soft, soft", la.adopt, { limits = 1 })
        refused("limit: bytes", la.adopt, { limit = "x" })
        refused("limit: bytes", la.adopt, { limit = -1 })
        refused("limit: bytes", la.adopt, { limit = 0 / 0 })
        refused("a table of options expected, got string", la.adopt, "64M")
        refused("on_soft: a function expected, got number", la.adopt, { on_soft = 1 })
        refused("arena: 'new', 'shared' or an index", la.adopt, { arena = "x" })
        refused("arena: 'new', 'shared' or an index", la.adopt, { arena = -1 })
        refused("soft: bytes", m.set, m, { soft = {} })
        refused("a table of limits expected, got nil", m.set, m)
        refused("a name expected, got no value", m.scope, m)
        refused("not an empty one", m.scope, m, "")
        refused("without zero bytes", m.scope, m, "a\0b")
        refused("bad self", m.stats, io.stdout)
    ]])
end)

test("a limit below what is in use is refused", function()
    run("{}", [[
        m:close()
        local r, message, code = la.adopt { limit = 1000 }
        assert(r == nil and code == "EAGAIN", code)
        local bytes = message:match "^adopt: a limit of 1000 bytes is less than the (%d+) bytes that are in use$"
        assert(math.abs(bytes - collectgarbage "count" * 1024) < 20000)
        assert(la.meter() == nil)
        assert(la.adopt { limit = math.ceil(collectgarbage "count") * 1024 + 100000 })
    ]])
end)

test("at the limit, another one can be set", function()
    run("{ limit = '2M' }", [[
        local none, wrong, odd = { limit = 0 }, { limit = "nonsense" }, setmetatable({ limit = "3M" }, {})
        local kept = {}
        local function fill(n)
            for i = #kept + 1, n do kept[i] = { i } end
        end
        local last = {}
        local function to_the_last_bytes()
            for _ = 1, 1e9 do last = { last } end
        end
        assert(not pcall(fill, 1e9))
        assert(not pcall(to_the_last_bytes))
        assert(not pcall(string.rep, "y", 2000))
        m:set(none)
        assert(m:stats().limit == nil)
        fill(#kept + 10000)
        local ok, message = pcall(m.set, m, wrong)
        assert(not ok and message:find "limit: bytes", message)
        m:set(odd)
        assert(m:stats().limit == 3 << 20)
        local high = pcall(fill, 1e9)
        kept = nil
        collectgarbage()
        assert(not high and m:stats().peak <= 3 << 20, m:stats().peak)
    ]])
end)

test("a small state is in the shared arena, a large one has its own", function()
    run("{}", [[
        local kept, arena = {}, total().arena
        assert(arena > 0)
        for i = 1, 1000 do kept[i] = { i } end
        assert(total().arena == arena)
        for i = 1, 30000 do kept[i] = { i } end
        assert(total().arena ~= arena)
        m:close()
        assert(la.adopt { arena = "shared" }:stats().arena == arena)
    ]])
end)

test("an arena that is given", function()
    run("{ arena = 0 }", "assert(total().arena == 0)")
    run("{ arena = 'shared' }", "assert(total().arena > 0)")
    run("{}", "m:close() local r, message, code = la.adopt{ arena = 4000 } assert(r == nil and code == 'EAGAIN', code)")
end)
