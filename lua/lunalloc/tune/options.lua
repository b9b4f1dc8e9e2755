--- Reads the options of la.tune: what is run, what is to be better, and what it may cost.
---
---     options.read(given) -> plan | nil, message, code      raises one line for a mistake
---
--- A plan: job (trial.lua, scenario_job.lua), name, objective, limits, arms, least, most_runs, budget (seconds), wait,
--- report, on_progress; and live, if it is about a running process.

local check = require "lunalloc.check"
local hosts = require "lunalloc.hosts"
local space = require "lunalloc.tune.space"
local units = require "lunalloc.units"

local shown = check.shown

local options = {}

-- What can be tuned: exactly one of them is given.
local SUBJECTS <const> = { "command", "scenario", "trace", "target" }
local OBJECTIVES <const> = { rss = { "time+2%" }, time = { "rss+2%" }, p99 = { "rss+2%" }, balanced = {} }
local RSS <const> = { peak = true, mean = true, settled = true }
local CLOCKS <const> = { wall = true, cpu = true }
local BUDGET <const>, RUNS <const>, WINDOW <const> = 120.0, 40, 2.0

-- name -> the kind of its value
local KINDS <const> = { command = "any", scenario = "any", trace = "any", target = "any", objective = OBJECTIVES,
    limit = "any", budget = "time", measure = "text", settle = "time", rss = RSS, clock = CLOCKS, same_output = "flag",
    runs = "count", least = "share", space = "any", timeout = "time", wait = "flag", window = "time", duration = "time",
    set = "table", speed = "any", hosts = "any", report = "text", on_progress = "function" }

local function fail(format, ...)
    error("tune: " .. format:format(...), 0)
end

local readers = {
    any = function(value) return value end,
    time = function(value)
        local ns = units.time(value)
        return ns and ns > 0 and ns / 1e9 or nil
    end,
    text = function(value) return type(value) == "string" and value ~= "" and not value:find "\0" and value or nil end,
    flag = function(value) if type(value) == "boolean" then return value end end,
    count = function(value)
        local count = units.count(value)
        return count and count >= 8 and count <= 100000 and count or nil
    end,
    share = function(value)
        local share = units.ratio(value)
        return share and share < 10 and share or nil
    end,
    table = function(value) return type(value) == "table" and value or nil end,
    ["function"] = function(value) return type(value) == "function" and value or nil end,
}

local ALLOWED <const> = { time = "a time above 0, " .. units.ACCEPTED.time, text = "a text", flag = "true or false",
    count = "a whole number from 8 on", share = "a share, " .. units.ACCEPTED.ratio, table = "a table",
    ["function"] = "a function" }

--- The values of all options. Raises for a key that is unknown, and for a value that is not allowed.
local function read_values(given)
    local values = {}
    for name, value in pairs(given) do
        local kind = KINDS[name]
        if not kind then
            fail("unknown key %s; allowed: %s", shown(name), table.concat(check.names(KINDS), ", "))
        elseif type(kind) == "table" then
            values[name] = kind[value] ~= nil and value or
                fail("%s = %s: one of %s expected", name, shown(value), table.concat(check.names(kind), ", "))
        else
            values[name] = readers[kind](value)
            if values[name] == nil then
                fail("%s = %s: %s expected", name, shown(value), ALLOWED[kind])
            end
        end
    end
    return values
end

-- ---- limits and candidates -----------------------------------------------------------------------------------------

local METRICS <const> = { time = true, rss = true, p99 = true, cpu = true }

local function read_limit(text)
    local metric, share = tostring(text):match "^(%w+)%+(.+)$"
    local value = share and units.ratio(share)
    if not METRICS[metric] or not value or value == 0 or value > 10 then
        fail("limit = %s: METRIC+SHARE expected, such as time+2%% (metrics: %s)", shown(text),
            table.concat(check.names(METRICS), ", "))
    end
    return { metric = metric, share = value }
end

local function read_limits(given, objective)
    local texts, limits = given, {}
    if given == nil then
        texts = OBJECTIVES[objective]
    elseif given == "none" then
        texts = {}
    elseif type(given) ~= "table" then
        texts = { given }
    end
    for i, text in ipairs(texts) do
        limits[i] = read_limit(text)
        if limits[i].metric == objective then
            fail("limit = %s: that is the objective", shown(text))
        end
    end
    return limits
