--- The arithmetic of a search: how much better is a setting than the default, and is that sure?
---
--- A figure of a setting is compared with the default's by the logarithm of their ratio: 0 is no change, -0.1 is about
--- 10 % less. During a search each run is compared with the runs of the default that are next to it, as the state of
--- the machine drifts; `at` of a run is its place in the order. The median of few such ratios may be wrong: the
--- confirmation judges pairs of runs that the search has not seen, by intervals (compare_statistics.lua).
---
---     judge.value(figures, metric)    a figure of a run; "balanced" is memory times time
---     judge.effect(entry, base, metric), judge.error_of(entry, base, metric, noise)   the logarithm, and its error
---     judge.noise(entries, base)      metric -> how far neighbours of the same settings are apart
---     judge.chance(...)               that a limit is kept
---     judge.misses(...)               did every run miss a limit?
---     judge.confirm(base, samples, plan)   -> { accepted, reason, metrics = { [name] = { ratio, low, high } } }

local statistics = require "lunalloc.compare_statistics"

local judge = {}

local DEVIATION <const> = statistics.DEVIATION

local NOISY <const> = { "rss", "time", "p99", "cpu", "balanced" }

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

local NEAREST <const> = 4 -- runs of the default, with which a run is compared if there is a drift
local FEW <const> = 6     -- runs of the default, with which no drift is seen
local DRIFT <const> = 0.35 -- of the variance: neighbours vary less

