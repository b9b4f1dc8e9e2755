--- Where addresses are in a raster: a heap's address space is sparse, so its ranges are put side by side.
---
---     layout.new(ranges, columns, rows, least)   ->
---         { columns =, rows =, cell = bytes of a cell, least =,
---           spans = { start, end, first cell, start, end, first cell, ... } }      as the core takes them
---
--- `ranges` is an array of arrays { start, end, start, end, ... }, each ascending: of one instant, or of several that
--- are to be compared. Cells are numbered along rows, from 0. A span begins in a row of its own where there is room for
--- that; otherwise spans follow each other, with an empty cell between two. A gap that is smaller than a cell is drawn.
---
--- A cell has at least `least` bytes (4096 if it is left out), and 4, 5, 6 or 7 times a power of two.

local layout = {}

local PAGE <const> = 4096
local STEPS <const> = 4 * 56

--- Bytes of a cell by number, ascending from `least` on.
local function cell_bytes(number, least)
    return least * (4 + number % 4) * (1 << number // 4) // 4
end

-- ---- ranges --------------------------------------------------------------------------------------------------------

--- All ranges as pairs, sorted.
local function sorted(ranges)
    local list = {}
    for _, flat in ipairs(ranges) do
        for i = 1, #flat - 1, 2 do
            list[#list + 1] = { flat[i], flat[i + 1] }
        end
    end
    table.sort(list, function(a, b) return a[1] < b[1] end)
    return list
end

--- Ranges that overlap, or are at most `gap` apart, joined.
local function joined(list, gap)
    local out = {}
    for _, range in ipairs(list) do
        local last = out[#out]
        if last and range[1] - last[2] <= gap then
            last[2] = math.max(last[2], range[2])
        else
            out[#out + 1] = { range[1], range[2] }
        end
    end
    return out
end

--- The parts of the ranges that are in the range {from, to}.
local function clipped(list, range)
    local out = {}
    for _, one in ipairs(list) do
        local from, to = math.max(one[1], range[1]), math.min(one[2], range[2])
        if from < to then
            out[#out + 1] = { from, to }
        end
    end
    return out
end

-- ---- places --------------------------------------------------------------------------------------------------------

local function cells_of(span, cell)
    return (span[2] - span[1] - 1) // cell + 1
end

--- How many cells all spans take: each in `row` cells or a multiple of it, or, with 0, one behind the other.
local function cells_needed(list, cell, row)
    local n = 0
    for _, span in ipairs(list) do
        local own = cells_of(span, cell)
        n = n + (row > 0 and (own - 1) // row * row + row or own + 1)
    end
    return row > 0 and n or math.max(0, n - 1)
end

--- The number of the smallest cells with which all spans fit.
local function fit(list, cells, row, least)
    local low, high = 0, STEPS
    while low < high do
        local middle = (low + high) // 2
        if cells_needed(list, cell_bytes(middle, least), row) <= cells then
            high = middle
        else
            low = middle + 1
        end
    end
    return low
end

--- Rows of their own, unless that costs half of the resolution. Cells of such rows, or 0; and the bytes of a cell.
local function choose(list, columns, rows, group, least)
    local cells, row = columns * rows, columns * group
    local packed = fit(list, cells, 0, least)
    local aligned = #list * group <= rows and fit(list, cells, row, least) or STEPS
    local in_rows = rows > 1 and aligned <= packed + 4
    return in_rows and row or 0, cell_bytes(in_rows and aligned or packed, least)
end

local function place(list, cell, row)
    local spans, at = {}, 0
    for _, span in ipairs(list) do
        spans[#spans + 1], spans[#spans + 2], spans[#spans + 3] = span[1], span[2], at
        at = at + cells_of(span, cell)
        at = row > 0 and (at + row - 1) // row * row or at + 1
    end
    return spans, row > 0 and at or math.max(0, at - 1)
end

-- ---- checks --------------------------------------------------------------------------------------------------------

--- True if it is an array of whole numbers, a multiple of `n` of them.
function layout.is_flat(value, n)
    if type(value) ~= "table" or #value % n ~= 0 then
        return false
    end
    for i = 1, #value do
        if math.type(value[i]) ~= "integer" or value[i] < 0 then
            return false
        end
    end
    return true
end

local function is_count(value)
    return math.type(value) == "integer" and value > 0
end

--- True if it is a layout. (The core checks the order of its spans.)
function layout.is(value)
    return type(value) == "table" and is_count(value.columns) and is_count(value.rows) and is_count(value.cell)
        and layout.is_flat(value.spans, 3)
end

-- ---- the interface -------------------------------------------------------------------------------------------------

--- range: {from, to}, or nil: the addresses that are drawn. group: spans begin at rows that are multiples of it (1).
function layout.new(ranges, columns, rows, least, range, group)
    least, group = least or PAGE, group or 1
    local list = joined(sorted(ranges), 0)
    list = range and clipped(list, range) or list
    local gap = least
    while #list > math.max(1, columns * rows // 4) do
        list, gap = joined(list, gap), gap * 2
    end
    local _, large = choose(list, columns, rows, group, least)
    list = joined(list, large) -- fewer spans never need more cells
    local row, cell = choose(list, columns, rows, group, least)
    local spans, cells = place(list, cell, row)
    return { columns = columns, rows = math.max(1, (cells + columns - 1) // columns), cell = cell, least = least,
        spans = spans }
end

return layout