end

--- The candidates that the caller names, each a text as for LUNALLOC_CONF.
local function read_space(given)
    local arms = {}
    if type(given) ~= "table" or #given == 0 then
        fail("space = %s: an array of settings expected, such as { 'dirty_max:4M', 'narenas:1' }", shown(given))
    end
    for i, text in ipairs(given) do
        local settings = type(text) == "string" and space.parse(text) or {}
        if #settings == 0 or space.text(settings):gsub("[^,]", "") ~= text:gsub("[^,]", "") then
            fail("space[%d] = %s: settings as in LUNALLOC_CONF expected", i, shown(text))
        end
        for _, setting in ipairs(settings) do
            if not space.tunable[setting[1]] and not space.fixed[setting[1]] then
                fail("space[%d]: '%s' is no option", i, setting[1])
            end
        end
        arms[i] = settings
    end
    return arms
end

-- ---- what is run ---------------------------------------------------------------------------------------------------

local function read_command(command)
    if type(command) == "string" and command ~= "" then
        command = { "sh", "-c", command }
    end
    local good = type(command) == "table" and #command > 0
    for _, word in ipairs(good and command or {}) do
        good = good and type(word) == "string" and not word:find "\0"
    end
    return good and command or fail("command: a text for the shell, or an array of words, expected")
end

--- The path of the library that is preloaded; nil, message, code.
local function find_library()
    for _, allocator in ipairs(require("lunalloc").allocators()) do
        if allocator.name == "lunalloc" then
            return allocator.path
        end
    end
    return nil, "liblunalloc.so was not found: set LUNALLOC_SO to its path", "ENOENT"
end

local function one_subject(values)
    local subject
    for _, name in ipairs(SUBJECTS) do
        if values[name] ~= nil then
            if subject then
                fail("either %s or %s expected", subject, name)
            end
            subject = name
        end
    end
    return subject or fail("what is to be tuned? one of %s expected", table.concat(SUBJECTS, ", "))
end

local makers = {}

function makers.command(values, library)
    local trial = require "lunalloc.tune.trial"
    local argv = read_command(values.command)
    return trial.command { argv = argv, library = library, timeout = values.timeout, measure = values.measure,
        settle = values.settle, clock = values.clock, same_output = values.same_output, rss = values.rss },
        table.concat(argv, " ")
end

function makers.scenario(values, library)
    return require "lunalloc.tune.scenario_job" (values, library, fail)
end

function makers.trace(values, library)
    return require "lunalloc.tune.trace_job" (values, library, fail)
end

--- The job of what is run, and its name; nil, message, code if something is missing on this machine. A mistake raises.
function options.make(subject, values)
    local library, message, code = find_library()
    if not library then
        return nil, message, code
    end
    return makers[subject](values, library)
end

--- As options.make(), for other machines.
local function make_for_hosts(subject, values)
    local names, why = hosts.read(check.plain(values.hosts))
    if not names then
        fail("hosts: %s", why)
    elseif subject ~= "command" and subject ~= "scenario" then
        fail("hosts run a command or a scenario, and no %s", subject)
    end
    values.command = values.command and read_command(values.command)
    return require("lunalloc.tune.hosts").open(values, subject, names, fail)
end

--- The plan; nil, message, code if something is missing on this machine. Raises one line for a mistake.
function options.read(given)
    local values = read_values(given)
    local subject = one_subject(values)
    local plan = { subject = subject, objective = values.objective or "rss", least = values.least or 0.01,
        most_runs = values.runs or RUNS, budget = values.budget or BUDGET, wait = values.wait,
        on_progress = values.on_progress, window = values.window or WINDOW, timeout = values.timeout,
        report = values.report }
    plan.limits = read_limits(values.limit, plan.objective)
    plan.arms = values.space and read_space(values.space) or space.arms(plan.objective, subject == "target")
    if subject == "target" then
        if values.hosts ~= nil then
            fail("hosts do not go with a process that runs")
        end
        plan.target = values.target
        return plan
    end
    values.timeout = values.timeout or plan.budget
    local code
    plan.job, plan.name, code = (values.hosts ~= nil and make_for_hosts or options.make)(subject, values)
    if not plan.job then
        return nil, plan.name, code
    end
    return plan
end

return options
