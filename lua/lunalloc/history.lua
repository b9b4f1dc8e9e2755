--- The last ten minutes of a process: la.history().
---
---     local h = la.history()
---     h.moments     an array of {time=, rss=, allocated=, active=, dirty=, muzzy=, retained=, discarded=, requests=,
---                   faults=}, one a second, oldest first; a figure that the system did not tell is absent. time:
---                   monotonic clock, ns
---     h.marks       an array of {time=, name=, value=}: the settings that were changed
---     h:plot{...}   a picture of them
---     la.history{after = h}    only what has been added since h was made
---
--- The agent keeps them. Without an agent both arrays are empty.

local check = require "lunalloc.check"
local units = require "lunalloc.units"

local FIGURES <const> = { "rss", "allocated", "active", "dirty", "muzzy", "retained", "discarded", "requests",
    "faults" }
local PLOTTED <const> = { "rss", "allocated", "active", "dirty", "muzzy" }

local History = { __name = "lunalloc.history" }
History.__index = History

-- history -> { moments = place, marks = place }, where the next ones begin
local places = setmetatable({}, { __mode = "k" })

function History:__tostring()
    local n, last = #self.moments, self.moments[#self.moments]
    if not last then
        return "no history: the agent keeps one while it runs"
    end
    local text = ("%d moments, %d marks"):format(n, #self.marks)
    return last.rss and text .. "; RSS now " .. units.human(last.rss) or text
end

--- All that follows a place: an array, and the place behind it.
local function read_all(read, place)
    local list = {}
    while true do
        local batch, next_place, code = read(place)
        if not batch then
            return nil, next_place, code
        end
        place = next_place
        if #batch == 0 then
            return list, place
        end
        table.move(batch, 1, #batch, #list + 1, list)
    end
end

local function read_history(backend, from)
    local moments, marks, moment_place, mark_place, code
    moments, moment_place, code = read_all(backend.moments, from.moments)
    if not moments then
        return nil, moment_place, code
    end
    marks, mark_place, code = read_all(backend.marks, from.marks)
    if not marks then
        return nil, mark_place, code
    end
    local history = setmetatable({ moments = moments, marks = marks }, History)
    places[history] = { moments = moment_place, marks = mark_place }
    return history
end

-- ---- a picture -----------------------------------------------------------------------------------------------------

local function is_figure(name)
    for _, known in ipairs(FIGURES) do
        if known == name then
            return true
        end
    end
end

local function series_of(history, name)
    local values = {}
    for i, moment in ipairs(history.moments) do
        values[i] = moment[name] or 0 / 0
    end
    return { name = name, values = values }
end

--- Seconds before the last moment.
local function x_of(history, time)
    return (time - history.moments[#history.moments].time) / 1e9
end

local function marks_of(history)
    local list = {}
    for i, mark in ipairs(history.marks) do
        list[i] = { x = x_of(history, mark.time), label = mark.value == "" and mark.name or
            mark.name .. " = " .. mark.value }
    end
    return list
end

local function plot(history, figures, options)
    local x, series = {}, {}
    for i, moment in ipairs(history.moments) do
        x[i] = x_of(history, moment.time)
    end
    for i, name in ipairs(figures) do
        series[i] = series_of(history, name)
    end
    local all = { series = series, x = x, marks = marks_of(history), unit = "bytes" }
    for key, value in pairs(options or {}) do
        all[key] = value
    end
    all.figures = nil
    return require "lunalloc.plot"(all)
end

--- A picture of `figures` (rss, allocated, active, dirty, muzzy); other options are those of la.plot. nil, message,
--- code if there are fewer than two moments.
function History:plot(options)
    check.self(self, History, "history:plot")
    check.that(options == nil or type(options) == "table", "history:plot", 1, "a table of options expected")
    options = check.plain(options)
    local figures = options and options.figures or PLOTTED
    check.table(figures, "history:plot", 1, "figures: an array of names")
    figures = check.plain(figures)
    for _, name in ipairs(figures) do
        check.that(is_figure(name), "history:plot", 1, ("no figure %s; known: %s"):format(check.shown(name),
            table.concat(FIGURES, " ")))
    end
    if #self.moments < 2 then
        return nil, "history:plot: there are fewer than two moments yet", "EAGAIN"
    end
    return plot(self, figures, options)
end

local part = {}

function part.install(api, backend)
    function api.history(options)
        check.that(options == nil or type(options) == "table", "history", 1, "{after=} expected")
        options = check.plain(options)
        local after = options and options.after
        check.that(after == nil or places[after], "history", 1, "after: a history expected")
        return read_history(backend, after and places[after] or { moments = 0, marks = 0 })
    end
end

return part
