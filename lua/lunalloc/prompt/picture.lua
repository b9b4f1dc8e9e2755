--- .plot: a picture of a target's history, of a workload or its timeline, or of plain numbers.
---
---     picture(what, target)  ->  a text; nil, message, code

local plot_of = require "lunalloc.plot_of"
local running = require "lunalloc.running"

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
    elseif not plot_of.draws_itself(what) and not plot_of(what) then
        return nil, ".plot: nothing there has times and figures", "EINVAL"
    end
    return la.plot(what)
end
