-- The console's own Lua state is apart from the load beside the prompt.

local test = ...
local la = require "lunalloc"

local function needs_console()
    if not package.preload["lunalloc.exec"] or not la.replaced then
        test.skip "this is not the console, or not on lunalloc"
    end
end

local function last_allocated(w)
    local timeline = w:timeline()
    return timeline[#timeline].allocated
end

test("what Lua allocates while a workload runs is not in the figures of the workload", function()
    needs_console()
    local w <close> = la.workload { duration = "forever", rate = 1000, interval = "5ms",
        mix = { { size = 100, lifetime = 10 } } }
    assert(la.meter():stats().arena ~= 0)
    assert(w:start())
    while #w:timeline() < 2 do
        w:wait(0.01)
    end
    local before, all = last_allocated(w), la.get "stats.allocated"
    local kept = {}
    for i = 1, 16 do
        kept[i] = ("x"):rep(1 << 20) .. i
    end
    assert(w:set { mark = "filled" })
    assert(la.get "stats.allocated" - all > 15 << 20, #kept)
    assert(last_allocated(w) - before < 8 << 20)
end)

test("la.adopt gives the console's own meter its limits, once", function()
    needs_console()
    local made = la.workload { ops = 1 }
    local meter = la.meter()
    test.equal(la.adopt { limit = "4G" }, meter)
    test.equal(meter:stats().limit, 4 << 30)
    test.fails("EAGAIN", "has a meter already", la.adopt())
    meter:set { limit = false }
    test.match(tostring(made), "^workload of 1 thread")
end)

test("elsewhere no state is moved to an arena of its own", function()
    if package.preload["lunalloc.exec"] then
        test.skip "this is the console"
    end
    local before = la.meter()
    test.equal(la.workload { ops = 1, mix = { { size = 1, lifetime = 1 } } }:run().ok, true)
    test.equal(la.meter(), before)
end)
