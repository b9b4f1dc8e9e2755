--- What la.plot can draw besides a table of options: a history, a trace, a workload or a result with its timeline,
--- an array of records with times, or an array of numbers.
---
---     plot_of(what)  ->  options for la.plot; nil if it is none of these
---     plot_of.draws_itself(what)    true of objects that have a method plot(options) for it

local FIGURES <const> = { "rss", "allocated", "active", "dirty", "live" }

local SELF <const> = { ["lunalloc.history"] = true, ["lunalloc.trace"] = true }

local plot_of = {}

local function type_of(what)
    local meta = getmetatable(what)
    return type(meta) == "table" and rawget(meta, "__name") or nil
end

function plot_of.draws_itself(what)
    return SELF[type_of(what)] == true
end

local function is_number(value)
    return type(value) == "number"
end

--- A figure of all records; nil unless each has it.
local function series_of(records, name)
    local values = {}
    for i = 1, #records do
        values[i] = rawget(records[i], name)
        if not is_number(values[i]) then
            return nil
        end
    end
    return { name = name, values = values }
end

--- Records over their times: fields t or time (ns), and the figures that all have; marks where they have one.
local function of_records(records)
    local series, x, marks = {}, {}, {}
    for i = 1, #records do
        local record = records[i]
        if type(record) ~= "table" then
            return nil
        end
        local t, time = rawget(record, "t"), rawget(record, "time")
        x[i] = is_number(t) and t or is_number(time) and time / 1e9 or i
        local mark = rawget(record, "mark")
        marks[#marks + 1] = mark ~= nil and { x = x[i], label = tostring(mark) } or nil
    end
    for _, name in ipairs(FIGURES) do
        series[#series + 1] = series_of(records, name)
    end
    return #series > 0 and { x = x, series = series, marks = marks, unit = "bytes" } or nil
end

function plot_of.options(what)
    if type(what) ~= "table" or rawget(what, "series") ~= nil then
        return nil
    elseif type_of(what) == "lunalloc.workload" then
        return of_records(what:timeline())
    elseif type(rawget(what, "timeline")) == "table" then
        return of_records(rawget(what, "timeline"))
    elseif is_number(rawget(what, 1)) then
        return { series = { { name = "values", values = what } } }
    end
    return rawlen(what) > 0 and of_records(what) or nil
end

return setmetatable(plot_of, { __call = function(_, what) return plot_of.options(what) end })
