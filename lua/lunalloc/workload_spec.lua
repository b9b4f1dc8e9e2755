--- The keys of la.workload{...}: their types, units and defaults, and the messages for wrong ones.
---
---     canonical, allocator, limits = spec.compile(description)     raises one line without a position
---     change = spec.change(settings, allocator)                            for w:set{}
---
--- compile() turns a description into the canonical table that the core reads: every key is present, bytes and
--- nanoseconds are integers. Distributions remain texts, which the core parses.

local core = require "lunalloc.core"
local kinds = require "lunalloc.workload_kinds"
local units = require "lunalloc.units"
local curve = require "lunalloc.workload_curve"
local rows = require "lunalloc.workload_rows"
local limits = require "lunalloc.workload_limits"
local settings = require "lunalloc.workload_settings"
local io = require("lunalloc.host").io

local fail, shown, read = kinds.fail, kinds.shown, kinds.read
local whole, count, ratio, array = kinds.whole, kinds.count, kinds.ratio, kinds.array

local HUGE <const> = kinds.HUGE

local spec = {}

-- ---- changes -------------------------------------------------------------------------------------------------------

local CHANGE <const> = {
    scale = { curve.kind(ratio(0, 1e6)) },
    rate = { curve.kind(kinds.rate) },
    set = { settings.read, {} },
    mark = { kinds.text },
}

local PHASE <const> = { at = { kinds.time } }
for key, field in pairs(CHANGE) do
    PHASE[key] = field
end

local function read_phases(value, path)
    local phases, elements = {}, array(value, path)
    if #elements > 1000 then
        fail("%s has %d phases: at most 1000 expected", path, #elements)
    end
    for i, element in ipairs(elements) do
        phases[i] = read(element, PHASE, ("%s[%d]"):format(path, i))
        if not phases[i].at then
            fail('%s[%d]: at is missing: the time of the phase, such as "3s"', path, i)
        end
    end
    return phases
end

--- A phase that is never due would be ignored.
local function check_times(phases, ns)
    for i, phase in ipairs(phases) do
        if ns > 0 and phase.at >= ns then
            fail("phases[%d].at = %s: the run is over then: its duration is %s", i, units.human_time(phase.at),
                units.human_time(ns))
        end
    end
end

-- ---- the whole -----------------------------------------------------------------------------------------------------

local function duration(value, path)
    if value == "forever" then
        return 0
    end
    local ns = kinds.time(value, path)
    return ns > 0 and ns or fail('%s = %s: a time above 0, or "forever", expected', path, shown(value))
end

--- "process" or "lunalloc". The malloc of this process can be named, so that a script fails on any other one.
local function allocator(value, path)
    local name, title = core.workload.process()
    if value == "lunalloc" and name ~= "lunalloc" then
        return value
    elseif value == "process" or value == name then
        return "process"
    end
    fail('%s = %s: "process" or %q, which is the malloc of this process (%s), or "lunalloc" expected; another one ' ..
        "is preloaded (LD_PRELOAD; la.allocators() has the paths)", path, shown(value), name, title)
end

local TRACE <const> = { file = { kinds.path }, touch = { kinds.share, 1 }, writes = { count(0, 1000000), 1 },
    speed = { ratio(0, 1e6), 0 } }

--- trace = "path", or { file = "path", touch =, writes =, speed = }.
local function trace(value, path)
    local found = read(type(value) == "table" and value or { file = value }, TRACE, path)
    return found.file and found or fail("%s: file is missing: the path of a trace", path)
end

--- What a trace itself tells, or what has no meaning in a replay.
local BESIDES_TRACE <const> = { "mix", "threads", "seed", "ops", "rate", "scale", "live_max" }

local function refuse_besides_trace(description, run)
    for _, key in ipairs(BESIDES_TRACE) do
        if description[key] ~= nil then
            fail("%s does not go with trace, which tells what is allocated and by which threads", key)
        end
    end
    for i, phase in ipairs(run.phases) do
        if phase.scale or phase.rate then
            fail("phases[%d]: %s does not go with trace", i, phase.scale and "scale" or "rate")
        end
    end
end

local RUN <const> = {
    trace = { trace },
    threads = { whole(1, 512), 1 },
    seed = { whole(math.mininteger, math.maxinteger), 1 },
    duration = { duration },
    ops = { count(1, HUGE), 0 },
    rate = { curve.kind(kinds.rate), 0 },
    scale = { curve.kind(ratio(0, 1e6)), 1 },
    mix = { rows.read },
    phases = { read_phases, {} },
    verify = { kinds.flag, false },
    limits = { function(value) return value end, {} },
    allocator = { allocator },
    sample = { count(1, 1 << 30), 16 },
    live_max = { kinds.size },
    interval = { kinds.time },
}

--- Half of the available memory: a mistake in a lifetime must not take the machine down.
local function default_live_max()
    local file = io.open "/proc/meminfo"
    local kib = file and file:read("a"):match "MemAvailable:%s*(%d+)"
    if file then
        file:close()
    end
    return kib and math.tointeger(kib) * 512 or 1 << 30
end

--- 250 entries over the duration, 20 ms to 1 s apart.
local function default_interval(ns)
    return ns == 0 and 100000000 or math.max(20000000, math.min(1000000000, ns // 250))
end

--- The canonical form of the argument of w:set{}, a phase without a time, for a workload on the allocator `which`.
function spec.change(changes, which)
    local change = read(changes, CHANGE, "")
    settings.refuse(change.set, which, "")
    return change
end

function spec.compile(description)
    if type(description) ~= "table" then
        fail("a description {...} expected, got %s", type(description))
    end
    local run = read(description, RUN, "")
    if run.trace then
        refuse_besides_trace(description, run)
        local written = { size = 1, lifetime = 0, touch = run.trace.touch, writes = run.trace.writes }
        run.speed = run.trace.speed
        run.trace, run.mix = run.trace.file, rows.read({ written }, "trace")
    end
    run.mix = run.mix or rows.read(rows.DEFAULT, "mix")
    run.duration = run.duration or ((run.ops > 0 or run.trace) and 0 or 10000000000)
    run.live_max = run.live_max or default_live_max()
    run.interval = math.max(1000000, run.interval or default_interval(run.duration))
    local bounds, which = run.limits, run.allocator or "process"
    check_times(run.phases, run.duration)
    for i, phase in ipairs(run.phases) do
        settings.refuse(phase.set, which, ("phases[%d]."):format(i))
    end
    bounds = limits.compile(bounds, "limits", #run.phases)
    run.limits, run.allocator = nil, nil
    return run, which, bounds
end

return spec
