--- What changed between two instants: what became of each address, and bytes by state, arena and size class.

local check = require "lunalloc.check"
local frames = require "lunalloc.report.frames"
local sheet = require "lunalloc.report.sheet"
local units = require "lunalloc.units"

local difference = {}

local STATES <const> = { "active", "dirty", "muzzy", "retained", "busy" }

--- What is kept of an instant: sums, without its extents.
function difference.sums(instant)
    local sums, classes = { at = instant.at }, {}
    for _, state in ipairs(STATES) do
        local found = instant.states and instant.states[state]
        sums[#sums + 1] = { what = state, bytes = found and found.bytes or 0 }
    end
    local active = instant.states and instant.states.active
    sums[#sums + 1] = { what = "discarded (in active)", bytes = active and active.discarded or 0 }
    for _, arena in ipairs(instant.arenas or {}) do
        local bytes = 0
        for _, state in ipairs(STATES) do
            bytes = bytes + (state ~= "retained" and arena[state] and arena[state].bytes or 0)
        end
        sums[#sums + 1] = { what = "arena " .. tostring(arena.arena), bytes = bytes }
    end
    for _, class in ipairs(instant.classes or {}) do
        classes[#classes + 1] = { what = "class " .. units.human(class.size or 0), bytes = class.used or 0 }
    end
    table.move(classes, 1, #classes, #sums + 1, sums)
    return sums
end

--- Rows { what, before, after, change }, in the order of either list.
local function rows_of(before, after)
    local rows, known = {}, {}
    for _, row in ipairs(before) do
        known[row.what] = { what = row.what, before = row.bytes, after = 0 }
        rows[#rows + 1] = known[row.what]
    end
    for _, row in ipairs(after) do
        if not known[row.what] then
            known[row.what] = { what = row.what, before = 0 }
            rows[#rows + 1] = known[row.what]
        end
        known[row.what].after = row.bytes
    end
    for _, row in ipairs(rows) do
        row.change = row.after - row.before
    end
    table.sort(rows, function(a, b)
        local one, other = math.abs(a.change), math.abs(b.change)
        return one > other or one == other and a.what < b.what
    end)
    return rows
end

-- ---- by address ----------------------------------------------------------------------------------------------------

--- Bytes by what became of them, as a table.
local function sheet_of(drawn)
    return sheet.new("What became of the addresses", drawn.legend, { { "change", "text", sheet.field "name" },
        { "bytes", "bytes", sheet.field "bytes" } })
end

local function spans_of(drawn)
    local spans = {}
    for s = 1, #drawn.spans, 3 do
        spans[#spans + 1] = { ("0x%x"):format(drawn.spans[s]), ("0x%x"):format(drawn.spans[s + 1]), drawn.spans[s + 2] }
    end
    return spans
end

--- The map of what became of each address from one instant to another, { chart =, table = }; nil if the extents of one
--- are gone, since it was closed. side: columns and rows of the map, at most.
function difference.changes(before, after, side)
    if #before:spans() == 0 or #after:spans() == 0 then
        return nil
    end
    local drawn = before:diff(after):raster { columns = side, rows = side }
    local keys, totals = {}, {}
    for i, row in ipairs(drawn.legend) do
        keys[i], totals[i] = row.name, row.bytes
    end
    local view = { name = "changes", keys = keys, totals = { totals }, ramp = false,
        frames = frames.base64(frames.encode { drawn.cells }) }
    return { chart = { kind = "map", title = "What became of the addresses", columns = drawn.columns,
        rows = drawn.rows, cell_bytes = drawn.cell, spans = spans_of(drawn),
        instants = { { time = check.sent(after.at, 0) } }, views = { view } }, sheet = sheet_of(drawn) }
end

-- ---- the section ---------------------------------------------------------------------------------------------------

--- The section of two instants' sums, and of their changes if these are known; nil and why.
function difference.section(before, after, changes)
    if not before or not after or before == after then
        return nil, "there are fewer than two instants"
    end
    local rows, grown, shrunk = rows_of(before, after), {}, {}
    for _, row in ipairs(rows) do
        local bar = { name = row.what, values = { math.max(0, row.change), math.max(0, -row.change) } }
        grown[#grown + 1] = row.change ~= 0 and #grown < 30 and bar or nil
        shrunk[#shrunk + 1] = row.change ~= 0 and row or nil
    end
    return { id = "difference", title = "First and last instant",
        note = ("%d s between them. Of states and arenas: bytes of pages; of classes: bytes of objects."):format(
            (after.at or 0) - (before.at or 0)),
        charts = { { kind = "bars", title = "Bytes more and less", unit = "bytes", parts = { "more", "less" },
            rows = grown, more = math.max(0, #shrunk - #grown) }, changes and changes.chart },
        tables = { sheet.new("Before and after", rows, { { "what", "text", sheet.field "what" },
            { "before", "bytes", sheet.field "before" }, { "after", "bytes", sheet.field "after" },
            { "change", "bytes", sheet.field "change" } }), changes and changes.sheet } }
end

return difference
