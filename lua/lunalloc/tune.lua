--- Searches the settings of the allocator that are best for a command, a scenario, a trace or a running process, and
--- proves the winner on runs that the search has not seen.
---
---     print(la.tune{ command = {"sh", "load.sh"}, objective = "rss", limit = "time+2%", budget = "5m" })
---     la.tune{ scenario = "producer_consumer", objective = "time" }
---     la.tune{ target = la.attach "redis-server", objective = "rss" }     -- live: everything is restored at the end
---
--- Use it when a program is known and its settings are not. tune/search.lua says how the search goes, tune/trial.lua
--- what is measured of a command, tune/space.lua which settings are tried. The result says "keep the defaults" unless a
--- winner is confirmed: then it has a line for LUNALLOC_CONF, and for each setting its effect and its cause.
---
--- The time budget is kept: the search gets about half of it, the confirmation the rest. Ctrl-C ends the search with
--- what is known so far. Another tuner on the machine, of any user, is noticed: times disturb each other.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local read = require("lunalloc.tune.options").read
local result = require "lunalloc.tune.result"
local search = require "lunalloc.tune.search"
local statistics = require "lunalloc.compare_statistics"

local SEARCH_SHARE <const>, ALL <const> = 0.55, 0.97 -- of the budget: until the search ends, until the last run ends
local LEAST_ROUNDS <const> = 6                       -- of a confirmation: two runs each
local LOCK <const> = os.getenv "LUNALLOC_TUNE_LOCK" or "lunalloc-tune" -- tests have names of their own
local POLL <const> = 0.2                             -- seconds, while another tuner is waited for

-- ---- other tuners --------------------------------------------------------------------------------------------------

--- The lock of the machine; nil and a warning if another tuner has it. Waits for it if that is asked for.
local function take_lock(plan)
    local lock, message, code = core.lock(LOCK)
    while not lock and code == "EBUSY" and plan.wait do
        core.pause(POLL)
        lock, message, code = core.lock(LOCK)
    end
    if lock then
        return lock
    end
    return nil, code == "EBUSY" and "another tuner runs on this machine: they disturb each other's times" or message
end

-- ---- the budget ----------------------------------------------------------------------------------------------------

--- left(part): the seconds that are left, less what the parts behind it and the next run need. took(seconds) tells of
--- each run. Three of four runs are no longer than what is expected of the next ones: one that was disturbed does not
--- end a search.
local function new_budget(budget)
    local start, lengths = core.child.clock(), {}
    local function took(seconds)
        lengths[#lengths + 1] = seconds
    end
    local function left(part)
        local length = #lengths > 0 and statistics.quantile(lengths, 0.75) or 0.0
        local spent, last = core.child.clock() - start, budget * ALL - 2 * length -- two more runs explain the winner
        if part == "search" then
            return math.min(budget * SEARCH_SHARE, last - 2 * LEAST_ROUNDS * length) - spent - length
        elseif part == "finalist" then
            last = last - 2 * LEAST_ROUNDS * length
        end
        return last - spent - 2 * length
    end
    return left, took
end

-- ---- the search ----------------------------------------------------------------------------------------------------

local function tell(plan, state, entry, phase)
    if plan.on_progress then
        plan.on_progress { runs = state.count, most_runs = state.most_runs, phase = phase, conf = entry.conf,
            best = state:best(), left = math.max(0, state.left "confirm") }
    end
end

--- The problem as search.run() wants it. Each run is noted in `log`.
local function problem_of(plan, log)
    local left, took = new_budget(plan.budget)
    local state
    local function measure(entry, phase)
        tell(plan, state, entry, phase)
        local start = core.child.clock()
        local figures, why = plan.job.run(entry.conf, entry.settings)
        took(plan.job.ahead and figures and figures.seconds or core.child.clock() - start)
        log[#log + 1] = { conf = entry.conf, phase = phase, rejected = why, figures = figures }
        return figures, why
    end
    local problem = { measure = measure, arms = plan.arms, objective = plan.objective, limits = plan.limits,
        least = plan.least, most_runs = plan.most_runs, left = left, ahead = plan.job.ahead, width = plan.job.width,
        shortest = plan.job.shortest or plan.job.ops and 0 or nil }
    return problem, function(new) state = new end, function() return state end
end

local function is_interrupt(problem)
    return tostring(problem):find("interrupted!", 1, true) ~= nil
end

--- Runs the search of the plan. A search that is interrupted has a state, too.
local function run(plan)
    local log, start = {}, core.child.clock()
    local problem, on_state, state_of = problem_of(plan, log)
    local ok, state, message, code = pcall(search.run, problem, on_state)
    if not ok and not is_interrupt(state) then
        error(state, 0)
    elseif ok and not state then
        return nil, message, code
    end
    local found = state_of()
    found.interrupted = not ok
    plan.seconds = core.child.clock() - start
    for _, remark in ipairs(plan.job.remarks and plan.job.remarks() or {}) do
        plan.warnings[#plan.warnings + 1] = remark
    end
    return result.new(plan, found, log)
end

--- Opens the running process, if one is tuned; else runs the command once. nil, message, code if it cannot be judged.
local function prepare(plan)
    if plan.subject == "target" then
        return require("lunalloc.tune.live").open(plan)
    end
    local ok, remark = true, nil
    if plan.job.warm_up then
        ok, remark = plan.job.warm_up()
    end
    if not ok then
        return nil, "with the defaults: " .. remark, "EINVAL"
    end
    plan.warnings[#plan.warnings + 1] = remark
    return true
end

-- ---- the report ----------------------------------------------------------------------------------------------------

--- Whether a report can be written there, as far as that is known before the search. True; nil, message, code.
local function check_place(path)
    local kind = core.file_kind(path)
    if kind and kind ~= "file" and path ~= "-" then
        return nil, ("tune: report = %s: it is a %s, not a regular file"):format(path, kind), "EINVAL"
    end
    local folder = path:match "^.*/" or "."
    if core.file_kind(folder) ~= "folder" then
        return nil, ("tune: report = %s: there is no folder %s"):format(path, folder), "ENOENT"
    end
    return true
end

--- Writes the report of a result. What goes wrong is a warning: the result stands.
local function write_report(path, found)
    local written, message = require("lunalloc").report(path, { tune = found, process = false })
    if not written then
        found.warnings[#found.warnings + 1] = message
    end
end

--- Tunes. nil, message, code if it cannot be judged; a mistake in the options raises.
return function(options)
    check.table(options, "tune", 1, "a table of options")
    local ok, plan, message, code = pcall(read, check.plain(options))
    if not ok then
        error(plan, 2)
    elseif not plan then
        return nil, message, code
    end
    if plan.report then
        ok, message, code = check_place(plan.report)
        if not ok then
            return nil, message, code
        end
    end
    local lock <close>, warning = take_lock(plan)
    plan.warnings = { not lock and warning or nil }
    ok, message, code = prepare(plan)
    if not ok then
        return nil, message, code
    end
    local guard <close> = plan.guard
    local found
    found, message, code = run(plan)
    if found and plan.report then
        write_report(plan.report, found)
    end
    return found, message, code
end
