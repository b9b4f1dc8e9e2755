--- The arithmetic of a search: how much better is a setting than the default, and is that sure?
---
--- A figure of a setting is compared with the default's by the logarithm of their ratio: 0 is no change, -0.1 is about
--- 10 % less. During a search medians of few runs are compared, which may be wrong; the confirmation judges runs that
--- the search has not seen, by intervals (compare_statistics.lua).
---
---     judge.value(figures, metric)    a figure of a run; "balanced" is memory times time
---     judge.effect(entry, base, metric), judge.error_of(entry, base, metric, noise)   the logarithm, and its error
---     judge.noise(entries)            metric -> how far runs of the same settings are apart
---     judge.chance(...)               that a limit is kept
---     judge.misses(...)               did every run miss a limit?
---     judge.confirm(base, samples, plan)   -> { accepted, reason, metrics = { [name] = { ratio, low, high } } }

local statistics = require "lunalloc.compare_statistics"

local judge = {}

judge.METRICS = { "rss", "time", "p99", "cpu" }

--- The metric that an objective lowers.
function judge.value(figures, metric)
    if metric == "balanced" then
        return figures.rss and figures.time and figures.rss * figures.time
    end
    return figures[metric]
end

local function log_of(value)
    return math.log(math.max(value, 1e-12))
end

