--- A process that runs, as what la.tune tunes: settings are changed in it, it is watched for a while, and gets its own
--- settings back after each run, at the end, and if this process is killed (guardian.lua).
---
---     live.open(plan)     sets plan.job, plan.name and plan.guard, which is to be closed; true, or nil, message, code
---
--- Figures of a run: rss, the mean of what is resident; cpu, processor seconds in each second; time, processor seconds
--- for a request of memory, which is missing if the process requests too little. The first quarter of a window does not
--- count: settings take a moment to act.

local core = require "lunalloc.core"
local child = require "lunalloc.child"
local space = require "lunalloc.tune.space"

local live = {}

local SETTLING <const>, SLICE <const> = 0.25, 0.05 -- the share of a window; seconds between samples
local LEAST_REQUESTS <const>, LEAST_CPU <const> = 1000, 0.05 -- of a window; seconds
local PAGE <const> = 4096

-- ---- looking at the process ----------------------------------------------------------------------------------------

local function read_proc(pid, name)
    local file <close> = io.open(("/proc/%d/%s"):format(pid, name))
    return file and file:read "a"
end

--- Resident bytes; nil if the process has ended.
local function resident(pid)
    local pages = (read_proc(pid, "statm") or ""):match "^%d+ (%d+)"
    return pages and tonumber(pages) > 0 and tonumber(pages) * PAGE or nil
end

--- Lets time pass, in slices between which Ctrl-C is served; calls f() after each.
local function watch(seconds, f)
    local stop = core.child.clock() + seconds
    repeat
        core.pause(SLICE)
        f()
    until core.child.clock() >= stop
end

--- Why a figure is missing: the target did not answer with it, or has ended.
local function why_missing(t, message)
    return read_proc(t.pid, "statm") and message or "the process has ended"
end

--- What the process does in the time: figures; nil and why not.
local function observe(t, seconds)
    local sum, n = 0, 0
    watch(seconds * SETTLING, function() end)
    local before, problem = t.stats()
    local cpu, start = core.cpu(t.pid), core.child.clock()
    watch(seconds * (1 - SETTLING), function()
        local rss = resident(t.pid)
        sum, n = sum + (rss or 0), n + (rss and 1 or 0)
    end)
    local after, late_problem = t.stats()
    local later = core.cpu(t.pid)
    if not before or not after or not cpu or not later or n == 0 then
        return nil, why_missing(t, problem or late_problem)
    end
    local requests, spent = after.nrequests - before.nrequests, later - cpu
    local busy = requests >= LEAST_REQUESTS and spent >= LEAST_CPU
    return { rss = sum / n, cpu = spent / (core.child.clock() - start), requests = requests,
        time = busy and spent / requests or nil }
end

-- ---- settings ------------------------------------------------------------------------------------------------------

--- A value as the control takes it: a number, a boolean, or a text with a unit.
local function typed(text)
    if text == "true" or text == "false" then
        return text == "true"
    end
    return math.tointeger(tonumber(text)) or text
end

--- Sets changes[control] for each arena, and for arenas that are made later.
local function add_arenas(t, pattern, value, changes)
    for i = 0, t.get "arenas.narenas" - 1 do
        changes[(pattern:gsub("<i>", tostring(i)))] = value
    end
    local later = pattern:gsub("^arena%.<i>", "arenas")
    local row = t.describe(later)
    if row and row.access == "rw" then
        changes[later] = value
    end
end

--- The controls of live settings, and their values.
local function changes_of(t, settings)
    local changes = {}
    for _, setting in ipairs(settings) do
        local name, value = space.tunable[setting[1]].live, typed(setting[2])
        if name:find "^arena%.<i>" then
            add_arenas(t, name, value, changes)
        else
            changes[name] = value
        end
    end
    return changes
end

--- The present values of all controls that any candidate changes: an array of { name, value }.
local function present_values(t, arms)
    local names, list = {}, {}
    for _, settings in ipairs(arms) do
        for name in pairs(changes_of(t, settings)) do
            names[name] = true
        end
    end
    for name in pairs(names) do
        list[#list + 1] = { name, t.get(name) }
    end
    return list
end

--- Changes the settings, until what it returns is closed; nil and why not.
local function change(t, settings)
    local ok, guard, message = pcall(t.with, changes_of(t, settings))
    if not ok then
        return nil, "refused: " .. tostring(guard):match "%((.*)%)$"
    elseif not guard then
        return nil, message
    end
    return guard
end

local function is_live(settings)
    for _, setting in ipairs(settings) do
        local known = space.tunable[setting[1]]
        if not known or not known.live then
            return false, setting[1]
        end
    end
    return true
end

-- ---- the guardian --------------------------------------------------------------------------------------------------

--- Starts the process that restores the settings if this one is killed; nil, message, code.
local function start_guardian(t, arms)
    local interpreter, message, code = child.interpreter()
    local script = package.searchpath("lunalloc.tune.guardian", package.path)
    if not interpreter then
        return nil, message, code
    end
    local order = { parent = core.child.identity(), pid = t.pid, settings = present_values(t, arms) }
    return core.child.spawn({ interpreter, script }, { LUA_PATH = package.path, LUA_CPATH = package.cpath,
        LUA_INIT = false, LUA_INIT_5_4 = false, LUA_INIT_5_5 = false, LD_PRELOAD = false }, core.json(order))
end

-- ---- the job -------------------------------------------------------------------------------------------------------

--- The target of the plan, and whether it was attached here; nil, message, code.
local function target_of(given)
    if type(given) == "table" and given.stats then
        return given, false
    end
    local la = require "lunalloc"
    local t, message, code = la.attach(given)
    if not t then
        return nil, message, code
    end
    return t, true
end

local function check_arms(plan)
    for _, settings in ipairs(plan.arms) do
        local good, option = is_live(settings)
        if not good then
            return nil, ("%s cannot be changed in a process that runs"):format(option), "EINVAL"
        end
    end
    return true
end

local function job_of(plan, t)
    local job = { rss = "mean", ops = true }
    function job.run(_, settings)
        if not is_live(settings) then
            return nil, "it cannot be changed in a process that runs"
        end
        local guard <close>, why = change(t, settings)
        if not guard then
            return nil, why
        end
        return observe(t, plan.window)
    end
    return job
end

--- See above.
function live.open(plan)
    local t, message, code = target_of(plan.target)
    if not t then
        return nil, message, code
    end
    local attached = message
    if not t.pid or t.way ~= "agent" then
        return nil, ("its settings cannot be changed: %s"):format(t.why or "it is only read"), "ENOTSUP"
    end
    local good
    good, message, code = check_arms(plan)
    if not good then
        return nil, message, code
    end
    local guardian
    guardian, message, code = start_guardian(t, plan.arms)
    if not guardian then
        return nil, message, code
    end
    plan.job, plan.name = job_of(plan, t), ("%d (%s)"):format(t.pid, t.name)
    plan.guard = setmetatable({}, { __close = function()
        guardian:kill()
        if attached then
            t.close()
        end
    end })
    return true
end

return live
