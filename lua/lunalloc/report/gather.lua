--- All sections of a report, in their order, from what a process and the caller have.
---
---     data = gather.data(t, { history =, instants =, profile =, doctor =, trace =, tune =, result =, process =,
---         private = })
---
--- allocated = false: the flame graph is not to show what was allocated, for which the process has to write a profile.
---
--- A part that fails is missing, with its reason; it does not end the report.

local flame = require "lunalloc.report.flame"
local heap = require "lunalloc.report.heap"
local host = require "lunalloc.host"
local json = require "lunalloc.json"
local recording = require "lunalloc.report.recording"
local result_of = require "lunalloc.report.result"
local search = require "lunalloc.report.search"
local state = require "lunalloc.report.state"
local text = require "lunalloc.report.text"
local timeline = require "lunalloc.report.timeline"

local gather = {}

local SCHEMA <const> = 1

--- Adds a section; or a line that says why there is none.
local function add(data, title, section, why)
    if section then
        data.sections[#data.sections + 1] = section
    else
        data.missing[#data.missing + 1] = { title = title, why = text.cut(why or "there is none") }
    end
end

local function add_history(data, t, parts, now, private)
    local history, why = parts.history
    if history == nil then
        history, why = t.history()
    end
    if history then
        history, why = timeline.section(history, now, data.made, private)
    end
    add(data, "Over time", history, why)
end

--- Adds an instant, or a saved one by its path; nil and why.
local function add_instant(film, instant)
    if type(instant) == "string" then
        local done, why = film:add_file(instant, instant:match "[^/]*$")
        return done ~= nil, why
    end
    film:add(instant)
    return true
end

--- A film of instants that a function returns one by one; nil and why.
local function film_of_each(next_instant)
    local film = heap.new()
    for instant in next_instant do
        local done, why = add_instant(film, instant)
        if not done then
            return nil, why
        end
    end
    return film
end

--- A film of the instants: one, an array of instants and of paths of saved ones, or a function that returns one after
--- another. heap.lua has what a film is. nil and why.
local function film_of(instants)
    if type(instants) == "function" then
        return film_of_each(instants)
    end
    local list = (type(instants) == "string" or getmetatable(instants)) and { instants } or instants
    local film = heap.new { expected = #list }
    for _, instant in ipairs(list) do
        local done, why = add_instant(film, instant)
        if not done then
            return nil, why
        end
    end
    if #list > 1 and type(list[1]) ~= "string" and type(list[#list]) ~= "string" then
        film:compare(list[1], list[#list])
    end
    return film
end

--- parts.film is one that the caller has made.
local function add_map(data, t, parts)
    local film, why = parts.film, nil
    if not film and parts.instants then
        film, why = film_of(parts.instants)
    elseif not film and parts.instants == nil and parts.process ~= false then
        local instant <close>, message = heap.take(t)
        film, why = instant and film_of(instant), message
    elseif not film then
        return
    end
    add(data, "Heap map", film and film:section(), why)
    local change = film and film:difference()
    if change then
        add(data, change.title, change)
    end
end

local function add_doctor(data, t, parts, private)
    local findings, why = parts.doctor
    if findings == nil then
        findings, why = t.doctor()
    end
    add(data, "Findings", findings and state.doctor(findings, private), why)
end

--- What the process itself tells.
local function add_process(data, t, parts, private)
    local stats, message, code = t.stats()
    if not stats then
        return nil, message, code
    end
    local reconciled = t.reconcile()
    data.figures = state.figures(stats, reconciled and reconciled.rss)
    if parts.history ~= false then
        add_history(data, t, parts, stats.time, private)
    end
    add_map(data, t, parts)
    add(data, "Waste", state.waste(t, private))
    if parts.profile ~= false then
        add(data, "Code", flame.section(t, private, parts.allocated ~= false))
    end
    add(data, "Threads", state.threads(t, private))
    if parts.doctor ~= false then
        add_doctor(data, t, parts, private)
    end
    add(data, "Settings", state.settings(t, private))
    return true
end

--- What was seen of a process that has ended since.
local function add_seen(data, t, parts, private, message)
    local last = parts.history and parts.history.moments[#parts.history.moments]
    if last then
        add_history(data, t, parts, last.time, private)
    end
    add_map(data, t, parts)
    add(data, "The process", nil, message)
end

--- JSON of a file; nil and why.
local function read_json(path)
    local file <close>, why = host.io.open(path, "rb")
    local content = file and file:read "a"
    if not content then
        return nil, tostring(why)
    end
    return json.decode(content)
end

--- What the caller gave besides the process.
local function add_given(data, parts, private)
    if parts.tune then
        local result, why = parts.tune, nil
        if type(result) == "string" then
            result, why = read_json(result)
        end
        add(data, "Search for settings", search.section(result or why, private))
        if not result then
            data.missing[#data.missing].why = text.cut(why)
        end
    end
    if parts.trace then
        local section, film, code = recording.section(parts.trace, private)
        add(data, "Trace", section, film)
        local map = section and film and not parts.film and parts.process == false and film:section()
        for _, more in ipairs { map or code, map and code or nil } do
            add(data, more.title, more)
        end
    end
    if parts.result then
        add(data, "Workload", result_of.section(parts.result))
    end
end

local function title_of(t, parts)
    if parts.process == false then
        return (parts.film or parts.instants) and "Instants" or parts.tune and "Search for settings"
            or parts.trace and "Recorded trace" or "Result"
    end
    local place = t.way ~= "core" and t.pid or t.pid and "core file of " .. t.pid or "core file"
    return t.name and ("%s (%s)"):format(t.name, place) or "This process"
end

--- The data of the page; nil, message, code if the process cannot be read at all.
function gather.data(t, parts)
    local private = parts.private ~= false
    local data = { schema = SCHEMA, made = host.os.time(), sections = {}, missing = {}, figures = {},
        title = text.cut(title_of(t, parts)),
        subtitle = "lunalloc " .. text.cut(t.get "version" or "") }
    if parts.process ~= false then
        local ok, message, code = add_process(data, t, parts, private)
        if not ok and not parts.film then
            return nil, message, code
        elseif not ok then
            add_seen(data, t, parts, private, message)
        end
    else
        add_map(data, t, parts)
    end
    add_given(data, parts, private)
    if #data.sections == 0 then
        local first = data.missing[1]
        return nil, "report: there is nothing to show" .. (first and ": " .. first.why or ""), "EINVAL"
    end
    return data
end

--- What la.report() returns.
function gather.summary(data, bytes)
    local names = {}
    for i, section in ipairs(data.sections) do
        names[i] = section.id
    end
    return { bytes = bytes, sections = names, missing = data.missing }
end

return gather
