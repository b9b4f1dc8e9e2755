--- All sections of a report, in their order, from what a process and the caller have.
---
---     data = gather.data(t, { history =, instants =, profile =, doctor =, trace =, tune =, result =, process =,
---         private = })
---
--- A part that fails is missing, with its reason; it does not end the report.

local flame = require "lunalloc.report.flame"
local host = require "lunalloc.host"
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
    add(data, "Waste", state.waste(t, private))
    if parts.profile ~= false then
        add(data, "Code", flame.section(t, private))
    end
    add(data, "Threads", state.threads(t, private))
    if parts.doctor ~= false then
        add_doctor(data, t, parts, private)
    end
    add(data, "Settings", state.settings(t, private))
    return true
end

local function title_of(t, parts)
    if parts.process == false then
        return parts.tune and "Search for settings" or parts.trace and "Recorded trace" or "Result"
    end
    return t.name and ("%s (%s)"):format(t.name, t.pid or "core file") or "This process"
end

--- The data of the page; nil, message, code if the process cannot be read at all.
function gather.data(t, parts)
    local private = parts.private ~= false
    local data = { schema = SCHEMA, made = host.os.time(), sections = {}, missing = {}, figures = {},
        title = text.cut(title_of(t, parts)),
        subtitle = "lunalloc " .. text.cut(t.get "version" or "") }
    if parts.process ~= false then
        local ok, message, code = add_process(data, t, parts, private)
        if not ok then
            return nil, message, code
        end
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
