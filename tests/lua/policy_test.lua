-- lunalloc.policy, and the steps of scripts/policies/*.lua on allocators that the test makes up: what each does, and
-- when it does nothing. tests/programs/policies.sh runs them on real processes.

local test = ...
local la = require "lunalloc"
local policy = require "lunalloc.policy"

local FOLDER <const> = "scripts/policies/"

--- An allocator that remembers the controls that were set.
local function fake(functions)
    local t = { sets = {} }
    function t.set(name)
        t.sets[#t.sets + 1] = name
        return true
    end
    return setmetatable(t, { __index = functions })
end

local function one_step(result)
    return policy.new { name = "one", does = "one thing", options = { size = { "size", "4K", "a size" } },
        start = function() return result end }
end

-- ---- the frame ------------------------------------------------------------------------------------------------------

test("an option gets the default, a quantity, or a complaint in the caller's line", function()
    local seen
    local p = policy.new { name = "p", does = "nothing", options = { size = { "size", "4K", "" },
        share = { "ratio", "50%", "" }, time = { "time", "10ms", "" }, word = { "text", nil, "" } },
        start = function(_, options) seen = options return function() end end }
    p { size = "1M" }
    test.equal(seen.size, 1 << 20)
    test.equal(seen.share, 0.5)
    test.equal(seen.time, 0.01)
    test.equal(seen.word, nil)
    test.raises("policy_test.lua:%d+: p: no option 'sise'; did you mean 'size'%? %(there are: every ",
        function() p { sise = 1 } end)
    test.raises("p: size is bytes, or a text such as .*, not 'x'", p, { size = "x" })
    test.raises("p: word is a text, not 5", p, { word = 5 })
    test.raises("p: no option a table", p, { [{}] = 5 })
    test.equal(tostring(p), "policy p: nothing")
end)

test("a description that is none is refused in the caller's line", function()
    local function start() end
    for _, bad in ipairs { { 5, "a description expected, got number" }, { {}, "name and does are texts" },
        { { name = "p", does = "" }, "start is a function" }, { { name = "p", does = "", start = start, options = 5 },
        "options are" }, { { name = "p", does = "", start = start, options = { a = { "weight", 1, "" } } }, "kinds: " },
        { { name = "p", does = "", start = start, options = { { "size", 1, "" } } }, "options are" } } do
        test.raises("^[^:]*policy_test.lua:%d+: bad argument #1 to 'policy.new' %(.*" .. bad[2], function()
            policy.new(bad[1])
        end)
    end
    local p = policy.new { name = "p", does = "", start = start }
    test.raises("policy_test.lua:%d+: bad argument #1 to 'p' %(a table of options expected, got number%)", function()
        p(5)
    end)
    test.raises("policy_test.lua:%d+: bad argument #1 to 'p' %(a table of options expected", function() p:run "x" end)
    for _, bad in ipairs { 0 / 0, math.huge, -1, "1x" } do
        test.raises("policy_test.lua:%d+: p: every is seconds, or a text such as", function() p { every = bad } end)
    end
end)

test("a step that fails returns nil, message, code; an error passes", function()
    local step = one_step(function() policy.try(nil, "gone", "ESRCH") end) {}
    local value, message, code = step()
    test.equal(value, nil)
    test.equal(message, "gone")
    test.equal(code, "ESRCH")
    test.raises("a bug", (one_step(function() error "a bug" end) {}))
    test.equal(one_step(function() return (policy.try(nil)) end) {}(), nil)
end)

test("a policy that cannot start says why", function()
    local p = policy.new { name = "p", does = "", start = function() policy.try(nil, "no", "ENOENT") end }
    local step, message, code = p {}
    test.equal(step, nil)
    test.equal(message, "no")
    test.equal(code, "ENOENT")
end)

test("run: makes that many steps, undoes what was set, ends with 2 if the process is gone", function()
    local said, steps, undone = {}, 0, 0
    local print_ = print
    print = function(text) said[#said + 1] = text end
    local ok, problem = pcall(function()
        local p = policy.new { name = "p", does = "", start = function()
            return function()
                steps = steps + 1
                if steps == 5 then
                    policy.try(nil, "process 7 is gone", "ESRCH")
                end
                return steps == 2 and "did it" or nil
            end, function() undone = undone + 1 end
        end }
        test.equal(p:run { rounds = 3, every = 0 }, 0)
        test.equal(steps, 3)
        test.equal(undone, 1)
        test.match(table.concat(said, "\n"),
            "p: watches this process\n[%d:]+ p: did it\n[%d:]+ p: ends: 1 of 3 steps had something to do")
        local stderr = io.stderr
        io.stderr = io.tmpfile()
        local status = p:run { every = 0 }
        io.stderr:close()
        io.stderr = stderr
        test.equal(status, 2)
        test.equal(undone, 1)
    end)
    print = print_
    assert(ok, problem)
end)

-- ---- the policies ---------------------------------------------------------------------------------------------------

local function counters(dirty)
    local stats = { dirty = 0, muzzy = 0, cached = 0, purged = 0, arenas = {} }
    for i, bytes in ipairs(dirty) do
        stats.arenas[i] = { arena = i, dirty = bytes, muzzy = 0 }
        stats.dirty = stats.dirty + bytes
    end
    return stats
end

test("dirty_cap: purges the fullest arenas, until the rest is within the limit", function()
    local now = counters { 10, 500, 30, 200, 0 }
    local t = fake { stats = function() return now end }
    local step = dofile(FOLDER .. "dirty_cap.lua")({ limit = 240 }, t)
    test.match(step(), "740 B were free, 0 B given back from 1 arena$")
    test.equal(table.concat(t.sets, " "), "arena.2.purge")
    now = counters { 10, 0, 30, 200, 0 }
    test.equal(step(), nil)
    now = counters { 10, 0, 31, 200, 0 }
    test.match(step(), "1 arena$")
    test.equal(table.concat(t.sets, " "), "arena.2.purge arena.4.purge")
end)

test("dirty_cap: free pages of this process go", function()
    do
        local buffers = {}
        for i = 1, 64 do
            buffers[i] = assert(la.buffer "256K"):fill(1)
        end
        for _, buffer in ipairs(buffers) do
            buffer:free()
        end
    end
    local step = dofile(FOLDER .. "dirty_cap.lua") { limit = 0 }
    assert(la.stats().dirty > 0)
    test.match(step(), "MiB were free, [%d.]+ MiB given back from")
end)

--- A folder like one of the kernel's, which is gone at the end of the scope.
local function folder_with(files)
    local path = os.tmpname()
    os.remove(path)
    assert(os.execute("mkdir " .. path))
    local folder = setmetatable({ path = path }, {
        __close = function() os.execute("rm -r " .. path) end,
        __newindex = function(_, name, text) assert(io.open(path .. "/" .. name, "w")):write(text):close() end,
    })
    for name, text in pairs(files) do
        folder[name] = text
    end
    return folder
end

local function purging()
    local t = fake { stats = function() return { dirty = 8 << 20, muzzy = 0, cached = 0 } end }
    t.purges = 0
    function t.purge()
        t.purges = t.purges + 1
        return "RSS 8 MiB before, 1 MiB after\n  thread 5"
    end
    return t
end

test("cgroup: version 2, near memory.high, or while tasks wait", function()
    local dir <close> = folder_with { ["memory.current"] = "89000000\n", ["memory.high"] = "max\n",
        ["memory.max"] = "100000000\n", ["memory.pressure"] = "some avg10=0.00 avg60=9.00 avg300=9.00 total=5\n"
        .. "full avg10=9.00 avg60=0.00 avg300=0.00 total=0\n" }
    local t = purging()
    local step = dofile(FOLDER .. "cgroup.lua")({ dir = dir.path }, t)
    test.equal(step(), nil)
    dir["memory.current"] = "90000001\n"
    test.match(step(), "^85.8 MiB of 95.4 MiB in use, tasks waited 0 %% of the time: RSS 8 MiB before, 1 MiB after$")
    dir["memory.high"] = "200000000\n"
    test.equal(step(), nil)
    dir["memory.pressure"] = "some avg10=5.00 avg60=9.00 avg300=9.00 total=5\n"
    test.match(step(), "tasks waited 5 %% of the time")
    test.equal(t.purges, 2)
end)

test("cgroup: nothing that is worth a purge is left alone", function()
    local dir <close> = folder_with { ["memory.current"] = "95\n", ["memory.high"] = "100\n" }
    local t = purging()
    local step = dofile(FOLDER .. "cgroup.lua")({ dir = dir.path, least = "9M" }, t)
    test.equal(step(), nil)
    test.equal(t.purges, 0)
end)

test("cgroup: version 1 has other names, and a number for no limit", function()
    local dir <close> = folder_with { ["memory.usage_in_bytes"] = "95\n",
        ["memory.soft_limit_in_bytes"] = "9223372036854771712\n", ["memory.limit_in_bytes"] = "100\n",
        ["memory.pressure"] = "some avg10=0.00" }
    local group = assert(require "lunalloc.cgroup".of(nil, dir.path))
    test.equal(group:usage(), 95)
    test.equal(group:limit(), 100)
    dir["memory.soft_limit_in_bytes"] = "70\n"
    test.equal(group:limit(), 70)
    dir["memory.soft_limit_in_bytes"], dir["memory.limit_in_bytes"] = "9223372036854771712\n", "9223372036854771712\n"
    test.equal(group:limit(), nil)
    test.equal(dofile(FOLDER .. "cgroup.lua")({ dir = dir.path }, purging())(), nil)
end)

test("cgroup: a folder that is none says so", function()
    local step, message, code = dofile(FOLDER .. "cgroup.lua") { dir = "/nowhere" }
    test.equal(step, nil)
    test.equal(message, "no memory.current or memory.usage_in_bytes in /nowhere")
    test.equal(code, "ENOENT")
end)

test("idle_flush: asks each idle thread once, until it has worked", function()
    local flushed = {}
    local function thread(tid, idle, cached, result, code)
        return { tid = tid, idle = idle, cached = cached, requests = 7, flush = function(self)
            flushed[#flushed + 1] = self.tid
            return result, "sleeps", code
        end }
    end
    local sleeper = thread(2, 90, 1 << 20, nil, "ETIMEDOUT")
    local threads = { thread(1, 90, 2 << 20, true), sleeper, thread(3, 5, 1 << 20, true), thread(4, 90, 100, true) }
    local step = dofile(FOLDER .. "idle_flush.lua")({}, fake { threads = function() return threads end })
    test.equal(step(), "idle threads: 1 emptied their caches (2.00 MiB), 1 sleep, and will do so when they wake")
    test.equal(table.concat(flushed, " "), "1 2")
    test.equal(step(), nil)
    sleeper.requests = 8
    test.equal(step(), "idle threads: 0 emptied their caches (0 B), 1 sleep, and will do so when they wake")
    test.equal(table.concat(flushed, " "), "1 2 2")
    sleeper.flush = function() return nil, "process 7 is gone", "ESRCH" end
    sleeper.requests = 9
    test.equal(select(3, step()), "ESRCH")
end)

--- Calls it while os.date says that it is that time.
local function at(time, body)
    local date = os.date
    os.date = function() return time end
    local ok, result = pcall(body)
    os.date = date
    return assert(ok and { result } or nil, result)[1]
end

test("night_purge: once a night, in a quiet moment", function()
    local requests, t = 0, purging()
    function t.stats()
        return setmetatable({}, { __sub = function() return { rates = { nrequests = requests } } end })
    end
    local step = dofile(FOLDER .. "night_purge.lua")({ from = "23:30", to = "05:00" }, t)
    test.equal(at("12:00", step), nil)
    test.equal(at("23:29", step), nil)
    requests = 5000
    test.equal(at("23:30", step), nil)
    requests = 999
    test.equal(at("04:59", step), "RSS 8 MiB before, 1 MiB after")
    test.equal(at("04:59", step), nil)
    test.equal(at("05:00", step), nil)
    test.equal(at("00:00", step), "RSS 8 MiB before, 1 MiB after")
    test.equal(t.purges, 2)
end)

test("night_purge: a time that is none", function()
    for _, bad in ipairs { "x", "25:00", "02:60", "2" } do
        local step, message, code = dofile(FOLDER .. "night_purge.lua")({ from = bad }, purging())
        test.equal(step, nil)
        test.equal(message, ("a time such as 02:30 expected, not '%s'"):format(bad))
        test.equal(code, "EINVAL")
    end
end)

test("frame_budget: gives back only what fits into the rest of the frame", function()
    local dirty, speed, clock, purges, restored = 16 << 20, 1 << 30, 0, 0, false
    local t = { arenas = function() return { { index = 0 }, { index = 3 } } end }
    function t.with(settings)
        test.equal(settings["arena.0.dirty_decay_ms"], -1)
        test.equal(settings["arena.3.dirty_decay_ms"], -1)
        return { restore = function() restored = true end }
    end
    function t.get(name)
        return name == "stats.dirty" and dirty or math.floor(clock * 1e9)
    end
    function t.set()
        clock, purges = clock + dirty / speed, purges + 1
        return true
    end
    local step, undo = dofile(FOLDER .. "frame_budget.lua")({ speed = "1G", cap = "100M" }, t)
    test.equal(step(0.015), nil) -- 16 MiB need 15.6 ms
    test.equal(step(0.016), "16.0 ms left, 16.0 MiB given back in 15.6 ms")
    speed = 1 << 33
    step(0.016)
    test.equal(step(0.001), nil)
    test.equal(step(0.003), "3.0 ms left, 16.0 MiB given back in 2.0 ms") -- it has learned that it is fast
    dirty = 101 << 20
    test.match(step(-1), "^%-1000.0 ms left, 101 MiB given back")
    dirty = 3 << 20
    test.equal(step(0.016), nil)
    test.equal(purges, 4)
    dirty, speed = 16 << 20, 1 << 29
    step(1)
    test.equal(step(0.02), nil) -- one slow purge is no measure for ever
    for _ = 1, 5 do step(0.02) end
    test.equal(purges, 6)
    undo()
    test.equal(restored, true)
end)

test("lua_limit: above the soft limit the state collects, and then more often, until there is room", function()
    local pause = collectgarbage("setpause", 200)
    local step, undo = assert(dofile(FOLDER .. "lua_limit.lua") { soft = "32M", limit = "64M" })
    local function in_use()
        return collectgarbage "count" * 1024
    end
    test.equal(step(), nil)
    collectgarbage "stop" -- so all of it is garbage that only the policy collects
    local least = 32 << 20
    for i = 1, 2500 do -- 50 MB
        local _ = ("x"):rep(10000) .. i
        least = i > 1800 and math.min(least, in_use()) or least
    end
    collectgarbage "restart"
    test.equal(least < 16 << 20, true)
    test.match(step(), "^32[%d.]* MiB were in use: collected, now [%d.]+ [KM]iB$")
    local kept = {}
    while in_use() < 33 << 20 do
        kept[#kept + 1] = ("x"):rep(10000) .. #kept
    end
    test.match(step(), "^32[%d.]* MiB were in use: collected, now 3%d[%d.]* MiB, which is above the soft limit$")
    test.equal(collectgarbage("setpause", 112), 112)
    kept = nil
    collectgarbage()
    test.match(step(), "in use: collecting as usual$")
    test.equal(step(), nil)
    test.equal(collectgarbage("setpause", 200), 200)
    local ok, message = pcall(function()
        local all = {}
        while true do
            all[#all + 1] = ("x"):rep(10000) .. #all
        end
    end)
    test.equal(ok, false)
    test.equal(message, "not enough memory")
    undo()
    collectgarbage()
    test.equal(#("x"):rep(70 << 20), 70 << 20) -- no limit any more
    test.equal(collectgarbage("setpause", pause), 200)
end)

test("lua_limit: limits no other process", function()
    local step, message, code = dofile(FOLDER .. "lua_limit.lua")({}, { pid = 7 })
    test.equal(step, nil)
    test.equal(message, "lua_limit: a Lua state is limited by itself, not from another process")
    test.equal(code, "ENOTSUP")
end)
