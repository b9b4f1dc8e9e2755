-- Lua's memory runs out at the n-th allocation, for n = 0, 1, 2 ... until there is enough: what changes settings or
-- holds resources does all of it, or nothing. Run by hostile.c.

local test = ...
local la = require "lunalloc"
local core = require "lunalloc.core"

local MOST <const> = 2000

--- Tries f with more and more memory. When it runs out, unchanged() must hold. From `fine` allocations on, in steps.
local function sweep(unchanged, f, fine)
    local n, step = -1, 1
    while n < MOST do
        step = n >= (fine or MOST) and n // 8 or 1
        n = n + step
        local refused, ok, result, message = hostile.attempt(n, f)
        if ok and not refused then
            assert(result, message)
            return n
        end
        -- An error that Lua could not even word is one, too; and so is one that is caught inside.
        test.equal(not ok or result == nil or refused, true)
        if ok and result then
            return n -- it did without
        end
        unchanged(n)
    end
    error "it never succeeds"
end

local DECAY <const>, MUZZY <const> = "arena.0.dirty_decay_ms", "arena.0.muzzy_decay_ms"

local CHANGES <const> = { [DECAY] = 17, [MUZZY] = 18.0, ["arenas.junk"] = true, ["arenas.quarantine"] = "64K",
    ["thread.tcache.enabled"] = false, ["arenas.dirty_max"] = -1 }