local function values_of(runs, metric)
    local list = {}
    for _, figures in ipairs(runs) do
        list[#list + 1] = judge.value(figures, metric)
    end
    return list
end

--- The logarithms of a figure in the runs that have it.
local function logs_of(runs, metric)
    local list = values_of(runs, metric)
    for i, value in ipairs(list) do
        list[i] = log_of(value)
    end
    return list
end

judge.values = values_of

function judge.median(entry, metric)
    local values = values_of(entry.runs, metric)
    return #values > 0 and statistics.median(values) or nil
end

--- The logarithm of the ratio of the medians; nil if one has no such figure.
function judge.effect(entry, base, metric)
    local x, y = logs_of(base.runs, metric), logs_of(entry.runs, metric)
    if #x == 0 or #y == 0 then
        return nil
    end
    return statistics.median(y) - statistics.median(x)
end

local LEAST_NOISE <const> = 1e-4

--- Appends how far the figures of an entry's runs are from their median, as logarithms, as if the mean were known.
local function add_distances(entry, metric, distances)
    local logs = logs_of(entry.runs, metric)
    local middle = #logs > 1 and statistics.median(logs)
    for i = 1, middle and #logs or 0 do
        distances[#distances + 1] = math.abs(logs[i] - middle) * math.sqrt(#logs / (#logs - 1))
    end
end

--- The standard deviation of each figure's logarithm between runs of the same settings: of all entries that have
--- several runs. The median is taken, so a few disturbed runs do not matter.
function judge.noise(entries)
    local noise = {}
    for _, metric in ipairs { "rss", "time", "p99", "cpu", "balanced" } do
        local distances = {}
        for _, entry in ipairs(entries) do
            add_distances(entry, metric, distances)
        end
        if #distances > 1 then
            noise[metric] = math.max(LEAST_NOISE, 1.4826 * statistics.median(distances))
        end
    end
    return noise
end

--- The standard error of an effect.
function judge.error_of(entry, base, metric, noise)
    return (noise[metric] or LEAST_NOISE) * math.sqrt(1 / math.max(1, #entry.runs) + 1 / math.max(1, #base.runs))
end

--- The share of the normal distribution below z, to 1e-4 (Abramowitz and Stegun 26.2.17, shortened).
local function normal_share(z)
    local t = 1 / (1 + 0.33267 * math.abs(z))
    local above = math.exp(-z * z / 2) * 0.3989423 * t * (0.4361836 + t * (0.9372980 * t - 0.1201676))
    return z > 0 and 1 - above or above
end

local WIDTH <const> = 0.4 -- of a limit: half of the interval that a confirmation aims at

--- The chance that a confirmation finds the entry within a limit { metric, share }.
function judge.chance(entry, base, limit, noise)
    local effect = judge.effect(entry, base, limit.metric)
    if not effect then
        return 1.0
    end
    local room = math.log(1 + limit.share) * (1 - WIDTH)
    return normal_share((room - effect) / judge.error_of(entry, base, limit.metric, noise))
end

--- Did every run of the entry miss one of the limits?
function judge.misses(entry, base, limits)
    for _, limit in ipairs(limits) do
        local values, middle = values_of(entry.runs, limit.metric), judge.median(base, limit.metric)
        if middle and #values > 1 and math.min(table.unpack(values)) > middle * (1 + limit.share) then
            return true
        end
    end
    return false
end

-- ---- the confirmation ----------------------------------------------------------------------------------------------

local function percent(ratio)
    return ("%+.1f %%"):format((ratio - 1) * 100)
end

--- The host of each pair of runs; nil if they have none. Runs i of both are of one host.
local function hosts_of(base, runs)
    local list = {}
    for i, figures in ipairs(base) do
        list[i] = figures.host
        assert(not figures.host or runs[i] and runs[i].host == figures.host, "runs of a pair on two hosts")
    end
    return #list > 0 and list or nil
end

local function interval_of(base, runs, metric, alpha)
    local x, y = values_of(base, metric), values_of(runs, metric)
    local groups = hosts_of(base, runs)
    if #x == 0 or #y == 0 or groups and (#x < #base or #y < #runs) then
        return nil
    end
    local ratio, low, high = statistics.compare(x, y, alpha, groups)
    return { ratio = ratio, low = low, high = high }
end

--- Is the objective better, as far as it counts? nil, or why not.
local function objection(found, plan)
    if not found then
        return ("runs have no %s"):format(plan.objective)
    elseif found.high == math.huge then
        return "too few runs for an interval"
    elseif found.high >= 1 then
        return ("%s %s is not surely better: the interval reaches %s"):format(plan.objective, percent(found.ratio),
            percent(found.high))
    elseif found.ratio > 1 - plan.least then
        return ("%s %s is less than what counts (%g %%)"):format(plan.objective, percent(found.ratio),
            plan.least * 100)
    end
end

local function missed_limit(metrics, plan)
    for _, limit in ipairs(plan.limits) do
        local found = metrics[limit.metric]
        if found and found.high > 1 + limit.share then
            return ("%s may be worse than the limit allows: %s, at most %s, where %s is allowed"):format(limit.metric,
                percent(found.ratio), found.high < math.huge and percent(found.high) or "unknown",
                percent(1 + limit.share))
        end
    end
end

--- Judges fresh runs of the default (`base`) and of a setting (`runs`), both arrays of figures. plan: objective,
--- limits, least, alpha (the chance to be wrong). `missed`: it is the limit that was missed.
function judge.confirm(base, runs, plan)
    local metrics = {}
    for _, metric in ipairs { "rss", "time", "p99", "cpu", "balanced" } do
        metrics[metric] = interval_of(base, runs, metric, plan.alpha)
    end
    local reason = objection(metrics[plan.objective], plan)
    local missed = missed_limit(metrics, plan)
    return { accepted = not reason and not missed, reason = reason or missed, missed = not reason and missed ~= nil,
        metrics = metrics, rounds = #runs }
end

--- Can more runs hardly help? The estimates themselves show it: there is no error in giving up.
function judge.is_futile(base, runs, plan)
    local function ratio(metric)
        local found = interval_of(base, runs, metric, plan.alpha)
        return found and found.ratio or 1.0
    end
    for _, limit in ipairs(plan.limits) do
        if ratio(limit.metric) > 1 + limit.share then
            return true
        end
    end
    return ratio(plan.objective) > 1 - plan.least
end

local Z <const> = 2.4 -- of the normal distribution, for an interval that errs with 1.67 %

--- How many rounds make the interval of a limit's metric narrow enough to tell: WIDTH of the limit.
function judge.rounds_needed(noise, plan)
    local needed = statistics.runs_needed(plan.alpha) + 1
    for _, limit in ipairs(plan.limits) do
        local narrow = WIDTH * math.log(1 + limit.share)
        local rounds = 2 * (1.05 * Z * (noise[limit.metric] or 0) / narrow) ^ 2
        needed = math.max(needed, math.ceil(math.min(rounds, 1e6)))
    end
    return needed
end

return judge
