--- What changed between two instants: bytes by state, arena and size class.

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

--- The section of two instants' sums; nil and why.
function difference.section(before, after)
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
            rows = grown, more = math.max(0, #shrunk - #grown) } },
        tables = { sheet.new("Before and after", rows, { { "what", "text", sheet.field "what" },
            { "before", "bytes", sheet.field "before" }, { "after", "bytes", sheet.field "after" },
            { "change", "bytes", sheet.field "change" } }) } }
end

return difference