--- The values of those controls, as one text.
local function picture()
    local parts = {}
    for _, name in ipairs { DECAY, MUZZY, "arenas.junk", "arenas.quarantine", "thread.tcache.enabled",
        "arenas.dirty_max" } do
        parts[#parts + 1] = ("%s=%s"):format(name, tostring(la.get(name)))
    end
    return table.concat(parts, " ")
end

test("with sets all or none", function()
    local before = picture()
    local tried = sweep(function(n)
        test.equal(picture(), before, "after allocation " .. n)
    end, function()
        return la.with(CHANGES):restore() == nil
    end)
    test.equal(tried > 10, true, "allocations")
    test.equal(picture(), before)
end)

test("with restores when there is no memory at all", function()
    local before = picture()
    for _, way in ipairs { "restore", "close" } do
        local guard = assert(la.with(CHANGES))
        test.equal(la.get(DECAY), 17)
        local refused, ok = hostile.attempt(0, way == "restore" and guard.restore or getmetatable(guard).__close, guard)
        test.equal(ok, true)
        test.equal(refused, false)
        test.equal(picture(), before, way)
    end
end)

test("a scope that runs out of memory puts the settings back", function()
    local before = picture()
    for n = 0, 200 do
        hostile.attempt(n, function()
            local _ <close> = assert(la.with(CHANGES))
            local list = {}
            for i = 1, 1000 do
                list[i] = {}
            end
        end)
        test.equal(picture(), before, "after allocation " .. n)
    end
end)

test("with that is refused puts back what was set", function()
    local before = picture()
    local changes = { [DECAY] = 1, ["arena.0.muzzy_decay_ms"] = "never" }
    for n = 0, 100 do
        local refused, ok, guard = hostile.attempt(n, la.with, changes)
        test.equal(picture(), before, "after allocation " .. n)
        test.equal(not ok or guard == nil, true)
        if not refused then
            return
        end
    end
    error "it never fails in an ordinary way"
end)

test("set changes the value or raises", function()
    for _, value in ipairs { 4242, 4243.0, "4244" } do
        local guard <close> = la.with { [DECAY] = 100 }
        sweep(function(n)
            test.equal(la.get(DECAY), 100, "after allocation " .. n)
        end, function()
            return la.set(DECAY, value)
        end)
        test.equal(la.get(DECAY), math.tointeger(tonumber(value)))
    end
end)

local function narenas()
    return #la.arenas()
end

test("arena.create makes an arena with all of its settings, or none", function()
    for _, hooks in ipairs { false, true } do
        local before = narenas()
        local made
        sweep(function(n)
            made = nil
            test.equal(narenas(), before, "after allocation " .. n)
        end, function()
            made = la.arena.create { dirty_decay_ms = 77, muzzy_decay_ms = 78, hooks = hooks and "counting" or nil }
            return made
        end)
        test.equal(narenas(), before + 1)
        test.equal(la.get(("arena.%d.dirty_decay_ms"):format(made.index)), 77)
        test.equal(la.get(("arena.%d.muzzy_decay_ms"):format(made.index)), 78)
        test.equal(made:hooks() ~= nil, hooks)
        assert(made:destroy())
    end
end)

local function prof_state()
    return tostring(la.get "prof.active") .. la.get "prof.lg_sample"
end

test("prof.start resets and starts, or neither", function()
    assert(la.prof.reset(19))
    assert(la.prof.stop())
    local before = prof_state()
    sweep(function(n)
        test.equal(prof_state(), before, "after allocation " .. n)
    end, function()
        return la.prof.start { lg_sample = 20 }
    end)
    test.equal(prof_state(), "true20")
    assert(la.prof.stop() and la.prof.reset(19))
end)

local function nthreads()
    for line in io.lines "/proc/self/status" do
        local n = line:match "^Threads:%s*(%d+)"
        if n then
            return tonumber(n)
        end
    end
end

--- Waits until the process has so many threads: one that was joined may be listed for a moment longer.
local function assert_threads(wanted)
    local deadline = os.time() + 30
    while nthreads() > wanted and os.time() < deadline do
    end
    test.equal(nthreads(), wanted, "threads")
end

local MIX <const> = { { size = 64, lifetime = 10 } }

test("a workload is made and started, or leaves nothing", function()
    local before, w = nthreads(), nil
    local function unchanged()
        test.equal(nthreads(), before)
    end
    local description = { duration = "forever", rate = 100, mix = MIX, live_max = "1G", interval = 1 }
    sweep(unchanged, function()
        w = la.workload(description)
        return w
    end, 20)
    local canonical, allocator = require "lunalloc.workload_spec".compile(description)
    sweep(unchanged, function()
        return core.workload.create(canonical, allocator)
    end)
    sweep(function()
        test.equal(w:status().state, "idle")
    end, function()
        return w:start()
    end)
    w:stop()
    assert_threads(before)
end)

test("a run that runs out of memory stops its threads", function()
    local before = nthreads()
    for n = 0, 30 do
        local w = la.workload { duration = "1s", rate = 100, mix = MIX }
        local refused, ok = hostile.attempt(n, w.run, w)
        test.equal(refused, not ok)
        if w.started then
            test.equal(w:status().state, "done", "after allocation " .. n)
            return
        end
    end
    assert_threads(before)
    error "it never starts"
end)

test("a change of a workload is made, or it raises", function()
    local w <close> = la.workload { allocator = "lunalloc", duration = "forever", rate = 100, mix = MIX }:start()
    local guard <close> = la.with { [DECAY] = 100 }
    sweep(function(n)
        test.equal(w:status().scale, 1.0, "after allocation " .. n)
        test.equal(la.get(DECAY), 100)
    end, function()
        return w:set { scale = 3, set = { [DECAY] = 101 }, mark = "now" }
    end)
    test.equal(w:status().scale, 3.0)
    test.equal(la.get(DECAY), 101)
end)

test("buffers, walkers, snapshots and reports raise, and leave nothing", function()
    local index = la.sizeclass "3M"
    local function live()
        return la.stats().classes[index].curregs
    end
    local before = live()
    local function unchanged(n)
        collectgarbage()
        test.equal(live(), before, "after allocation " .. n)
    end
    sweep(unchanged, function()
        local buffer <close> = la.buffer "3M"
        return buffer:resize("3M"):fill(1)
    end)
    sweep(unchanged, function()
        local n = 0
        for _ in la.extents() do
            n = n + 1
        end
        return n > 0 and la.extents_summary { by = "szind" }
    end, 20)
    sweep(unchanged, function()
        return tostring(la.stats() - la.stats())
    end, 20)
    sweep(unchanged, function()
        return la.describe(DECAY) and la.find(la.buffer(10)) and la.sizeclass(10)
    end, 20)
    collectgarbage()
    test.equal(live(), before)
end)

test("JSON, metrics and profiles raise, and leave nothing", function()
    local core = require "lunalloc.core"
    local snapshot = la.stats()
    local stacks, processes = {}, {}
    for i = 1, 40 do
        stacks[i] = { { i * 4096, 4096, 8192 }, i, i * 100 }
        processes[i] = { { "pid", tostring(i), "command", "x" }, { 1, i }, snapshot }
    end
    local gauges = { { "up", "count", "up" }, { "rss", "bytes", "resident" } }
    sweep(function() end, function()
        return core.json { stacks, { a = processes[1][1], b = { c = 1.5, d = { true } } } }
    end)
    sweep(function() end, function()
        return core.metrics(processes, gauges)
    end)
    sweep(function() end, function()
        return core.pprof(stacks, "00400000-00452000 r-xp 00000000 08:02 173521 /usr/bin/x\n", 1024, 5)
    end)
end)

test("a state that had no memory for the module gets it later, whole", function()
    local ok, problem = hostile.state [[
        local n, tries, ok, la = 0, 0, nil, nil
        repeat
            local _
            _, ok, la = hostile.attempt(n, require, "lunalloc")
            n, tries = n + n // 8 + 1, tries + 1
        until ok
        assert(tries > 30, "it takes that little")
        local buffer <close> = assert(la.buffer(100)):fill(1)
        assert(tostring(buffer):find "100 bytes")
        assert(getmetatable(buffer).__gc and getmetatable(buffer).__close)
        for _ in la.extents() do end
        assert(tostring(la.stats() - la.stats()):find "allocated")
        assert((la.stats() - la.stats()):tojson():find "^{")
        assert(la.with { ["arena.0.dirty_decay_ms"] = la.get "arena.0.dirty_decay_ms" }):restore()
        local w <close> = la.workload { ops = 10, mix = { { size = 10, lifetime = 10 } } }
        assert(w:run().ops == 10)
        assert(getmetatable(w.run_).__gc)
        for name in la.names() do
            assert(la.describe(name))
        end
    ]]
    test.equal(ok, true, problem)
end)
