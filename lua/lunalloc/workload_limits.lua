--- Limits of a workload: what a result must keep to. compile() checks the table of a description, judge() a result.
---
---     list = limits.compile({ ["malloc.p99"] = "5us", failures = 0 }, "limits", nphases)
---     limits.judge(result, list)              sets result.limits, and result.ok to false if one is missed
---
--- A limit is a value, or { at_most = | at_least =, per_phase = true, slope = true, reason = "why" }, or an array of
--- these. A value alone is the most that is allowed; of ops_per_s the least. Times need a unit: 500 would be seconds.
---
---   per_phase   each part of the run between two phases must keep to it
---   slope       the growth of the figure, "64K/s" or "64K/Mop" (a million operations): see workload_slope.lua
---
--- A limit that cannot be judged is missed, and says why: on calls that never happened, on RSS/live of a few blocks.

local check = require "lunalloc.check"
local kinds = require "lunalloc.workload_kinds"
local slope = require "lunalloc.workload_slope"
local units = require "lunalloc.units"

local limits = {}

--- Below so many live bytes, RSS/live tells of stacks, caches and slabs that are cut, on any allocator.
limits.LEAST_LIVE = 16 << 20

-- ---- figures -------------------------------------------------------------------------------------------------------

local CALLS <const> = { "malloc", "calloc", "aligned_alloc", "realloc", "free", "free_sized", "response" }
local PERCENTILES <const> = { p50 = "p50", p90 = "p90", p99 = "p99", ["p99.9"] = "p99_9", max = "max", mean = "mean" }

local NAMES <const> = "rss, rss/live, peak_rss, freed_rss, allocated, active, failures, ops_per_s, and CALL.p50, " ..
    ".p90, .p99, .p99.9, .max, .mean, CALL being one of " .. table.concat(CALLS, ", ")

--- A time with a unit.
local function time(value, path)
    if type(value) ~= "string" or not value:find "%a" then
        kinds.fail('%s = %s: a time with its unit expected, such as "500us", "5ms", "1s"', path, kinds.shown(value))
    end
    return kinds.time(value, path)
end

local function resident(entry)
    return entry.rss - entry.engine
end

local function rss_per_live(span)
    if span.live_at_end >= limits.LEAST_LIVE then
        return span.rss_per_live
    end
    return nil, ("not judged: %s live at the end; from %s live on it is"):format(units.human(span.live_at_end),
        units.human(limits.LEAST_LIVE))
end

-- name -> kind of its bound; unit; get(span) -> value, or nil, why: of a result or of one of its phases; series(entry):
-- of an entry of the timeline, for slopes; least: more is better; whole: of whole runs only.
local FIGURES <const> = {
    rss = { kind = kinds.size, unit = "bytes", series = resident, get = function(span)
        return span.rss_at_end
    end },
    ["rss/live"] = { kind = kinds.ratio(0, 1e12), unit = "", get = rss_per_live },
    peak_rss = { kind = kinds.size, unit = "bytes", get = function(span)
        return span.peak_rss
    end },
    freed_rss = { kind = kinds.size, unit = "bytes", whole = true, get = function(span)
        return span.freed_rss
    end },
    failures = { kind = kinds.count(0, kinds.HUGE), unit = "count", get = function(span)
        return span.failures
    end },
    ops_per_s = { kind = kinds.rate, unit = "ops/s", least = true, get = function(span)
        return span.ops_per_s
    end },
}

for _, name in ipairs { "allocated", "active" } do
    FIGURES[name] = { kind = kinds.size, unit = "bytes", series = function(entry)
        return entry[name]
    end, get = function(span)
        return span[name .. "_at_end"], "only lunalloc counts it"
    end }
end

for _, call in ipairs(CALLS) do
    for name, field in pairs(PERCENTILES) do
        FIGURES[call .. "." .. name] = { kind = time, unit = "ns", get = function(span)
            local latency = call == "response" and span.response or span.latency[call]
            if latency then
                return latency[field]
            end
            return nil, call == "response" and "only an open loop (rate) has response times" or "no such call was timed"
        end }
    end
end

-- ---- compiling -----------------------------------------------------------------------------------------------------

--- "64K/s": bytes, and "s".
local function slope_bound(value, path)
    local amount, per = tostring(value):match "^(.-)%s*/%s*(%a+)$"
    local bytes = type(value) == "string" and (per == "s" or per == "Mop") and units.size(amount)
    if not bytes then
        kinds.fail('%s = %s: growth expected, such as "64K/s", or "64K/Mop" (in a million operations)', path,
            kinds.shown(value))
    end
    return bytes, per
end

local KEYS <const> = {
    at_most = { function(value) return value end },
    at_least = { function(value) return value end },
    per_phase = { kinds.flag, false },
    slope = { kinds.flag, false },
    reason = { kinds.text },
}

