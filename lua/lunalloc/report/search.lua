--- A search for settings (la.tune{}) as a section: what was won, what each setting does, and all that was tried, by
--- time and memory.

local given = require "lunalloc.report.given"
local sheet = require "lunalloc.report.sheet"
local text = require "lunalloc.report.text"
local units = require "lunalloc.units"

local at, number_at, text_at = given.at, given.number_at, given.text_at

local search = {}

local function median(row, metric)
    return number_at(row, metric, "median")
end

local function name_of(row)
    local conf = text_at(row, "conf")
    return conf ~= nil and conf ~= "" and conf or "the defaults"
end

--- Points (time, memory) of entries. Those without a figure are left out.
local function points_of(rows, best)
    local points = {}
    for _, row in ipairs(rows) do
        local x, y = median(row, "time"), median(row, "rss")
        if x and y and (not best or best[name_of(row)]) then
            points[#points + 1] = { x, y, text.cut(name_of(row)) }
        end
    end
    table.sort(points, function(a, b) return a[1] < b[1] end)
    return points
end

local function plane_of(result, rows)
    local winner = type(result.winner) == "table" and { result.winner } or {}
    local all = { { name = "tried", points = points_of(rows) },
        { name = "no other is better in both", line = true, points = points_of(given.list(result.pareto)) },
        { name = "the defaults", strong = true, points = points_of({ at(result, "baseline") }) },
        { name = "the winner", strong = true, points = points_of(winner) } }
    local series, n = {}, 0
    for _, one in ipairs(all) do
        series[#series + 1] = #one.points > 0 and one or nil
        n = n + #one.points
    end
    return n > 0 and { kind = "xy", title = "Time and memory of what was tried", series = series,
        x = { name = "time", unit = "s" }, y = { name = "memory", unit = "bytes" } } or nil
end

local function percent(ratio)
    return ratio and math.floor((ratio - 1) * 10000 + 0.5) / 100 or nil
end

--- "1.20 to 1.31": the quartiles of an entry's runs.
local function spread(row, metric, form)
    local low, high = number_at(row, metric, "low"), number_at(row, metric, "high")
    return low and high and ("%s to %s"):format(form(low), form(high)) or ""
end

local function seconds(value)
    return units.human_time(value * 1e9)
end

local FIELDS <const> = {
    { "settings", "text", name_of },
    { "runs", "plain", function(row) return number_at(row, "runs") end },
    { "time", "s", function(row) return median(row, "time") end },
    { "half of the times", "text", function(row) return spread(row, "time", seconds) end },
    { "time, change", "percent", function(row) return percent(number_at(row, "ratio", "time")) end },
    { "memory", "bytes", function(row) return median(row, "rss") end },
    { "half of the memory", "text", function(row) return spread(row, "rss", units.human) end },
    { "memory, change", "percent", function(row) return percent(number_at(row, "ratio", "rss")) end },
    { "p99", "s", function(row) return median(row, "p99") end },
}

local function effect_of(setting, metric)
    local effect = number_at(setting, "effect", metric)
    return effect and math.floor(effect * 10000 + 0.5) / 100
end

local SETTINGS <const> = {
    { "setting", "text", function(row) return text_at(row, "name") end },
    { "value", "text", function(row) return text_at(row, "value") or tostring(at(row, "value")) end },
    { "default", "text", function(row) return text_at(row, "default") end },
    { "effect on time", "percent", function(row) return effect_of(row, "time") end },
    { "effect on memory", "percent", function(row) return effect_of(row, "rss") end },
    { "why", "text", function(row) return text_at(row, "why") end },
}

local function tables_of(result, rows)
    local tables = {}
    local function add(title, list, fields)
        tables[#tables + 1] = #list > 0 and sheet.new(title, list, fields) or nil
    end
    add("What the winner sets", given.list(at(result, "winner", "settings")), SETTINGS)
    add("Pareto front: no other one is better in both", given.list(result.pareto), FIELDS)
    add("All that was tried", rows, FIELDS)
    add("Rejected", given.list(result.rejected), { { "settings", "text", name_of },
        { "why", "text", function(row) return text_at(row, "why") end } })
    return tables
end

--- The verdict in a line.
local function note_of(result, private)
    local parts = {}
    parts[#parts + 1] = not private and text_at(result, "name") or nil
    parts[#parts + 1] = "objective: " .. (text_at(result, "objective") or "unknown")
    parts[#parts + 1] = "verdict: " .. (text_at(result, "verdict") or "unknown")
    parts[#parts + 1] = text_at(result, "winner", "line")
    parts[#parts + 1] = text_at(result, "reason")
    return text.cut(table.concat(parts, "; "), 1000)
end

--- The section of a result, a table as la.tune returns it or its JSON has it; nil and why.
function search.section(result, private)
    if type(result) ~= "table" then
        return nil, "it is no result of a search"
    end
    local rows = given.list(result.entries)
    if #rows == 0 and not text_at(result, "verdict") then
        return nil, "it is no result of a search: it has neither a verdict nor entries"
    end
    return { id = "tune", title = "Search for settings", note = note_of(result, private),
        charts = { plane_of(result, rows) }, tables = tables_of(result, rows) }
end

return search
