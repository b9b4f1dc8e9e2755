--- The time line of `lunalloc top`: figures of the last minutes as a plot, with a mark where a setting changed.
---
---     timeline.lines(row, { width = 80, height = 9, utf8 = true, colour = true })    lines of cells { text, style }
---
--- la.plot draws it. The x axis is in seconds before the last sample.

local plot = require "lunalloc.plot"

local timeline = {}

timeline.SERIES = require("lunalloc.top.model").SERIES

local LEAST_SECONDS <const> = 60 -- of the axis, also right after the start
local GAP <const> = 5 -- seconds without a sample that are not drawn over
local AXIS_LINES <const> = 2
local LINES_PER_LABEL <const> = 5 -- of the time line: so many marks have a label, the newest

-- ---- figures to points ---------------------------------------------------------------------------------------------

--- Which samples are one point: { first, last } of each span of time that has some. Between two that are further apart
--- than GAP is an empty one.
local function spans(times, first, width)
    local list, before = {}, nil
    for i, time in ipairs(times) do
        local at = (time - first) // width
        if at == before then
            list[#list][2] = i
        else
            if before and time - times[i - 1] > GAP then
                list[#list + 1] = { i, i - 1 }
            end
            list[#list + 1] = { i, i }
            before = at
        end
    end
    return list
end

--- The largest value of each span; NaN if there is none.
local function largest(list, values)
    local out = {}
    for n, span in ipairs(list) do
        local most = 0 / 0
        for i = span[1], span[2] do
            if most ~= most or values[i] > most then
                most = values[i]
            end
        end
        out[n] = most
    end
    return out
end

--- The points of all series, and their x: seconds before `last`. The axis begins `seconds` before it.
local function points(line, last, seconds, width)
    local list, x, series = spans(line.time, last - seconds, width), { -seconds }, {}
    for n, span in ipairs(list) do
        x[n + 1] = math.min(0, line.time[math.max(span[1], span[2])] - last)
    end
    for i, name in ipairs(timeline.SERIES) do
        local values = largest(list, line[name])
        table.insert(values, 1, 0 / 0)
        series[i] = { name = name, values = values }
    end
    return x, series
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

--- The newest marks have a label. Of several within one span of time only the last one is drawn: those are the steps of
--- one action.
local function marks_of(row, last, seconds, width, labels)
    local marks, after = {}, math.huge
    for i = #row.marks, 1, -1 do
        local x = row.marks[i].time - last
        if x <= 0 and x >= -seconds and after - x > width then
            table.insert(marks, 1, { x = x, label = #marks < labels and label_of(row.marks[i]) or nil })
            after = x
        end
    end
    return marks
end

--- How many seconds the axis shows, and how many a column.
local function scale_of(row, options)
    local seconds = math.max(LEAST_SECONDS, row.now.clock - row.line.time[1])
    return seconds, seconds / options.width
end

local function plotted(row, options, height)
    local last, seconds, width = row.now.clock, scale_of(row, options)
    local x, series = points(row.line, last, seconds, width)
    local marks = marks_of(row, last, seconds, width, options.height // LINES_PER_LABEL)
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

local function draw(row, options)
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

--- What a picture depends on. It is drawn anew when time has gone on by a column.
local function key_of(row, options)
    local _, width = scale_of(row, options)
    return ("%d %d %s %s %d %d"):format(options.width, options.height, options.utf8, options.colour, #row.marks,
        row.now.clock // width)
end

--- At most `height` lines. Drawing costs more than all the rest of a picture, so the lines of the last one are kept.
function timeline.lines(row, options)
    if #row.line.time == 0 or options.height < AXIS_LINES + 2 then
        return {}
    end
    local key = key_of(row, options)
    if not (row.drawn and row.drawn.key == key) then
        row.drawn = { key = key, lines = draw(row, options) }
    end
    return table.move(row.drawn.lines, 1, #row.drawn.lines, 1, {})
end

return timeline
