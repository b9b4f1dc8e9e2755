--- What la.tune returns: a plain table, which JSON can hold, that prints itself (tune/report.lua).
---
---     objective, limits, verdict ("better" or "keep the defaults"), reason, subject, name, seconds, warnings, noise
---     baseline   { conf, runs, time, rss, p99, cpu }              each of the figures: { median, low, high }
---     winner     { conf, line, settings = { {name, value, default, effect, why} }, confirmation }, or nil
---     pareto     entries as baseline, with ratios: no other one is better in both time and memory
---     entries    all of them     rejected   { {conf, why} }     dropped   settings of the winner that did not matter
---     runs       each run: { conf, phase, time, rss, cpu, p99, ... }
---
--- low and high are the quartiles of the entry's runs.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local explain = require "lunalloc.tune.explain"
local judge = require "lunalloc.tune.judge"
local report = require "lunalloc.tune.report"
local space = require "lunalloc.tune.space"
local statistics = require "lunalloc.compare_statistics"

local result = {}

local Result = { __name = "lunalloc.tuning" }
Result.__index = Result

function Result:__tostring()
    return report.text(self)
end

--- The whole result as JSON.
function Result:tojson()
    check.self(self, Result, "tuning:tojson")
    return core.json(result.plain(self))
end

--- A copy without metatables. A number that JSON lacks is left out.
function result.plain(value)
    if type(value) ~= "table" then
        return (value ~= math.huge and value == value) and value or nil
    end
    local copy = {}
    for key, field in pairs(value) do
        copy[key] = result.plain(field)
    end
    return copy
end

-- ---- entries -------------------------------------------------------------------------------------------------------

local METRICS <const> = { "time", "rss", "p99", "cpu" }

local function figure_of(entry, metric)
    local values = judge.values(entry.runs, metric)
    if #values == 0 then
        return nil
    end
    return { median = statistics.median(values), low = statistics.quantile(values, 0.25),
        high = statistics.quantile(values, 0.75) }
end

local function entry_of(entry, base)
    local row = { conf = entry.conf, runs = #entry.runs, confirmed = entry.confirmed or false, ratio = {} }
    for _, metric in ipairs(METRICS) do
        row[metric] = figure_of(entry, metric)
        local effect = judge.effect(entry, base, metric)
        row.ratio[metric] = effect and math.exp(effect)
    end
    return row
end

--- Is some other entry as good in time and in memory, and better in one?
local function is_dominated(row, rows)
    for _, other in ipairs(rows) do
        local rss = other.ratio.rss - row.ratio.rss
        local time = row.ratio.time and other.ratio.time and other.ratio.time - row.ratio.time or 0
        if time <= 0 and rss <= 0 and (time < 0 or rss < 0) then
            return true
        end
    end
    return false
end

local function pareto_of(rows)
    local complete, list = {}, {}
    for _, row in ipairs(rows) do
        complete[#complete + 1] = row.ratio.rss and row or nil
    end
    for _, row in ipairs(complete) do
        list[#list + 1] = not is_dominated(row, complete) and row or nil
    end
    table.sort(list, function(a, b) return a.ratio.rss < b.ratio.rss end)
    return list
end

--- All entries with runs, the default first; and those that were rejected.
local function entries_of(state)
    local rows, rejected = {}, {}
    for _, entry in ipairs(state.entries) do
        if entry.rejected then
            rejected[#rejected + 1] = { conf = entry.conf, why = entry.rejected }
        elseif #entry.runs > 0 then
            rows[#rows + 1] = entry_of(entry, state.base)
        end
    end
    return rows, rejected
end

-- ---- the winner ----------------------------------------------------------------------------------------------------

--- What the setting changes in the winner: the ratio to the winner without it.
local function effects_of(state, winner, setting)
    local rest, effects = winner.alone and winner.alone[setting[1]] or state.base, {}
    for _, metric in ipairs(METRICS) do
        local effect = #winner.settings == 1 and judge.effect(winner, state.base, metric)
            or judge.effect(winner, rest, metric)
        effects[metric] = effect and math.exp(effect) - 1
    end
    return effects
end

local function confirmation_of(found)
    return { accepted = found.accepted, reason = found.reason, rounds = found.rounds, conf = found.conf,
        confidence = found.confidence, metrics = found.metrics }
end

--- The settings of the environment, which the runs had, and the winner's.
local function line_of(conf)
    local present = os.getenv "LUNALLOC_CONF"
    return (present and present ~= "") and present .. "," .. conf or conf
end

local function winner_of(plan, state)
    local winner = state.winner
    if not winner then
        return nil
    end
    local before = plan.job.messages and explain.statistics(plan.job, "")
    local after = before and explain.statistics(plan.job, winner.conf)
    local row = entry_of(winner, state.base)
    row.line, row.settings = ('LUNALLOC_CONF="%s"'):format(line_of(winner.conf)), {}
    for i, setting in ipairs(winner.settings) do
        local known = space.tunable[setting[1]]
        row.settings[i] = { name = setting[1], value = setting[2], default = known and known.default,
            effect = effects_of(state, winner, setting), why = explain.sentence(setting, before, after) }
    end
    row.confirmation = confirmation_of(state.confirmations[#state.confirmations])
    return row
end

-- ---- the result ----------------------------------------------------------------------------------------------------

local function runs_of(log)
    local runs = {}
    for i, run in ipairs(log) do
        local row = { conf = run.conf, phase = run.phase, rejected = run.rejected }
        for name, value in pairs(run.figures or {}) do
            row[name] = value
        end
        runs[i] = row
    end
    return runs
end

local function dropped_of(state)
    local list = {}
    for i, setting in ipairs(state.dropped) do
        list[i] = setting[1] .. ":" .. setting[2]
    end
    return list
end

--- The warnings, and one for each limit that no run tells the metric of.
local function warnings_of(plan, state)
    local list = table.move(plan.warnings, 1, #plan.warnings, 1, {})
    for _, limit in ipairs(plan.limits) do
        if #state.base.runs > 0 and not judge.median(state.base, limit.metric) then
            list[#list + 1] = ("the limit on %s is not judged: runs do not tell it"):format(limit.metric)
        end
    end
    return list
end

--- Of a plan (tune/options.lua), the state of its search, and the log of its runs.
function result.new(plan, state, log)
    local rows, rejected = entries_of(state)
    local found = { subject = plan.subject, name = plan.name, objective = plan.objective, limits = plan.limits,
        least = plan.least, budget = plan.budget, seconds = plan.seconds, rss = plan.job.rss, noise = state.noise,
        verdict = state.verdict, reason = state.reason, interrupted = state.interrupted,
        warnings = warnings_of(plan, state),
        entries = rows, baseline = rows[1], pareto = pareto_of(rows), rejected = rejected, dropped = dropped_of(state),
        runs = runs_of(log), searched = state.searched or state.count, confirmations = {} }
    for i, confirmation in ipairs(state.confirmations) do
        found.confirmations[i] = confirmation_of(confirmation)
    end
    if not state.interrupted then
        found.winner = winner_of(plan, state)
    end
    return setmetatable(found, Result)
end

return result
