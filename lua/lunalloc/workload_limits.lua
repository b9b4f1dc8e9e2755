--- Limits of a workload: what a result must keep to. compile() checks the table of a description, judge() a result.
---
---     list = limits.compile({ ["malloc.p99"] = "5us", failures = 0 }, "limits")    raises one line without a position
---     limits.judge(result, list)                                                   sets result.ok and result.limits

local kinds = require "lunalloc.workload_kinds"

local limits = {}

local CALLS <const> = { "malloc", "calloc", "aligned_alloc", "realloc", "free", "free_sized" }
local PERCENTILES <const> = { p50 = "p50", p90 = "p90", p99 = "p99", ["p99.9"] = "p99_9", max = "max", mean = "mean" }

local LIMIT_NAMES <const> = "rss/live, peak_rss, failures, ops_per_s, and CALL.p50, .p90, .p99, .p99.9, .max, " ..
    ".mean, CALL being one of " .. table.concat(CALLS, ", ")

-- name = { kind, function that gets the value from a result, true if more is better }
local LIMITS <const> = {
    ["rss/live"] = { kinds.ratio(0, 1e12), function(result) return result.rss_per_live end },
    peak_rss = { kinds.size, function(result) return result.peak_rss end },
    failures = { kinds.count(0, kinds.HUGE), function(result) return result.failures end },
    ops_per_s = { kinds.rate, function(result) return result.ops_per_s end, true },
}
for _, call in ipairs(CALLS) do
    for name, field in pairs(PERCENTILES) do
        LIMITS[call .. "." .. name] = { kinds.time, function(result)
            return result.latency[call] and result.latency[call][field]
        end }
    end
end

--- Limits in the order of their names: { name, limit, measure = function(result), least = true for a lower bound }.
function limits.compile(value, path)
    if type(value) ~= "table" then
        kinds.fail("%s = %s: a table { [name] = limit } expected", path, kinds.shown(value))
    end
    local list = {}
    for name, limit in pairs(value) do
        local known = LIMITS[name]
        if not known then
            kinds.fail_unknown("limit", name, kinds.sorted_keys(LIMITS), LIMIT_NAMES)
        end
        local canonical = known[1](limit, ("%s[%q]"):format(path, name))
        list[#list + 1] = { name = name, limit = canonical, measure = known[2], least = known[3] or false }
    end
    table.sort(list, function(a, b)
        return a.name < b.name
    end)
    return list
end

--- Adds result.limits, an array of { name, limit, value, ok }, and result.ok. A limit on calls that never happened is
--- missed.
function limits.judge(result, list)
    result.ok = result.verify.errors == 0 and result.failed_sets == 0
    result.limits = {}
    for i, limit in ipairs(list) do
        local value = limit.measure(result)
        local ok = value ~= nil and (limit.least and value >= limit.limit or not limit.least and value <= limit.limit)
        result.limits[i] = { name = limit.name, limit = limit.limit, value = value, ok = ok, least = limit.least }
        result.ok = result.ok and ok
    end
end

return limits
