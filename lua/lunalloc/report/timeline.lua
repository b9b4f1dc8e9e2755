--- The figures of a process over time, with marks where a setting was changed: from a history, or from the samples of
--- whoever watched the process (report/watch.lua).

local check = require "lunalloc.check"
local limits = require "lunalloc.report.limits"
local text = require "lunalloc.report.text"

local BYTES <const> = { "rss", "allocated", "active", "dirty", "muzzy", "retained", "discarded" }
local MAX_MARKS <const> = 500

local timeline = {}

--- The places of the first, least, greatest and last value from i to j.
local function extremes(values, i, j)
    local least, most
    for k = i, j do
        local value = values[k]
        if value then
            least = (not least or value < values[least]) and k or least
            most = (not most or value > values[most]) and k or most
        end
    end
    return least, most
end

--- Puts the two extremes of a bucket behind a series, in the order in which they occurred.
local function put_extremes(values, i, j, out)
    local least, most = extremes(values, i, j)
    local first = least and (least <= most and least or most)
    local second = least and (least <= most and most or least)
    out[#out + 1] = first and values[first] or false
    out[#out + 1] = second and values[second] or false
end

--- At most `points` places of x and of all series, each an array with `false` for what is missing. Every bucket keeps
--- its minimum and its maximum.
function timeline.decimate(x, series, points)
    points = points or limits.points
    if #x <= points then
        return x, series
    end
    local buckets = points // 2
    local new_x, new_series = {}, {}
    for s = 1, #series do
        new_series[s] = {}
    end
    for b = 1, buckets do
        local i, j = (b - 1) * #x // buckets + 1, b * #x // buckets
        new_x[#new_x + 1], new_x[#new_x + 2] = x[i], x[j]
        for s = 1, #series do
            put_extremes(series[s], i, j, new_series[s])
        end
    end
    return new_x, new_series
end

local function number(value)
    return math.type(value) and value == value and math.abs(value) < math.huge and value or false
end

--- A chart of `columns` ({ name =, values = }) over x.
function timeline.chart(title, unit, xunit, x, columns, marks)
    local series = {}
    for i, column in ipairs(columns) do
        series[i] = column.values
    end
    local new_x, new_series = timeline.decimate(x, series)
    local chart = { kind = "line", title = title, unit = unit, xunit = xunit, x = new_x, series = {},
        marks = marks or {} }
    for i, column in ipairs(columns) do
        chart.series[i] = { name = column.name, values = new_series[i], hidden = column.hidden }
    end
    return chart
end

-- Left out as long as it is 0: most processes have none.
local SELDOM <const> = { discarded = true }

--- The values of a field of all moments; nil if none has it.
local function column_of(moments, name)
    local values, any = {}, false
    for i, moment in ipairs(moments) do
        values[i] = number(moment[name])
        any = any or values[i] and not (SELDOM[name] and values[i] == 0)
    end
    return any and { name = name, values = values } or nil
end

--- What happened between two moments, per second.
local function rate_of(moments, name)
    local values, any = {}, false
    for i, moment in ipairs(moments) do
        local before = moments[i - 1]
        local seconds = before and (moment.time - before.time) / 1e9 or 0
        local more = before and number(moment[name]) and number(before[name]) and moment[name] - before[name]
        values[i] = more and more >= 0 and seconds > 0 and math.floor(more / seconds + 0.5) or false
        any = any or values[i]
    end
    return any and { name = name .. " per second", values = values } or nil
end

local function marks_of(history, at, private)
    local marks = {}
    local first = math.max(1, #history.marks - MAX_MARKS + 1)
    for i = first, #history.marks do
        local mark = history.marks[i]
        marks[#marks + 1] = { x = at(mark.time), text = text.name(mark.value == "" and mark.name
            or mark.name .. " = " .. mark.value, private) }
    end
    return marks
end

--- The section of a history { moments =, marks = }. `now`: the process's clock in ns at the time `made` (seconds since
--- 1970). nil, and why, if there is none.
function timeline.section(history, now, made, private)
    local moments = history.moments
    if #moments < 2 then
        return nil, "there are fewer than two moments: the agent keeps a history while it runs, and --for watches"
    end
    local function at(time)
        return math.floor((made + (check.sent(time, now) - now) / 1e9) * 1000 + 0.5) / 1000
    end
    local x, columns, marks = {}, {}, marks_of(history, at, private)
    for i, moment in ipairs(moments) do
        x[i] = at(moment.time)
    end
    for _, name in ipairs(BYTES) do
        columns[#columns + 1] = column_of(moments, name)
    end
    local charts = { timeline.chart("Memory over time", "bytes", "clock", x, columns, marks) }
    local rates = { rate_of(moments, "requests"), rate_of(moments, "faults") }
    if next(rates) then
        local list = { rates[1] or rates[2], rates[1] and rates[2] or nil }
        charts[2] = timeline.chart("Requests and page faults", "count", "clock", x, list, marks)
    end
    return { id = "timeline", title = "Over time", charts = charts,
        note = ("%d moments; %d changes of settings are marked."):format(#moments, #history.marks) }
end

return timeline
