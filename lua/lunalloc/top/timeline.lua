--- The time line of `lunalloc top`: figures of the last minutes as a plot, with a mark where a setting changed.
---
---     timeline.lines(row, { width = 80, height = 9, utf8 = true, colour = true })    lines of cells { text, style }
---
--- la.plot draws it. The x axis is in seconds before the last sample.

local plot = require "lunalloc.plot"

local timeline = {}

timeline.SERIES = require("lunalloc.top.model").SERIES

local LEAST_SECONDS <const> = 60 -- of the axis, also right after the start
local AXIS_LINES <const> = 2
local LINES_PER_LABEL <const> = 5 -- of the time line: so many marks have a label, the newest

-- ---- figures to points ---------------------------------------------------------------------------------------------

--- For each of `n` spans of time the largest value in it, NaN if there is none.
local function spans(times, values, first, width, n)
    local out = {}
    for i = 1, n do
        out[i] = 0 / 0
    end
    for i, value in ipairs(values) do
        local at = math.max(1, math.ceil((times[i] - first) / width))
        if at <= n and not (out[at] >= value) then
            out[at] = value
        end
    end
    return out
end

--- Spans without a sample between two with one get the value before: a sample stands for the time until the next.
local function bridged(values, most)
    local last
    for i, value in ipairs(values) do
        if value == value then
            for j = (last or i) + 1, i - 1 do
                values[j] = i - last <= most and values[last] or values[j]
            end
            last = i
        end
    end
    return values
end

-- ---- the plot's text as cells ---------------------------------------------------------------------------------------

-- The plot's colours, by series: the styles of lunalloc/top/view.lua.
local STYLES <const> = { ["36"] = "series1", ["33"] = "series2", ["35"] = "series3", ["32"] = "series4",
    ["34"] = "series5", ["31"] = "series6" }

local function cells_of(text)
    local line, style, from = {}, nil, 1
    for at, code, next_at in text:gmatch "()\27%[(%d+)m()" do
        if at > from then
            line[#line + 1] = { text:sub(from, at - 1), style }
        end
        style, from = STYLES[code], next_at
    end
    if from <= #text then
        line[#line + 1] = { text:sub(from), style }
    end
    return line
end

-- ---- the whole -----------------------------------------------------------------------------------------------------

--- "dirty_decay_ms = 500", "purge"
local function label_of(mark)
    local name = mark.name:gsub("^arena%.4096%.", "")
    return mark.value == nil and name or ("%s = %s"):format(name, mark.value)
end

local function marks_of(row, last, seconds, labels)
    local marks = {}
    for i = #row.marks, 1, -1 do
        local x = row.marks[i].time - last
        if x <= 0 and x >= -seconds then
            table.insert(marks, 1, { x = x, label = #marks < labels and label_of(row.marks[i]) or nil })
        end
    end
    return marks
end

local function plotted(row, options, height)
    local times, last = row.line.time, row.now.clock
    local seconds = math.max(LEAST_SECONDS, last - times[1])
    local n = options.width * (options.utf8 and 2 or 1)
    local width = seconds / n
    local x, series = {}, {}
    for i = 1, n do
        x[i] = -seconds + i * width
    end
    for i, name in ipairs(timeline.SERIES) do
        local values = spans(times, row.line[name], last - seconds, width, n)
        series[i] = { name = name, values = bridged(values, math.ceil(5 / width)) }
    end
    local marks = marks_of(row, last, seconds, options.height // LINES_PER_LABEL)
    return plot { series = series, x = x, marks = marks, unit = "bytes", width = options.width, height = height,
        mode = options.utf8 and "braille" or "ascii", colour = options.colour or false }
end

local function split(text)
    local lines = {}
    for line in (text .. "\n"):gmatch "([^\n]*)\n" do
        lines[#lines + 1] = line
    end
    return lines
end

--- At most `height` lines.
function timeline.lines(row, options)
    if #row.line.time == 0 or options.height < AXIS_LINES + 2 then
        return {}
    end
    local texts = split(plotted(row, options, options.height - AXIS_LINES))
    local excess = #texts - options.height
    if excess > 0 and options.height - AXIS_LINES - excess >= 2 then
        texts = split(plotted(row, options, options.height - AXIS_LINES - excess))
    end
    local lines = {}
    for i = 1, math.min(#texts, options.height) do
        lines[i] = cells_of(texts[i])
    end
    return lines
end

return timeline