--- Complains of keys that do not go together.
local function check_form(form, figure, path, nphases)
    if (form.at_most == nil) == (form.at_least == nil) then
        kinds.fail("%s: either at_most or at_least expected", path)
    elseif form.slope and not figure.series then
        kinds.fail("%s.slope: only rss, allocated and active have a slope", path)
    elseif form.slope and form.per_phase then
        kinds.fail("%s: a slope is of the whole run: slope or per_phase, not both", path)
    elseif form.per_phase and figure.whole then
        kinds.fail("%s.per_phase: there is one such figure in a run", path)
    elseif form.per_phase and nphases == 0 then
        kinds.fail("%s.per_phase: the description has no phases", path)
    end
end

local function is_form(value)
    return type(value) == "table"
end

local function compile_one(name, figure, value, path, nphases)
    local plain = figure.least and "at_least" or "at_most"
    local form = is_form(value) and kinds.read(value, KEYS, path) or { [plain] = value }
    check_form(form, figure, path, nphases)
    local key = form.at_most ~= nil and "at_most" or "at_least"
    local limit = { name = name, get = figure.get, least = key == "at_least", unit = figure.unit, reason = form.reason,
        per_phase = form.per_phase or false }
    path = is_form(value) and path .. "." .. key or path
    if form.slope then
        limit.limit, limit.per = slope_bound(form[key], path)
        limit.unit, limit.series, limit.name = "bytes/" .. limit.per, figure.series, name .. " slope"
    else
        limit.limit = figure.kind(form[key], path)
    end
    return limit
end

--- Limits in the order of their names. Raises one line without a position. nphases: of the description.
function limits.compile(value, path, nphases)
    if type(value) ~= "table" then
        kinds.fail("%s = %s: a table { [name] = limit } expected", path, kinds.shown(value))
    end
    local list = {}
    for name, forms in pairs(value) do
        local figure = FIGURES[name]
        if not figure then
            kinds.fail_unknown("limit", name, check.names(FIGURES), NAMES)
        end
        local where = ("%s[%q]"):format(path, name)
        local several = is_form(forms) and forms[1] ~= nil
        for i, form in ipairs(several and kinds.list(forms, where, "limits") or { forms }) do
            list[#list + 1] = compile_one(name, figure, form, several and ("%s[%d]"):format(where, i) or where, nphases)
            list[#list].position = i
        end
    end
    table.sort(list, function(a, b)
        return a.name < b.name or a.name == b.name and a.position < b.position
    end)
    return list
end

-- ---- judging -------------------------------------------------------------------------------------------------------

local function shown(limit, value)
    if limit.unit == "ns" then
        return units.human_time(value)
    elseif limit.unit:find "^bytes" then
        return units.human(value) .. limit.unit:sub(6)
    elseif limit.unit == "ops/s" then
        return units.human_count(value) .. "/s"
    end
    return ("%.4g"):format(value)
end

local Limit = { __name = "lunalloc.workload.limit" }

--- One line: "malloc.p99 in phase 2 (doubled) is 7 us, at most 5 us allowed: MISSED (a frame has 16 ms)".
function Limit.__tostring(limit)
    local found = limit.value == nil and "was not measured" or "is " .. shown(limit, limit.value)
    return ("%s%s %s, %s %s %s: %s%s%s"):format(limit.name, limit.phase and " in phase " .. limit.phase or "", found,
        limit.least and "at least" or "at most", shown(limit, limit.limit), limit.least and "expected" or "allowed",
        limit.ok and "ok" or "MISSED", limit.note and "; " .. limit.note or "",
        limit.reason and " (" .. limit.reason .. ")" or "")
end

--- A line of the table in a printed result.
function limits.row(limit)
    local name = limit.phase and ("%s, phase %s"):format(limit.name, limit.phase) or limit.name
    return ("  %-22s %s (%s %s) %s%s%s"):format(name, limit.value and shown(limit, limit.value) or "not measured",
        limit.least and "at least" or "at most", shown(limit, limit.limit), limit.ok and "ok" or "MISSED",
        limit.note and ": " .. limit.note or "", not limit.ok and limit.reason and ": " .. limit.reason or "")
end

--- The verdict on one span: the result, or one of its phases.
local function verdict(limit, span, phase)
    local value, note
    if phase and not span.reached then
        note = "the run ended before this phase"
    elseif limit.series then
        value, note = slope.of(span.timeline, limit.series, limit.per)
    else
        value, note = limit.get(span)
    end
    local ok = value ~= nil and (limit.least and value >= limit.limit or not limit.least and value <= limit.limit)
    return setmetatable({ name = limit.name, limit = limit.limit, value = value, ok = ok, least = limit.least,
        unit = limit.unit, reason = limit.reason, phase = phase, note = value == nil and note or nil }, Limit)
end

--- Adds result.limits, an array of { name, limit, value, ok, least, unit, reason, phase, note }, and result.ok.
function limits.judge(result, list)
    result.ok = result.verify.errors == 0 and result.failed_sets == 0
    result.limits = {}
    for _, limit in ipairs(list) do
        for _, phase in ipairs(limit.per_phase and result.phases or { false }) do
            local found = verdict(limit, phase or result, phase and phase.title or nil)
            result.limits[#result.limits + 1] = found
            result.ok = result.ok and found.ok
        end
    end
end

return limits
