--- What a process is now: waste, threads, settings, findings of the doctor. Each function returns a section of the
--- page; nil and why if there is nothing to show.

local check = require "lunalloc.check"
local sheet = require "lunalloc.report.sheet"
local text = require "lunalloc.report.text"
local units = require "lunalloc.units"

local field = sheet.field

local WASTE <const> = { "free", "rest", "cached", "dirty", "muzzy" }

local state = {}

-- ---- waste ---------------------------------------------------------------------------------------------------------

local function name_of(row, private)
    return row.what or row.arena and "arena " .. row.arena or row.size and "class " .. units.human(row.size)
        or text.name(table.concat(row.stack, " < ", 1, math.min(#row.stack, 3)), private)
end

--- Bars of the rows of la.waste(). Those without bytes are left out.
local function waste_chart(waste, title, private)
    local rows = {}
    for _, row in ipairs(waste) do
        local values = {}
        for i, part in ipairs(WASTE) do
            values[i] = row[part]
        end
        rows[#rows + 1] = row.bytes > 0 and { name = name_of(row, private), values = values } or nil
    end
    local more = math.max(0, #rows - 500)
    return { kind = "bars", title = title, unit = "bytes", parts = WASTE, more = more,
        rows = table.move(rows, 1, #rows - more, 1, {}) }
end

function state.waste(t, private)
    local by_arena, message = t.waste {}
    local by_class = by_arena and t.waste { by = "class" }
    if not by_class then
        return nil, message or "it cannot be read"
    end
    return { id = "waste", title = "Waste", charts = { waste_chart(by_arena, "Waste by arena", private),
            waste_chart(by_class, "Waste by class", private) },
        note = ("%s are held and not in use. free: free regions of slabs that have others in use; rest: ends of slabs; "
            .. "cached: in threads' caches; dirty: free pages, still resident; muzzy: free pages that the system takes "
            .. "when it needs memory."):format(units.human(by_arena.total)) }
end

-- ---- threads -------------------------------------------------------------------------------------------------------

function state.threads(t, private)
    local threads, message = t.threads()
    if not threads then
        return nil, message
    elseif #threads == 0 then
        return nil, "no thread uses the allocator"
    end
    return { id = "threads", title = "Threads", tables = { sheet.new("Threads", threads, {
        { "tid", "plain", field "tid" }, { "name", "text", field "name" }, { "arena", "plain", field "arena" },
        { "cached", "bytes", field "cached" }, { "requests", "count", field "requests" },
        { "idle", "s", field "idle" } }, private) } }
end

-- ---- settings ------------------------------------------------------------------------------------------------------

--- A value as it is written. Texts may be paths: they are left out, unless they are asked for.
local function value_of(row, value, private)
    if private and type(value) == "string" and value:find("/", 1, true) then
        return "(a path)"
    end
    return value ~= nil and units.amount(value, row.unit) or ""
end

--- The options, those that were changed first.
local function options_of(t)
    local list = {}
    for _, name in ipairs(t.names "^opt%." or {}) do
        list[#list + 1] = t.describe(name)
    end
    table.sort(list, function(a, b)
        local one, other = a.source ~= "default", b.source ~= "default"
        return one and not other or one == other and a.name < b.name
    end)
    return list
end

function state.settings(t, private)
    local options = options_of(t)
    if #options == 0 then
        return nil, "they cannot be read"
    end
    local line = not private and t.conf()
    return { id = "settings", title = "Settings",
        note = line and ('LUNALLOC_CONF="%s" starts a process with the settings as they are now.'):format(
            text.cut(line, 1000)) or "",
        tables = { sheet.new("Settings at the start, those that were chosen first", options, {
            { "name", "text", function(row) return (row.name:gsub("^opt%.", "")) end },
            { "value", "text", function(row) return value_of(row, row.value, private) end },
            { "source", "text", field "source" },
            { "default", "text", function(row) return value_of(row, row.default, private) end },
            { "what it is", "text", field "doc" } }) } }
end

-- ---- the doctor ----------------------------------------------------------------------------------------------------

local function remedy(finding)
    return finding.remedy and finding.remedy.text
end

--- findings: of la.doctor(), or an array that was read from JSON.
function state.doctor(findings, private)
    if #findings == 0 then
        return { id = "doctor", title = "Findings", tables = {},
            note = "The doctor found nothing: this process is well." }
    end
    return { id = "doctor", title = "Findings", tables = { sheet.new("Findings of the doctor", findings, {
        { "bytes", "bytes", function(finding) return check.sent(finding.bytes) end }, { "kind", "text", field "kind" },
        { "what", "text", field "what" }, { "cause", "text", field "cause" }, { "remedy", "text", remedy },
        { "gives back", "bytes", function(finding) return check.sent(finding.gives_back) end } }, private) } }
end

-- ---- headline ------------------------------------------------------------------------------------------------------

--- The few figures at the top. `stats`: of t.stats().
function state.figures(stats, rss)
    local list = { rss and { name = "resident", value = rss, unit = "bytes" } or nil }
    for _, name in ipairs { "allocated", "active", "dirty", "muzzy", "retained", "discarded" } do
        list[#list + 1] = { name = name, value = check.sent(stats[name], 0), unit = "bytes" }
    end
    list[#list + 1] = { name = "threads", value = check.sent(stats.nthreads, 0), unit = "count" }
    list[#list + 1] = { name = "arenas", value = check.sent(stats.narenas, 0), unit = "count" }
    return list
end

return state
