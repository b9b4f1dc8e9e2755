--- The figures by which la.compare compares runs: their names, units and directions, and how a run gives them.
---
---     metrics.of(done)    the figures of a child's run, by name: done is what child.run() returned
---     metrics.sorted(set) the names of a set of figures, in the order of a report
---     metrics.about(name) { unit =, more = true if more is better }
---
--- A workload gives throughput, latencies and memory; a script of any kind the time, memory and page faults of its
--- process, and each number of the table that it returns.

local metrics = {}

local MORE <const> = true

-- name, unit, direction; in the order of a report
local KNOWN <const> = {
    { "ops/s", "count", MORE },
    { "malloc.p50", "ns" }, { "malloc.p99", "ns" }, { "calloc.p99", "ns" }, { "aligned_alloc.p99", "ns" },
    { "realloc.p99", "ns" }, { "free.p50", "ns" }, { "free.p99", "ns" },
    { "ns/call", "ns" }, { "seconds", "s" }, { "cpu", "s" },
    { "peak RSS", "bytes" }, { "rss/live", "" }, { "page faults", "count" },
}

local places, by_name = {}, {}
for i, known in ipairs(KNOWN) do
    places[known[1]] = i
    by_name[known[1]] = { unit = known[2], more = known[3] or false }
end

--- What is known of a metric. Of others, more is better if they are rates.
function metrics.about(name)
    return by_name[name] or { unit = "", more = name:find "/s$" ~= nil or name:find "_per_s$" ~= nil }
end

--- The names of the table's keys, in the order of a report.
function metrics.sorted(set)
    local names = {}
    for name in pairs(set) do
        names[#names + 1] = name
    end
    table.sort(names, function(a, b)
        local first, second = places[a] or math.huge, places[b] or math.huge
        if first ~= second then
            return first < second
        end
        return a < b
    end)
    return names
end

-- Each call's percentiles that are compared.
local PERCENTILES <const> = { malloc = { "p50", "p99" }, free = { "p50", "p99" }, calloc = { "p99" },
    realloc = { "p99" }, aligned_alloc = { "p99" } }

local function add_workload(set, value)
    set["ops/s"], set["rss/live"] = value.ops_per_s, value.rss_per_live
    set["peak RSS"] = value.peak_rss or set["peak RSS"]
    set.seconds = nil -- of the process, which the duration of a workload sets
    for call, names in pairs(PERCENTILES) do
        local latency = value.latency and value.latency[call]
        for _, name in ipairs(latency and names or {}) do
            set[call .. "." .. name] = latency[name]
        end
    end
end

local function add_numbers(set, value)
    for name, number in pairs(value) do
        if type(name) == "string" and math.type(number) then
            set[name] = number
        end
    end
end

function metrics.of(done)
    local set = { seconds = done.seconds, cpu = done.user and done.user + done.system, ["peak RSS"] = done.max_rss,
        ["page faults"] = done.minor_faults and done.minor_faults + done.major_faults }
    local answer = done.value or {}
    if answer.workload then
        add_workload(set, answer.workload)
    end
    add_numbers(set, answer.figures or {})
    return set
end

return metrics
