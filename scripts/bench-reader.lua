-- bench-reader.lua PID EXTENTS -- the measurements of bench-reader.

local la = require "lunalloc"

local pid, extents = math.tointeger(arg[1]), math.tointeger(arg[2])

--- Median of five, milliseconds. The clock is a control of this process's own.
local function median(call)
    local times = {}
    for i = 1, 5 do
        local begin = la.stats().time
        call()
        times[i] = (la.stats().time - begin) / 1e6
    end
    table.sort(times)
    return times[3]
end

local function show(what, ms)
    print(("%-40s %10.3f ms"):format(what, ms))
    return ms
end

show("attach", median(function()
    assert(la.attach(pid, { way = "memory" })).close()
end))
local t <close> = assert(la.attach(pid, { way = "memory" }))
local snapshot = show("a snapshot of all statistics", median(function() assert(t.stats()) end))
show("one control", median(function() assert(t.get "arena.0.dirty_decay_ms") end))

-- Filtered, so that Lua gets none of them.
local walk = show("a walk over all extents", median(function()
    for _ in t.extents { min_size = 1 << 46 } do
        error "no extent is so large"
    end
end))
local n
show("the same, each extent in Lua", median(function()
    n = 0
    for _ in t.extents() do
        n = n + 1
    end
end))
print(("%d extents, %s"):format(n, t.consistent and "consistent" or "not consistent"))
local slow = walk > 1000 * math.max(1, extents / 1e6)
print(slow and "the walk takes more than a second" or snapshot > 1 and "a snapshot takes more than a millisecond" or
    "within the limits")
os.exit(not slow and snapshot <= 1)
