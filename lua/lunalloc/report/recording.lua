--- A recorded trace as a section: what it holds, live bytes and the process's memory over its time, and sums by class,
--- thread and kind of call.

local flame = require "lunalloc.report.flame"
local given = require "lunalloc.report.given"
local heap = require "lunalloc.report.heap"
local sheet = require "lunalloc.report.sheet"
local text = require "lunalloc.report.text"
local timeline = require "lunalloc.report.timeline"
local trace = require "lunalloc.trace"
local trace_view = require "lunalloc.trace_view"
local units = require "lunalloc.units"

local field, number_at = sheet.field, given.number_at

local INSTANTS <const> = 12
local PASSES <const> = 30000000 -- events that are read for instants, in all

local recording = {}

local HEAD <const> = { { "events", "count" }, { "lost", "count" }, { "duration", "s" }, { "size", "bytes" },
    { "bytes_per_event", "plain" }, { "peak_live", "bytes" }, { "live", "bytes" }, { "unknown", "count" },
    { "missing", "count" }, { "damaged", "count" } }

--- Events, seconds and bytes of the whole.
local function head_of(info)
    local rows = {}
    for _, row in ipairs(HEAD) do
        local value = given.number(info[row[1]])
        rows[#rows + 1] = value and { row[1]:gsub("_", " "), value, row[2] } or nil
    end
    return sheet.new("The trace", rows, { { "what", "text", field(1) }, { "value", "plain", field(2) },
        { "unit", "text", field(3) } })
end

--- Live bytes over time, from the tally of a pass over all events.
local function live_of(sums, begin)
    local x, peaks = {}, {}
    for i, column in ipairs(sums.columns or {}) do
        x[i], peaks[i] = (column.time - begin) / 1e9, given.number(column.peak) or false
    end
    return #x > 1 and timeline.chart("Live bytes", "bytes", "s", x, { { name = "live", values = peaks } }) or nil
end

local SAMPLED <const> = { "rss", "allocated", "active", "dirty", "muzzy", "retained", "mapped" }

--- The samples that the recorder took of the process.
local function samples_of(info)
    local x, columns = {}, {}
    for i, sample in ipairs(info.samples) do
        x[i] = given.number(sample.time) or 0
    end
    for _, name in ipairs(SAMPLED) do
        local values, any = {}, false
        for i, sample in ipairs(info.samples) do
            values[i] = given.number(sample[name]) or false
            any = any or values[i]
        end
        columns[#columns + 1] = any and { name = name, values = values } or nil
    end
    if #x < 2 or #columns == 0 then
        return nil
    end
    local chart = timeline.chart("Memory of the process", "bytes", "s", x, columns)
    chart.connect = true -- some figures are not in every sample
    return chart
end

local SUMS <const> = { { "allocations", "count", field "allocations" }, { "frees", "count", field "frees" },
    { "bytes", "bytes", field "bytes" }, { "freed by another thread", "count", field "cross" },
    { "live at the end", "bytes", field "live_bytes" }, { "live at the peak", "bytes", field "peak_bytes" } }

local function with_sums(first)
    return table.move(SUMS, 1, #SUMS, #first + 1, first)
end

local function bars_of(classes)
    local rows = {}
    for i, row in ipairs(classes) do
        rows[i] = { name = "class " .. units.human(row.size), values = { given.number(row.bytes) or 0 } }
    end
    table.sort(rows, function(a, b) return a.values[1] > b.values[1] end)
    local more = math.max(0, #rows - 500)
    return { kind = "bars", title = "Bytes allocated by size class", unit = "bytes", parts = { "allocated" },
        more = more, rows = table.move(rows, 1, #rows - more, 1, {}) }
end

local function tables_of(view, info, classes, private)
    return { head_of(info),
        sheet.new("By size class", classes, with_sums { { "class", "bytes", field "size" },
            { "median lifetime", "s", function(row) return number_at(row, "lifetime") end } }),
        sheet.new("By thread", view:count { by = "thread" } or {}, with_sums { { "tid", "plain", field "tid" },
            { "name", "text", field "name" }, { "events", "count", field "events" } }, private),
        sheet.new("By call", view:count { by = "kind" } or {}, { { "call", "text", field "kind" },
            { "calls", "count", field "count" }, { "bytes", "bytes", field "bytes" } }) }
end

--- The blocks that live at equal distances, and at the peak, as a film of instants: each is a pass over the events, so
--- of a long trace there are few. Of one with more than PASSES events, the peak alone.
local function film_of(view, info)
    local film = heap.new()
    local n = math.min(INSTANTS, PASSES // math.max(1, info.events))
    for i = 0, n do
        local at = i < n and info.duration * (i + 1) / n or "peak"
        local instant <close> = view:instant { at = at }
        if instant and instant.extents > 0 then
            film:add(instant, at == "peak" and at or units.human_time(at * 1e9))
        end
    end
    return film
end

--- A trace, or the path of one: the trace, and whether it has to be closed. nil, message.
local function opened(value)
    if type(value) ~= "string" then
        return trace_view.inside(value) and value, "it is no trace", false
    end
    local view, message = trace.load(value)
    return view, message, true
end

local function note_of(info)
    return text.cut(("%s, pid %s, lunalloc %s. %s"):format(given.text_at(info, "name") or "a program",
        given.text_at(info, "pid") or "unknown", given.text_at(info, "allocator") or "unknown",
        info.complete and "The file is complete." or "The file is incomplete."))
end

--- Charts and tables that need more than the process's own samples; none of a recording that has stacks alone.
local function add_counts(section, view, info, private)
    local classes, why = view:count()
    if not classes then
        return nil, why
    end
    local inside = trace_view.inside(view)
    section.charts[#section.charts + 1] = live_of(trace_view.tally(inside), inside.begin)
    section.charts[#section.charts + 1] = bars_of(classes)
    section.tables = tables_of(view, info, classes, private)
    return true
end

--- The section, a film of live blocks, and the flame graph; the last two are nil where the recording has no such thing.
local function sections_of(view, private)
    local info, message = view:info()
    if not info then
        return nil, message or "it cannot be read"
    end
    local section = { id = "trace", title = "Trace", charts = { samples_of(info) }, tables = { head_of(info) },
        note = note_of(info) }
    local stacks = view.stacks and view:stacks()
    local counted, why = add_counts(section, view, info, private)
    if not counted and not stacks then
        return nil, why
    end
    return section, counted and film_of(view, info), stacks and flame.allocated(stacks, private)
end

--- The section of a trace, a film of its live blocks, and its flame graph; the last two are nil where it has none. nil
--- and why if it cannot be read.
function recording.section(value, private)
    local view, message, own = opened(value)
    if not view then
        return nil, message
    end
    local section, film, code = sections_of(view, private)
    if own then
        view:close()
    end
    return section, film, code
end

return recording
