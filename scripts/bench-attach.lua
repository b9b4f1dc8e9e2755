-- bench-attach.lua WHAT PID [N [MS]] -- measures for bench-attach, which see. Prints numbers.

local la = require "lunalloc"
local core = require "lunalloc.core"

local what, pid, n = arg[1], math.tointeger(arg[2]), math.tointeger(arg[3] or "1")

local function now()
    return la.stats().time / 1e6 -- ms
end

local function median(times)
    table.sort(times)
    return times[(#times + 1) // 2]
end

local function walk(way)
    local t <close> = assert(la.attach(pid, { way = way, timeout = 60, wait = 20 }))
    local start, count, extent = now(), 0, {}
    local _, walker = t.extents()
    while walker:fill(extent) do
        count = count + 1
    end
    return now() - start, count
end

local modes = {}

--- ms until the first figures, by an agent that has to be started.
function modes.first()
    local start = now()
    local t = assert(la.attach(pid, { way = "request", wait = 20 }))
    assert(t.stats().allocated > 0)
    print(("%.2f"):format(now() - start))
end

--- ms of one request, and of la.stats(), medians.
function modes.round_trip()
    local t = assert(la.attach(pid, { way = "agent" }))
    local gets, stats = {}, {}
    for i = 1, n do
        local start = now()
        t.get "arenas.narenas"
        gets[i] = now() - start
        start = now()
        t.stats()
        stats[i] = now() - start
    end
    print(("%.3f %.3f"):format(median(gets), median(stats)))
end

--- Seconds for all extents, and how many there are.
function modes.walk()
    local ms, count = walk(arg[3])
    print(("%.2f %d"):format(ms / 1000, count))
end

--- Attaches and detaches n times; each time reads one figure. Starts one every MS milliseconds, or without a pause.
function modes.cycles()
    local interval = tonumber(arg[4] or 0) / 1000
    local start = now() / 1000
    for i = 1, n do
        local t = assert(la.attach(pid, { timeout = 20 }))
        assert(t.get "stats.allocated" > 0)
        t.close()
        core.pause(math.max(0, start + i * interval - now() / 1000))
    end
    print(n)
end

modes[what]()
