--- .plot: a picture of a target's history, of a workload or its timeline, or of plain numbers.
---
---     picture(what, target)  ->  a text; nil, message, code

local running = require "lunalloc.running"

local FIGURES <const> = { "rss", "allocated", "active", "dirty" }

--- A picture of records over their times: fields t or time, and the figures that they have.
local function of_records(records, la)
    local series, x, marks = {}, {}, {}
    for i, record in ipairs(records) do
        x[i] = record.t or record.time or i
        marks[#marks + 1] = record.mark and { x = x[i], label = record.mark } or nil
    end
    for _, name in ipairs(FIGURES) do
        local values = {}
        for i, record in ipairs(records) do
            values[i] = record[name]
        end
        series[#series + 1] = #values == #records and { name = name, values = values } or nil
    end
    if #records == 0 or #series == 0 then
        return nil, ".plot: these records have none of the figures " .. table.concat(FIGURES, ", "), "EINVAL"
    end
    return la.plot { x = x, series = series, marks = marks, unit = "bytes" }
end

--- The workload that runs, if there is no history.
local function usual(target)
    local history, message, code
    if target.history then
        history, message, code = target.history()
    end
    local workload = running.list()[1]
    if history then
        return history
    elseif workload then
        return workload
    end
    return nil, message or "nothing to plot: no workload runs", code
end

return function(what, target)
    local la = require "lunalloc"
    if what == nil then
        local message, code
        what, message, code = usual(target)
        if what == nil then
            return nil, message, code
        end
    end
    if type(what) ~= "table" then
        return nil, (".plot: a workload, a timeline or an array of numbers expected, not a %s"):format(type(what))
    elseif what.moments and what.plot then
        return what:plot()
    elseif what.timeline then
        return of_records(type(what.timeline) == "table" and what.timeline or what:timeline(), la)
    elseif type(what[1]) == "number" then
        return la.plot { series = { { name = "values", values = what } } }
    end
    return of_records(what, la)
end
