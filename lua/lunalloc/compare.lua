--- Two or more allocators, or settings of one, side by side: which is better, by how much, and how sure is that?
---
---     print(la.compare{ scenario = "producer_consumer.lua", allocators = { "lunalloc", "jemalloc" } })
---     la.compare{ scenario = { threads = 2, duration = "1s" }, a = "narenas:1", b = "narenas:4" }
---     la.compare{ trace = "redis.trace", a = "narenas:1", b = "narenas:4" }
---
--- Each run is a process of its own (lunalloc/child.lua), and the variants take turns: A B, B A, B A, A B. So a machine
--- that slows down favours none. A first round is not counted: it shows whether each variant
--- runs at all, and warms the file cache. Each metric of each variant is compared with the first variant's. The method
--- is in compare_statistics.lua. All intervals of a comparison hold together with 95 %: the level of one is 5 % divided
--- by their number (Bonferroni). So a variant compared with itself shows "no difference" in every metric in at least 19
--- of 20 comparisons.
---
--- A verdict is "better" or "worse" (than the first variant) if the whole interval lies beyond 1, and the estimate is
--- at least `least` (1 %) away from it; else "no difference"; "undecided" if there are too few rounds for an interval.

local check = require "lunalloc.check"
local child = require "lunalloc.child"
local compare_job = require "lunalloc.compare_job"
local compare_hosts = require "lunalloc.compare_hosts"
local compare_run = require "lunalloc.compare_run"
local compare_trace = require "lunalloc.compare_trace"
local units = require "lunalloc.units"
local variants = require "lunalloc.compare_variants"

local shown = check.shown

local ROUNDS <const> = 8
local MOST_ROUNDS <const> = 1000

local KEYS <const> = { scenario = true, trace = true, speed = true, lossy = true, allocators = true, a = true, b = true,
    rounds = true, metrics = true, least = true, duration = true, set = true, timeout = true, hosts = true,
    on_progress = true }

local function fail(format, ...)
    error("compare: " .. format:format(...), 0)
end

-- ---- options -------------------------------------------------------------------------------------------------------

local function whole(value, name, low, high)
    local number = units.count(value)
    if not number or number < low or number > high then
        fail("%s = %s: a whole number from %d to %d expected", name, shown(value), low, high)
    end
    return number
end

local function seconds(value, name)
    local ns = value ~= nil and units.time(value)
    if value ~= nil and (not ns or ns == 0) then
        fail("%s = %s: a time above 0 expected: %s", name, shown(value), units.ACCEPTED.time)
    end
    return ns and ns / 1e9 or nil
end

local function read_least(value)
    local least = units.ratio(value == nil and 0.01 or value)
    return least and least < 10 and least or
        fail("least = %s: a share expected: 0.02, %s", shown(value), units.ACCEPTED.ratio)
end

local function read_metrics(value)
    if value == nil then
        return nil
    elseif type(value) ~= "table" or #value == 0 then
        fail('metrics = %s: an array of names expected, such as { "ops/s", "malloc.p99", "peak RSS" }', shown(value))
    end
    local wanted = {}
    for i, name in ipairs(value) do
        if type(name) ~= "string" then
            fail("metrics[%d] = %s: a name expected", i, shown(name))
        end
        wanted[name] = true
    end
    return wanted
end

--- Completes the plan by what each run is: plan.job, plan.name and, of a trace, plan.closing.
local function read_subject(options, plan)
    local message, code
    if options.scenario ~= nil and options.trace ~= nil then
        fail("either a scenario or a trace expected")
    elseif options.trace == nil and compare_trace.is(options.scenario) then
        options.trace = options.scenario
    end
    if options.trace ~= nil then
        plan.job, message, code = compare_trace.read(options, fail)
        plan.name, plan.closing = tostring(options.trace):match "[^/]*$", message
    else
        plan.job, message, code = compare_job.read(options, fail)
        plan.name = message
    end
    if not plan.job then
        return nil, message, code
    end
    return plan
end

--- The plan of what hosts are to do: they have the interpreter and the libraries.
local function read_for_hosts(plan, options)
    local message, code
    if options.trace ~= nil or compare_trace.is(options.scenario) then
        fail("a trace is not sent to hosts: a scenario expected")
    end
    plan.hosts = compare_hosts.read_names(options.hosts, fail)
    variants.named(options) -- complains of what is wrong
    plan.job, message, code = compare_job.read(options, fail, true)
    if not plan.job then
        return nil, message, code
    end
    plan.name, plan.options = message, options
    return plan
end

--- What is asked for; nil, message, code if something is missing on this machine. Raises one line for a mistake.
local function read_options(options)
    for key in pairs(options) do
        if not KEYS[key] then
            fail("unknown key %s; allowed: scenario, trace, speed, lossy, allocators, a, b, rounds, metrics, least, " ..
                "duration, set, timeout, hosts, on_progress", shown(key))
        end
    end
    if options.set ~= nil and type(options.set) ~= "table" then
        fail("set = %s: a table { key = value } of the workload expected", shown(options.set))
    elseif options.on_progress ~= nil and type(options.on_progress) ~= "function" then
        fail("on_progress = %s: a function expected", shown(options.on_progress))
    end
    local plan = { rounds = whole(options.rounds == nil and ROUNDS or options.rounds, "rounds", 1, MOST_ROUNDS),
        least = read_least(options.least), wanted = read_metrics(options.metrics),
        timeout = seconds(options.timeout, "timeout"), on_progress = options.on_progress, set = options.set }
    options.duration = seconds(options.duration, "duration")
    if options.hosts ~= nil then
        return read_for_hosts(plan, options)
    end
    local interpreter, linked, code = child.interpreter()
    if not interpreter then
        return nil, linked, code
    end
    plan.interpreter = interpreter
    local message
    plan.variants, message, code = variants.read(options, linked)
    if not plan.variants then
        return nil, message, code
    end
    return read_subject(options, plan)
end

-- ---- the function --------------------------------------------------------------------------------------------------

--- Runs the comparison. nil, message, code if a variant is missing or fails; a mistake in the options raises.
return function(options)
    check.table(options, "compare", 1, "a table of options")
    local ok, plan, message, code = pcall(read_options, check.plain(options))
    if not ok then
        error(plan, 2)
    elseif not plan then
        return nil, message, code
    end
    local _ <close> = plan.closing
    local run = plan.hosts and compare_hosts.run or compare_run.run
    local result
    result, message, code = run(plan) -- no tail call: the plan of a trace is closed after it
    return result, message, code
end
