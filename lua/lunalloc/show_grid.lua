--- Arrays of records, and records by name, as a grid that fits a width.
---
---     local text = grid.text(t, width)     nil if the table is neither
---
--- A column of bytes gets a second one in a readable unit. A grid that is too wide keeps only that one, then cuts long
--- texts, then is broken into several blocks of columns, each of which begins with the first column.

local units = require "lunalloc.units"
local value = require "lunalloc.show_value"
local utf8 = require("lunalloc.host").utf8

local grid = {}

local MAX_ROWS <const> = 40
local MAX_KEYS <const> = 10000    -- that are read; of a larger table, only a part is shown
local MAX_NESTED <const> = 24     -- bytes of a table in a cell
local LEAST_TEXT <const> = 12     -- columns that a text keeps when it is cut

-- The first columns, in this order; the others follow by name.
local COLUMN_RANK = {}
do
    local rank = 0
    for name in ([[index pid name tid t addr size slab_size nregs state arena szind slab nfree count bytes rss allocated
    active dirty muzzy retained]]):gmatch "%S+" do
        rank = rank + 1
        COLUMN_RANK[name] = rank
    end
end

-- ---- rows ----------------------------------------------------------------------------------------------------------

local function is_plain_table(v)
    return type(v) == "table" and not value.has_text(v)
end

--- Is it a table with names as keys, at least one of which has a value that is no table?
local function is_record(t)
    if not is_plain_table(t) or rawlen(t) > 0 then
        return false
    end
    local scalars = 0
    for key, field in next, t do
        if type(key) ~= "string" then
            return false
        end
        scalars = scalars + (is_plain_table(field) and 0 or 1)
    end
    return scalars > 0
end