--- How far neighbours are apart, as a standard deviation.
local function deviation_of_neighbours(logs)
    local steps = {}
    for i = 2, #logs do
        steps[#steps + 1] = math.abs(logs[i] - logs[i - 1])
    end
    return DEVIATION * statistics.median(steps) / math.sqrt(2)
end

--- Are runs of the default that are neighbours clearly more alike than others?
function judge.drifts(base, metric)
    local logs = logs_of(base.runs, metric)
    return #logs >= FEW and deviation_of_neighbours(logs) ^ 2 < DRIFT * statistics.deviation(logs) ^ 2
end

--- level(at): the logarithm of the default's figure at that place in the order of runs. It is the median of the nearest
--- runs if there is a drift, else of all.
local function level_of(base, metric)
    local logs, places = {}, {}
    for i, figures in ipairs(base.runs) do
        local value = judge.value(figures, metric)
        logs[#logs + 1], places[#places + 1] = value and log_of(value), value and (figures.at or i)
    end
    local all = #logs > 0 and statistics.median(logs) or nil
    if not judge.drifts(base, metric) then
        return function() return all end
    end
    return function(at)
        local order, near = {}, {}
        for i = 1, #logs do
            order[i] = i
        end
        table.sort(order, function(a, b) return math.abs(places[a] - at) < math.abs(places[b] - at) end)
        for i = 1, math.min(NEAREST, #order) do
            near[i] = logs[order[i]]
        end
        return statistics.median(near)
    end
end

--- The logarithms of a figure's ratios to the default's level, in the runs that have both.
local function changes_of(entry, base, metric)
    local list, level = {}, level_of(base, metric)
    for i, figures in ipairs(entry.runs) do
        local value = judge.value(figures, metric)
        local from = value and level(figures.at or i)
        list[#list + 1] = from and log_of(value) - from
    end
    return list
end

--- The logarithm of the ratio to the default; nil if one has no such figure.
function judge.effect(entry, base, metric)
    local changes = changes_of(entry, base, metric)
    return #changes > 0 and (entry == base and 0.0 or statistics.median(changes)) or nil
end

local LEAST_NOISE <const> = 1e-4

--- Appends how far the figures of an entry's runs are from their median, as logarithms, as if the mean were known.
local function add_distances(entry, base, metric, distances)
    local logs = changes_of(entry, base, metric)
    local middle = #logs > 1 and statistics.median(logs)
    for i = 1, middle and #logs or 0 do
        distances[#distances + 1] = math.abs(logs[i] - middle) * math.sqrt(#logs / (#logs - 1))
    end
end

--- The standard deviation of each figure's logarithm between runs of the same settings: of all entries that have
--- several runs. The median is taken, so a few disturbed runs do not matter.
function judge.noise(entries, base)
    local noise = {}
    for _, metric in ipairs(NOISY) do
        local distances = {}
        for _, entry in ipairs(entries) do
            add_distances(entry, base, metric, distances)
        end
        if #distances > 1 then
            noise[metric] = math.max(LEAST_NOISE, DEVIATION * statistics.median(distances))
        end
    end
    return noise
end

--- The same of runs of a confirmation: base[i] and runs[i] ran one after the other.
function judge.noise_of_pairs(base, runs)
    local noise = {}
    for _, metric in ipairs(NOISY) do
        local x, y = values_of(base, metric), values_of(runs, metric)
        if #x > 1 and #x == #y and statistics.are_alike(x, y) then
            noise[metric] = math.max(LEAST_NOISE, statistics.deviation(statistics.log_pairs(x, y)) / math.sqrt(2))
        elseif #x > 1 and #y > 1 then
            local a, b = logs_of(base, metric), logs_of(runs, metric)
            local apart = statistics.deviation(a) ^ 2 + statistics.deviation(b) ^ 2
            noise[metric] = math.max(LEAST_NOISE, math.sqrt(apart / 2))
        end
    end
    return noise
end

--- The standard error of an effect.
function judge.error_of(entry, base, metric, noise)
    local compared = math.max(1, judge.drifts(base, metric) and NEAREST or #base.runs)
    return (noise[metric] or LEAST_NOISE) * math.sqrt(1 / math.max(1, #entry.runs) + 1 / compared)
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
        assert(runs[i].host == figures.host, "runs of a pair on two hosts")
    end
    return #list > 0 and list or nil
end

--- The interval of a figure; nil if some runs do not have it. Runs i of both are neighbours, and of one host.
local function interval_of(base, runs, metric, alpha)
    local x, y = values_of(base, metric), values_of(runs, metric)
    if #x == 0 or #x < #base or #y < #runs or #x ~= #y then
        return nil
    end
    local ratio, low, high = statistics.paired(x, y, alpha, hosts_of(base, runs))
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

--- The limit that may be missed, in words. Only its upper end matters: one end alone errs with all of alpha.
local function missed_limit(base, runs, plan)
    for _, limit in ipairs(plan.limits) do
        local found = interval_of(base, runs, limit.metric, 2 * plan.alpha)
        if found and found.high > 1 + limit.share then
            return ("%s may be worse than the limit allows: %s, at most %s, where %s is allowed"):format(limit.metric,
                percent(found.ratio), found.high < math.huge and percent(found.high) or "unknown",
                percent(1 + limit.share))
        end
    end
end

--- Judges fresh runs of the default (`base`) and of a setting (`runs`): arrays of figures, of pairs. plan: objective,
--- limits, least, alpha (the chance to be wrong). `missed`: it is the limit that was missed. The intervals of `metrics`
--- have two ends and err with alpha.
function judge.confirm(base, runs, plan)
    local metrics = {}
    for _, metric in ipairs(NOISY) do
        metrics[metric] = interval_of(base, runs, metric, plan.alpha)
    end
    local reason = objection(metrics[plan.objective], plan)
    local missed = missed_limit(base, runs, plan)
    return { accepted = not reason and not missed, reason = reason or missed, missed = not reason and missed ~= nil,
        metrics = metrics, rounds = #runs }
end

local DOUBT <const> = 0.5 -- the chance that an interval errs, which is beyond a limit: more runs hardly help

--- Can more runs hardly help? A narrow interval shows it: there is no error in giving up.
function judge.is_futile(base, runs, plan)
    local function low(metric)
        local found = interval_of(base, runs, metric, DOUBT)
        return found and found.low or 0.0
    end
    for _, limit in ipairs(plan.limits) do
        if low(limit.metric) > 1 + limit.share then
            return true
        end
    end
    return low(plan.objective) > 1 - plan.least
end

local Z <const> = 2.13 -- of the normal distribution, exceeded with a chance of 1.67 %

--- How many rounds make the interval of a limit's metric narrow enough to tell: WIDTH of the limit.
function judge.rounds_needed(noise, plan)
    local needed = statistics.pairs_needed(plan.alpha) + 1
    for _, limit in ipairs(plan.limits) do
        local narrow = WIDTH * math.log(1 + limit.share)
        local rounds = 2 * (1.05 * Z * (noise[limit.metric] or 0) / narrow) ^ 2
        needed = math.max(needed, math.ceil(math.min(rounds, 1e6)))
    end
    return needed
end

return judge
