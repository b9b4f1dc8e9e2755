--- A heap as a grid of characters: what instant:raster{} returns, and what la.map and reports draw.
---
---     { by = "state", columns =, rows =, cell = bytes of a cell,
---       cells = "0011300...",     rows * columns characters, row after row; "0": nothing there
---       spans = { start, end, first cell, ... },   which addresses the cells stand for (map/layout.lua)
---       legend = { { key = "1", name = "active", bytes = 123 }, ... },   what the characters mean, and their bytes
---       bytes = the sum; by occupancy it is that of used (objects occupy it), unused and discarded (given back) }
---
--- It is a plain table, and JSON as it is.

local raster = {}

raster.WAYS = { "state", "occupancy", "age", "residency", "arena", "class" }

raster.CHANGES = { "unchanged", "appeared", "gone", "allocated", "freed", "purged", "reused" }

raster.EMPTY = "0" -- a cell without any extent

raster.LEVELS = 8
raster.ARENAS = 30 -- with a key of their own

-- "discarded": given back inside of a slab that is in use
local STATES <const> = { "active", "dirty", "muzzy", "retained", "busy", "discarded" }
local RESIDENCY <const> = { "absent", "present", "huge", "swapped", "guard", "discarded" }

--- The character of key number i, from 0.
function raster.key(i)
    return string.char(raster.EMPTY:byte() + 1 + i)
end

-- ---- names of keys -------------------------------------------------------------------------------------------------

--- 2^n bytes in short: "16", "2K".
local function power(n)
    return ("%d%s"):format(1 << n % 10, ({ [0] = "", "K", "M", "G", "T" })[n // 10])
end

-- by -> function(i, arenas): the name of key number i
local names = {
    state = function(i) return STATES[i + 1] end,
    residency = function(i) return RESIDENCY[i + 1] end,
    occupancy = function(i)
        return i == 0 and "empty" or i == raster.LEVELS and "full" or i == raster.LEVELS + 1 and "discarded"
            or ("to %d%%"):format(100 * i // raster.LEVELS)
    end,
    age = function(i)
        return i == raster.LEVELS and "free" or i == 0 and "oldest" or i == raster.LEVELS - 1 and "newest"
            or ("age %d of %d"):format(i + 1, raster.LEVELS)
    end,
    arena = function(i, arenas)
        return i == raster.ARENAS and "other arenas" or arenas[i + 1] and "arena " .. arenas[i + 1]
    end,
    class = function(i)
        return i == 0 and "free" or power(i - 1) .. "+"
    end,
}

--- Levels and states that are drawn have a row also without bytes, so that pictures of one kind have one legend.
local fixed <const> = { state = 4, residency = 4, occupancy = raster.LEVELS + 1, age = raster.LEVELS + 1 }

--- The rows of the legend. By occupancy the bytes are those of all cells with the key.
local function legend_of(by, totals, arenas)
    local legend = {}
    for i = 0, #totals - 1 do
        local name = names[by](i, arenas)
        if name and (totals[i + 1] > 0 or i < (fixed[by] or 0)) then
            legend[#legend + 1] = { key = raster.key(i), name = name, bytes = totals[i + 1] }
        end
    end
    return legend
end

--- By occupancy: the bytes of addresses of all cells with each level. A cell is as large as any.
local function level_totals(cells, cell)
    local totals = {}
    for i = 1, raster.LEVELS + 2 do
        totals[i] = cells[i] * cell
    end
    return totals
end

-- ---- making one ----------------------------------------------------------------------------------------------------

--- A raster of the cells that the core has drawn, and of the bytes and cells of each key.
function raster.of(by, layout, cells, totals, counts, arenas, arena)
    local drawn = { by = by, columns = layout.columns, rows = layout.rows, cell = layout.cell, cells = cells,
        spans = layout.spans, arena = arena, bytes = 0 }
    for _, bytes in ipairs(totals) do
        drawn.bytes = drawn.bytes + bytes
    end
    if by == "occupancy" then
        drawn.unused, drawn.used, drawn.discarded = totals[1], totals[2], totals[3]
        totals = level_totals(counts, layout.cell)
    end
    drawn.legend = legend_of(by, totals, arenas)
    return drawn
end

--- Draws a set of extents of the core into a layout.
function raster.draw(set, layout, by, arena)
    local cells, totals, counts, arenas = set:raster(by, arena, layout.cell, layout.columns * layout.rows, layout.spans)
    return raster.of(by, layout, cells, totals, counts, arenas, arena)
end

--- What changed from one set to another, in a layout.
function raster.changes(before, after, layout, arena)
    local cells, totals = before:changes_raster(after, arena, layout.cell, layout.columns * layout.rows, layout.spans)
    local drawn = { by = "changes", columns = layout.columns, rows = layout.rows, cell = layout.cell, cells = cells,
        spans = layout.spans, arena = arena, bytes = 0, legend = {} }
    for i, name in ipairs(raster.CHANGES) do
        drawn.legend[i] = { key = raster.key(i - 1), name = name, bytes = totals[i] }
        drawn.bytes = drawn.bytes + totals[i]
    end
    return drawn
end

return raster