--- The keys outside 1 .. #t, sorted.
function grid.other_keys(t)
    local n, keys = rawlen(t), {}
    for key in next, t do
        if not (math.type(key) == "integer" and key >= 1 and key <= n) then
            keys[#keys + 1] = key
            if #keys == MAX_KEYS then
                break
            end
        end
    end
    table.sort(keys, value.key_before)
    return keys
end

--- The rows of a grid: { key=, record= } each; nil if the table is no grid.
local function rows_of(t)
    local n, keys, rows = rawlen(t), grid.other_keys(t), {}
    if n + #keys < 2 and not (n == 1 and #keys == 0) or (n > 0 and #keys > 0) then
        return nil
    end
    for i = 1, math.max(n, #keys) do
        local key = keys[i] or i
        local record = rawget(t, key)
        if i <= MAX_ROWS and not is_record(record) then
            return nil
        end
        rows[i] = { key = keys[i], record = record }
    end
    return rows
end

-- ---- columns -------------------------------------------------------------------------------------------------------

local function column_names(rows, shown)
    local seen, columns = {}, {}
    for i = 1, shown do
        for key in next, rows[i].record do
            if not seen[key] then
                seen[key] = true
                columns[#columns + 1] = key
            end
        end
    end
    table.sort(columns, function(a, b)
        local rank_a, rank_b = COLUMN_RANK[a] or math.huge, COLUMN_RANK[b] or math.huge
        return rank_a == rank_b and a < b or rank_a < rank_b
    end)
    return columns
end

local function cell_text(name, v)
    if v == nil then
        return ""
    end
    return type(v) == "string" and value.line(v) or value.field(name, v, { table = MAX_NESTED })
end

--- A column: { head, cell, ... , width=, right=, name= }.
local function new_column(name, cells, right)
    local column = { width = 0, right = right, name = name }
    for i, text in ipairs(cells) do
        column[i] = text
        column.width = math.max(column.width, value.width(text))
    end
    return column
end

--- get(row) returns the value.
local function plain_column(rows, shown, name, get)
    local cells, numeric = { name }, true
    for i = 1, shown do
        local v = get(rows[i])
        cells[i + 1] = cell_text(name, v)
        numeric = numeric and (v == nil or type(v) == "number")
    end
    return new_column(name, cells, numeric)
end

--- A further column with the bytes in a readable unit; nil if none of them is large.
local function human_column(rows, shown, name)
    local cells, any = { "" }, false
    for i = 1, shown do
        local v = rows[i].record[name]
        cells[i + 1] = value.is_bytes(name) and math.type(v) == "integer" and units.human(v) or ""
        any = any or value.human(name, v) ~= nil
    end
    return any and new_column(name, cells, true) or nil
end

local function all_columns(rows, shown)
    local columns = {}
    if rows[1].key ~= nil then
        columns[1] = plain_column(rows, shown, "", function(row) return row.key end)
    end
    for _, name in ipairs(column_names(rows, shown)) do
        columns[#columns + 1] = plain_column(rows, shown, name, function(row) return row.record[name] end)
        columns[#columns + 1] = human_column(rows, shown, name)
    end
    return columns
end

-- ---- the width -----------------------------------------------------------------------------------------------------

local function total_width(columns)
    local total = -2
    for _, column in ipairs(columns) do
        total = total + column.width + 2
    end
    return total
end

--- Only the readable column of the two that a number of bytes has.
local function without_exact_bytes(columns)
    local kept = {}
    for i, column in ipairs(columns) do
        local next_column = columns[i + 1]
        if next_column and next_column.name == column.name and next_column[1] == "" then
            next_column[1] = column.name
            next_column.width = math.max(next_column.width, #column.name)
        else
            kept[#kept + 1] = column
        end
    end
    return kept
end

local function cut(text, width)
    if value.width(text) <= width then
        return text
    end
    local stop = utf8.len(text) and utf8.offset(text, width - 1) - 1 or width - 2
    return text:sub(1, stop) .. ".."
end

--- Cuts the widest texts until the columns fit, or none can be cut.
local function cut_texts(columns, width)
    local excess = total_width(columns) - width
    while excess > 0 do
        local widest
        for _, column in ipairs(columns) do
            if not column.right and column.width > LEAST_TEXT and (not widest or column.width > widest.width) then
                widest = column
            end
        end
        if not widest then
            return
        end
        local new = math.max(LEAST_TEXT, widest.width - excess)
        excess = excess - (widest.width - new)
        widest.width = new
        for i = 1, #widest do
            widest[i] = cut(widest[i], new)
        end
    end
end

--- The columns in groups that fit; each after the first begins with the first column.
local function blocks_of(columns, width)
    local blocks, block = {}, {}
    for i, column in ipairs(columns) do
        block[#block + 1] = column
        if total_width(block) > width and #block > (i == #block and 1 or 2) then
            block[#block] = nil
            blocks[#blocks + 1] = block
            block = { columns[1], column }
        end
    end
    blocks[#blocks + 1] = block
    return blocks
end

local function fitted(columns, width)
    if total_width(columns) > width then
        columns = without_exact_bytes(columns)
    end
    if total_width(columns) > width then
        cut_texts(columns, width)
    end
    return blocks_of(columns, width)
end

local function block_lines(lines, columns, count)
    for row = 1, count do
        local cells = {}
        for i, column in ipairs(columns) do
            cells[i] = value.pad(column[row], column.width, column.right)
        end
        lines[#lines + 1] = table.concat(cells, "  "):gsub("%s+$", "")
    end
end

function grid.text(t, width)
    local rows = rows_of(t)
    if not rows then
        return nil
    end
    local shown, lines = math.min(#rows, MAX_ROWS), {}
    for i, block in ipairs(fitted(all_columns(rows, shown), width)) do
        lines[#lines + 1] = i > 1 and "" or nil
        block_lines(lines, block, shown + 1)
    end
    if #rows > shown then
        lines[#lines + 1] = ("... %d more"):format(#rows - shown)
    end
    return table.concat(lines, "\n")
end

return grid
