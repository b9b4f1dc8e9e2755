--- The keys of la.workload{...}: their types, units and defaults, and the messages for wrong ones.
---
---     canonical, allocator, limits = spec.compile(description)     raises one line without a position
---     change = spec.change(settings)                               for w:set{}
---
--- compile() turns a description into the canonical table that the core reads: every key is present, bytes and
--- nanoseconds are integers. Distributions remain texts, which the core parses.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local units = require "lunalloc.units"

local spec = {}

local HUGE <const> = 1 << 62

-- A general-purpose load: mostly small and short-lived, some queued, a few large.
local DEFAULT_MIX <const> = {
    { weight = 70, size = "lognormal(64,1.2,4096)", lifetime = "exp(1000)" },
    { weight = 29, size = "lognormal(256,1,16K)", lifetime = "fifo(5000)" },
    { weight = 1, size = "uniform(64K,1M)", lifetime = "exp(50)" },
}

-- ---- messages ------------------------------------------------------------------------------------------------------

local function fail(format, ...)
    error("workload: " .. format:format(...), 0)
end

local function shown(value)
    return (check.shown(value):gsub("^'(.*)'$", '"%1"'))
end

local function sorted_keys(t)
    local keys = {}
    for key in pairs(t) do
        keys[#keys + 1] = tostring(key)
    end
    table.sort(keys)
    return keys
end

--- 'unknown key "thread"; did you mean "threads"? allowed: ...'
local function fail_unknown(what, name, known, allowed)
    local near = type(name) == "string" and core.nearest(name, known)
    fail("unknown %s %s; %sallowed: %s", what, shown(name), near and ("did you mean %q? "):format(near) or "",
        allowed or table.concat(known, ", "))
end

-- ---- kinds of values -----------------------------------------------------------------------------------------------
-- A kind is a function (value, path) that returns the canonical value, or fails with a message that names the path
-- ("mix[2].touch").

local function time(value, path)
    return units.time(value) or fail("%s = %s: a time expected: %s", path, shown(value), units.ACCEPTED.time)
end

local function size(value, path)
    return units.size(value) or fail("%s = %s: a size expected: %s", path, shown(value), units.ACCEPTED.bytes)
end

--- A number of least .. most.
local function number(least, most)
    return function(value, path)
        if math.type(value) and value >= least and value <= most then
            return value
        end
        fail("%s = %s: a number from %g to %g expected", path, shown(value), least, most)
    end
end

--- A ratio of least .. most, also as "75%".
local function ratio(least, most)
    return function(value, path)
        local found = units.ratio(value)
        if found and found >= least and found <= most then
            return found
        end
        fail("%s = %s: a number from %g to %g expected, %s", path, shown(value), least, most, units.ACCEPTED.ratio)
    end
end

--- Operations per second, also as "50k": 0 .. 1e12.
local function rate(value, path)
    local found = units.rate(value)
    if found and found <= 1e12 then
        return found
    end
    fail("%s = %s: a number from 0 to 1e12 expected, %s", path, shown(value), units.ACCEPTED.rate)
end

local function whole_range(least, most)
    local range = least >= 0 and (" from %d"):format(least) or ""
    return range .. (most < HUGE and (" to %d"):format(most) or "")
end

--- A whole number of least .. most that is no amount, such as a thread's number; 2.0 is one.
local function whole(least, most)
    return function(value, path)
        local found = type(value) == "number" and math.tointeger(value)
        if found and found >= least and found <= most then
            return found
        end
        fail("%s = %s: a whole number%s expected", path, shown(value), whole_range(least, most))
    end
end

--- An amount of least .. most, also as "50k"; 1e7 is one.
local function count(least, most)
    return function(value, path)
        local found = units.count(value)
        if found and found >= least and found <= most then
            return found
        end
        fail("%s = %s: a whole number%s expected, %s", path, shown(value), whole_range(least, most),
            units.ACCEPTED.count)
    end
end

local share = ratio(0, 1)

local function flag(value, path)
    return type(value) == "boolean" and value or value ~= false
        and fail("%s = %s: true or false expected", path, shown(value))
end

local function text(value, path)
    return type(value) == "string" and value or fail("%s = %s: a text expected", path, shown(value))
end

local function dist(value, path)
    if type(value) == "string" and not value:find("\0", 1, true) then
        return value
    elseif math.type(value) == "integer" then
        return tostring(value)
    elseif math.type(value) then
        return ("%.17g"):format(value)
    end
    fail('%s = %s: a number or a distribution such as "exp(1000)" expected', path, shown(value))
end

local function array(value, path)
    if type(value) ~= "table" then
        fail("%s = %s: an array of tables { {...}, ... } expected", path, shown(value))
    end
    for key, element in pairs(value) do
        if math.type(key) ~= "integer" or key < 1 or key > #value then
            fail("%s: an array { {...}, ... } expected, but it has the key %s", path, shown(key))
        elseif type(element) ~= "table" then
            fail("%s[%d] = %s: a table {...} expected", path, key, shown(element))
        end
    end
    return value
end

local function alignment(value, path)
    local bytes = units.size(value)
    if bytes and bytes >= 1 and bytes <= 1 << 30 and bytes & (bytes - 1) == 0 then
        return math.max(bytes, 8)
    end
    fail("%s = %s: a power of two up to 1G expected", path, shown(value))
end

--- Thread numbers: 2 or {1, 2}.
local function threads(value, path)
    local list = type(value) == "table" and value or { value }
    local numbers = {}
    for i = 1, #list do
        numbers[i] = whole(1, 512)(list[i], path)
    end
    if #numbers == 0 then
        fail("%s = %s: a thread's number, or an array of them, expected", path, shown(value))
    end
    return numbers
end

-- ---- tables of keys ------------------------------------------------------------------------------------------------

--- Checks the table `t` against `fields` (key = { kind, default }); returns the canonical values.
local function read(t, fields, path)
    if type(t) ~= "table" then
        fail("%s = %s: a table {...} expected", path, shown(t))
    end
    for key in pairs(t) do
        if not fields[key] then
            fail_unknown(path == "" and "key" or "key in " .. path .. ":", key, sorted_keys(fields))
        end
    end
    local result = {}
    for key, field in pairs(fields) do
        if t[key] ~= nil then
            result[key] = field[1](t[key], path == "" and key or path .. "." .. key)
        else
            result[key] = field[2]
        end
    end
    return result
end

local FREE_BY <const> = { other = { share }, thread = { whole(1, 512) } }

--- free_by = {other = 0.1}: any other thread frees that share; {thread = 2}: thread 2 frees all, or that share.
local function free_by(value, path)
    local result = read(value, FREE_BY, path)
    return { other = result.other or (result.thread and 1 or 0), thread = result.thread or 0 }
end

local REALLOC <const> = { share = { share, 1 }, times = { count(1, 1000), 1 }, grow = { ratio(0.001, 1000), 0 } }

--- realloc = 0.3: that share of the blocks is resized once; or {share =, times =, grow = factor}.
local function realloc(value, path)
    if type(value) == "table" then
        return read(value, REALLOC, path)
    end
    return { share = share(value, path), times = 1, grow = 0 }
end

local ROW <const> = {
    weight = { number(1e-9, 1e12), 1 },
    size = { dist },
    lifetime = { dist },
    free_by = { free_by, { other = 0, thread = 0 } },
    touch = { share, 1 },
    writes = { count(0, 1000000), 1 },
    realloc = { realloc, { share = 0, times = 1, grow = 0 } },
    zero = { share, 0 },
    align = { alignment, 0 },
    on = { threads },
}

local function read_mix(value, path)
    local mix = {}
    if #array(value, path) == 0 or #value > 64 then
        fail("%s has %d rows: 1 to 64 expected", path, #value)
    end
    for i, element in ipairs(value) do
        local row = read(element, ROW, ("%s[%d]"):format(path, i))
        if not row.size or not row.lifetime then
            fail("%s[%d]: %s is missing; every row needs size and lifetime", path, i, row.size and "lifetime" or "size")
        end
        row.other, row.thread, row.free_by = row.free_by.other, row.free_by.thread, nil
        row.resizes, row.grow, row.realloc = row.realloc.times, row.realloc.grow, row.realloc.share
        mix[i] = row
    end
    return mix
end

-- ---- changes -------------------------------------------------------------------------------------------------------

--- The value of a control.
local function control_value(value, path)
    if check.is_value(value) then
        return value
    end
    fail("%s = %s: a boolean, a number or a text without zero bytes expected", path, shown(value))
end

local function read_setting(name, value, path)
    if type(name) ~= "string" or name:find("\0", 1, true) then
        fail("%s: names of controls expected, got %s", path, shown(name))
    end
    local row, message = core.row(name)
    if not row then
        fail("%s: %s", path, message)
    end
    if row.type == "action" then
        return { name = name }
    elseif row.access:sub(2, 2) ~= "w" then
        fail("%s: %s cannot be written", path, name)
    end
    return { name = name, value = control_value(value, ("%s[%q]"):format(path, name)) }
end

--- set = {["arena.0.dirty_decay_ms"] = 0}: an array in the order of the names.
local function read_settings(value, path)
    if type(value) ~= "table" then
        fail("%s = %s: a table { [name] = value } expected", path, shown(value))
    end
    local settings = {}
    for name, new in pairs(value) do
        settings[#settings + 1] = read_setting(name, new, path)
    end
    table.sort(settings, function(a, b)
        return a.name < b.name
    end)
    return settings
end

local CHANGE <const> = {
    scale = { ratio(0, 1e6) },
    rate = { rate },
    set = { read_settings, {} },
    mark = { text },
}

local PHASE <const> = { at = { time } }
for key, field in pairs(CHANGE) do
    PHASE[key] = field
end

local function read_phases(value, path)
    local phases = {}
    if #array(value, path) > 1000 then
        fail("%s has %d phases: at most 1000 expected", path, #value)
    end
    for i, element in ipairs(value) do
        phases[i] = read(element, PHASE, ("%s[%d]"):format(path, i))
        if not phases[i].at then
            fail('%s[%d]: at is missing: the time of the phase, such as "3s"', path, i)
        end
    end
    return phases
end

--- The canonical form of the argument of w:set{}: a phase without a time.
function spec.change(settings)
    return read(settings, CHANGE, "")
end

-- ---- limits --------------------------------------------------------------------------------------------------------

local CALLS <const> = { "malloc", "calloc", "aligned_alloc", "realloc", "free" }
local PERCENTILES <const> = { p50 = "p50", p90 = "p90", p99 = "p99", ["p99.9"] = "p99_9", max = "max", mean = "mean" }

local LIMIT_NAMES <const> = "rss/live, peak_rss, failures, ops_per_s, and CALL.p50, .p90, .p99, .p99.9, .max, " ..
    ".mean, CALL being one of " .. table.concat(CALLS, ", ")

-- name = { kind, function that gets the value from a result, true if more is better }
local LIMITS <const> = {
    ["rss/live"] = { ratio(0, 1e12), function(result) return result.rss_per_live end },
    peak_rss = { size, function(result) return result.peak_rss end },
    failures = { count(0, HUGE), function(result) return result.failures end },
    ops_per_s = { rate, function(result) return result.ops_per_s end, true },
}
for _, call in ipairs(CALLS) do
    for name, field in pairs(PERCENTILES) do
        LIMITS[call .. "." .. name] = { time, function(result)
            return result.latency[call] and result.latency[call][field]
        end }
    end
end

--- Limits in the order of their names: { name, limit, measure = function(result), least = true for a lower bound }.
local function read_limits(value, path)
    if type(value) ~= "table" then
        fail("%s = %s: a table { [name] = limit } expected", path, shown(value))
    end
    local limits = {}
    for name, limit in pairs(value) do
        local known = LIMITS[name]
        if not known then
            fail_unknown("limit", name, sorted_keys(LIMITS), LIMIT_NAMES)
        end
        local canonical = known[1](limit, ("%s[%q]"):format(path, name))
        limits[#limits + 1] = { name = name, limit = canonical, measure = known[2], least = known[3] or false }
    end
    table.sort(limits, function(a, b)
        return a.name < b.name
    end)
    return limits
end

-- ---- the whole -----------------------------------------------------------------------------------------------------

local function duration(value, path)
    if value == "forever" then
        return 0
    end
    local ns = time(value, path)
    return ns > 0 and ns or fail('%s = %s: a time above 0, or "forever", expected', path, shown(value))
end

local function allocator(value, path)
    if value == "lunalloc" or value == "process" then
        return value
    end
    fail('%s = %s: "lunalloc" or "process" (the malloc of this process) expected', path, shown(value))
end

local RUN <const> = {
    threads = { whole(1, 512), 1 },
    seed = { whole(math.mininteger, math.maxinteger), 1 },
    duration = { duration },
    ops = { count(1, HUGE), 0 },
    rate = { rate, 0 },
    mix = { read_mix },
    phases = { read_phases, {} },
    verify = { flag, false },
    limits = { read_limits, {} },
    allocator = { allocator },
    sample = { count(1, 1 << 30), 16 },
    live_max = { size },
    interval = { time },
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

function spec.compile(description)
    if type(description) ~= "table" then
        fail("a description {...} expected, got %s", type(description))
    end
    local run = read(description, RUN, "")
    run.mix = run.mix or read_mix(DEFAULT_MIX, "mix")
    run.duration = run.duration or (run.ops > 0 and 0 or 10000000000)
    run.live_max = run.live_max or default_live_max()
    run.interval = math.max(1000000, run.interval or default_interval(run.duration))
    local limits, which = run.limits, run.allocator or (core.loaded and "lunalloc" or "process")
    run.limits, run.allocator = nil, nil
    return run, which, limits
end

return spec
