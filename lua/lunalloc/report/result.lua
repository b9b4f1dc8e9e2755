--- Results of workloads and replays as a section: latencies by percentile, memory over time, and of a replay how
--- faithful it was.

local given = require "lunalloc.report.given"
local sheet = require "lunalloc.report.sheet"
local text = require "lunalloc.report.text"
local timeline = require "lunalloc.report.timeline"

local at, number_at, text_at = given.at, given.number_at, given.text_at

local result = {}

local CALLS <const> = { "malloc", "calloc", "aligned_alloc", "realloc", "free", "free_sized", "response" }
local PERCENTILES <const> = { { 0.5, "p50" }, { 0.9, "p90" }, { 0.99, "p99" }, { 0.999, "p99_9" } }
local FIGURES <const> = { "rss", "live", "allocated", "active", "dirty", "muzzy", "retained" }

--- "lunalloc", or "lunalloc (dirty_decay_ms:0)".
local function title_of(one, i)
    local name, conf = text_at(one, "allocator") or ("result " .. i), text_at(one, "conf")
    return text.cut(conf and conf ~= "" and ("%s (%s)"):format(name, conf) or name)
end

local function latency_of(one, call)
    return at(one, "latency", call) or call == "response" and at(one, "response")
end

--- The latency at each percentile, and the greatest one.
local function points_of(latency)
    local points = {}
    for _, percentile in ipairs(PERCENTILES) do
        local ns = number_at(latency, percentile[2])
        points[#points + 1] = ns and { percentile[1], ns } or nil
    end
    local count, most = number_at(latency, "count"), number_at(latency, "max")
    if most and count and count > 1000 then
        points[#points + 1] = { math.min(1 - 1 / count, 0.999999), most, "the greatest" }
    end
    return points
end

local function add_latencies(one, prefix, series, rows)
    for _, call in ipairs(CALLS) do
        local latency = latency_of(one, call)
        local points = latency and points_of(latency) or {}
        if #points > 0 then
            series[#series + 1] = { name = prefix .. call, line = true, points = points }
            rows[#rows + 1] = { call = prefix .. call, latency = latency }
        end
    end
end

local function latency_field(name)
    return { name:gsub("_", "."), "ns", function(row) return number_at(row.latency, name) end }
end

local function add_latency_parts(section, list)
    local series, rows = {}, {}
    for i, one in ipairs(list) do
        add_latencies(one, #list > 1 and title_of(one, i) .. ": " or "", series, rows)
    end
    if #rows > 0 then
        section.charts[1] = { kind = "xy", title = "Latency of calls", series = series,
            x = { name = "percentile", unit = "plain", scale = "nines" },
            y = { name = "time", unit = "ns", scale = "log" } }
        section.tables[1] = sheet.new("Latencies", rows, { { "call", "text", sheet.field "call" },
            latency_field "p50", latency_field "p90", latency_field "p99", latency_field "p99_9", latency_field "max",
            { "timed", "count", function(row) return number_at(row.latency, "count") end } })
    end
end

--- Figures over the time of a run; nil if it tells none.
local function timeline_of(one, title)
    local x, columns, marks = {}, {}, {}
    local entries = given.list(at(one, "timeline"))
    for i, entry in ipairs(entries) do
        x[i] = number_at(entry, "t") or x[i - 1] or 0
    end
    for _, name in ipairs(FIGURES) do
        local values, any = {}, false
        for i, entry in ipairs(entries) do
            values[i] = number_at(entry, name) or false
            any = any or values[i]
        end
        columns[#columns + 1] = any and { name = name, values = values } or nil
    end
    for _, mark in ipairs(given.list(at(one, "marks"))) do
        marks[#marks + 1] = number_at(mark, "t") and { x = mark.t, text = text.cut(text_at(mark, "mark") or "") } or nil
    end
    return #columns > 0 and #x > 1 and timeline.chart(title, "bytes", "s", x, columns, marks) or nil
end

--- Name and two values of all that a replay compares, as rows.
local function fidelity_of(one)
    local rows = {}
    for call, pair in pairs(type(at(one, "fidelity", "kinds")) == "table" and one.fidelity.kinds or {}) do
        rows[#rows + 1] = { tostring(call), number_at(pair, "recorded"), number_at(pair, "replayed") }
    end
    table.sort(rows, function(a, b) return a[1] < b[1] end)
    for _, name in ipairs { "remote", "peak_live", "peak_rss" } do
        local pair = at(one, "fidelity", name)
        rows[#rows + 1] = pair and { name:gsub("_", " "), number_at(pair, "recorded"), number_at(pair, "replayed") }
    end
    return rows
end

local function add_result(section, one, i)
    local title = title_of(one, i)
    section.charts[#section.charts + 1] = timeline_of(one, "Memory: " .. title)
    local rows = fidelity_of(one)
    if #rows > 0 then
        section.tables[#section.tables + 1] = sheet.new("What was recorded and replayed: " .. title, rows,
            { { "what", "text", sheet.field(1) }, { "recorded", "plain", sheet.field(2) },
                { "replayed", "plain", sheet.field(3) } })
    end
end

--- The section of a result, or of an array of results; nil and why.
function result.section(value)
    if type(value) ~= "table" then
        return nil, "it is no result of a workload or a replay"
    end
    local list = #value > 0 and given.list(value) or { value }
    local section = { id = "result", title = "Workload", charts = {}, tables = {} }
    add_latency_parts(section, list)
    for i, one in ipairs(list) do
        add_result(section, one, i)
    end
    if #section.charts + #section.tables == 0 then
        return nil, "it has neither latencies nor a timeline"
    end
    return section
end

return result
