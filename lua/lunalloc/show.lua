--- Values as text for people: the console prints expressions with it.
---
---     show.text(...)               the values as one text
---     show.print(...)              prints that text; prints nothing if there are no values
---     show.columns(words, width)   words in columns
---     show.width()                 of the terminal, in cells
---
--- A string is shown as it is (so that a plot remains a plot), an object by its __tostring. A table is shown one level
--- deep, sorted and bounded in length; an array of records is a grid. Programs should not parse this.

local core = require "lunalloc.core"
local units = require "lunalloc.units"

local show = {}

local MAX_ENTRIES <const> = 60   -- of a table
local MAX_ITEMS <const> = 200    -- of an array of plain values
local MAX_ROWS <const> = 40      -- of a grid
local MAX_TEXT <const> = 60      -- bytes of a string among other items
local MAX_FIELD_TEXT <const> = 200 -- of a string that has a line for itself
local MAX_KEYS <const> = 10000   -- that are read; of a larger table, only a part is shown

-- Names of fields that always hold bytes: counters and others. Large values get a remark in a readable unit.
local BYTE_FIELDS = { size = true, slab_size = true, bytes = true, rss = true, peak_rss = true, dirty_max = true }
for name, unit in pairs(core.stats_units) do
    BYTE_FIELDS[name] = BYTE_FIELDS[name] or unit == "bytes"
end

-- The first columns of a grid, in this order; the others follow by name.
local COLUMN_RANK = {}
do
    local rank = 0
    for name in ([[index name tid t addr size slab_size nregs state arena szind slab nfree count bytes rss allocated
    active dirty muzzy retained]]):gmatch "%S+" do
        rank = rank + 1
        COLUMN_RANK[name] = rank
    end
end

function show.width()
    local console = package.loaded["lunalloc.console"]
    return console and console.width() or tonumber(os.getenv "COLUMNS") or 80
end

local function text_width(text)
    return utf8.len(text) or #text
end

local function pad(text, width, right)
    local fill = (" "):rep(width - text_width(text))
    return right and fill .. text or text .. fill
end

--- Words in columns that fit `width`, ordered down, then across.
function show.columns(words, width)
    local widest = 0
    for _, word in ipairs(words) do
        widest = math.max(widest, text_width(word))
    end
    local across = math.max(1, (width + 2) // (widest + 2))
    local rows = (#words + across - 1) // across
    local lines = {}
    for row = 1, rows do
        local cells = {}
        for i = row, #words, rows do
            cells[#cells + 1] = pad(words[i], widest)
        end
        lines[row] = table.concat(cells, "  "):gsub("%s+$", "")
    end
    return table.concat(lines, "\n")
end

-- ---- one value inside a table --------------------------------------------------------------------------------------

local function has_text(value)
    local meta = getmetatable(value)
    return type(meta) == "table" and (meta.__tostring or meta.__name) ~= nil
end

local function one_line(text)
    local line = text:match "^[^\n]*"
    if #line > MAX_TEXT then
        line = line:sub(1, utf8.offset(line, 0, MAX_TEXT + 1) - 1) .. "..."
    elseif #line < #text then
        line = line .. " ..."
    end
    return line
end

-- Cut before it is quoted, and never inside a UTF-8 sequence. Bytes that are not UTF-8 are escaped.
local function quoted(text, limit)
    local cut, is_utf8 = #text > limit, utf8.len(text)
    if cut then
        text = text:sub(1, (is_utf8 and utf8.offset(text, 0, limit + 1) or limit + 1) - 1)
    end
    local shown = ("%q"):format(text):gsub("\\\n", "\\n")
    if not is_utf8 then
        shown = shown:gsub("[\x80-\xff]", function(byte) return ("\\x%02x"):format(byte:byte()) end)
    end
    return shown .. (cut and "..." or "")
end

local function number_text(value)
    if math.type(value) == "float" and value == value and math.abs(value) ~= math.huge then
        return ("%.6g"):format(value)
    end
    return tostring(value)
end

local function cell(value, limit)
    local kind = type(value)
    if kind == "string" then
        return quoted(value, limit or MAX_TEXT)
    elseif kind == "number" then
        return number_text(value)
    elseif kind == "table" and not has_text(value) then
        return next(value) == nil and "{}" or "{...}"
    end
    return one_line(tostring(value))
end

local RESERVED = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true until
while]]):gmatch "%S+" do
    RESERVED[word] = true
end

local function key_text(key)
    if type(key) == "string" and key:find "^[%a_][%w_]*$" and not RESERVED[key] then
        return key
    end
    return "[" .. cell(key) .. "]"
end

-- ---- tables --------------------------------------------------------------------------------------------------------

local TYPE_RANK <const> = { number = 1, string = 2, boolean = 3 }

local function key_before(a, b)
    local rank_a, rank_b = TYPE_RANK[type(a)] or 4, TYPE_RANK[type(b)] or 4
    if rank_a ~= rank_b then
        return rank_a < rank_b
    elseif rank_a <= 2 then
        return a < b
    end
    return tostring(a) < tostring(b)
end

-- The keys outside 1 .. #t, sorted, and whether some were left out.
local function other_keys(t)
    local n, keys = rawlen(t), {}
    for key in next, t do
        if not (math.type(key) == "integer" and key >= 1 and key <= n) then
            keys[#keys + 1] = key
            if #keys == MAX_KEYS then
                break
            end
        end
    end
    table.sort(keys, key_before)
    return keys
end

local function is_record(value)
    if type(value) ~= "table" or has_text(value) or rawlen(value) > 0 or next(value) == nil then
        return false
    end
    for key, field in next, value do
        if type(key) ~= "string" or type(field) == "table" then
            return false
        end
    end
    return true
end

-- The rows of a table that is shown as a grid: an array of records, or records by name, whose keys are the first
-- column. Each row is {key=, record=}; nil if the table is neither.
local function grid_rows(t)
    local n, keys, rows = rawlen(t), other_keys(t), {}
    if n + #keys < 2 or (n > 0 and #keys > 0) then
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

local function grid_columns(rows, shown)
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

local function grid_cell(name, value)
    if value == nil then
        return ""
    elseif name == "addr" and math.type(value) == "integer" then
        return ("0x%x"):format(value)
    end
    return type(value) == "string" and one_line(value) or cell(value)
end

-- The cells of one column, padded, with its head. get(row) returns the value.
local function grid_column(rows, shown, name, get)
    local cells, numeric, width = { name }, true, #name
    for i = 1, shown do
        local value = get(rows[i])
        cells[i + 1] = grid_cell(name, value)
        numeric = numeric and (value == nil or type(value) == "number")
        width = math.max(width, text_width(cells[i + 1]))
    end
    for i, text in ipairs(cells) do
        cells[i] = pad(text, width, numeric)
    end
    return cells
end

-- A further column with the bytes in a readable unit; nil if none of them is large.
local function human_column(rows, shown, name)
    local cells, width, any = { "" }, 0, false
    for i = 1, shown do
        local value = rows[i].record[name]
        local human = BYTE_FIELDS[name] and math.type(value) == "integer" and units.human(value) or ""
        any = any or human ~= "" and value >= 10240
        cells[i + 1] = human
        width = math.max(width, #human)
    end
    for i, text in ipairs(cells) do
        cells[i] = pad(text, width, true)
    end
    return any and cells or nil
end

local function grid_text(rows)
    local shown = math.min(#rows, MAX_ROWS)
    local columns = {}
    if rows[1].key ~= nil then
        columns[1] = grid_column(rows, shown, "", function(row) return row.key end)
    end
    for _, name in ipairs(grid_columns(rows, shown)) do
        columns[#columns + 1] = grid_column(rows, shown, name, function(row) return row.record[name] end)
        columns[#columns + 1] = human_column(rows, shown, name)
    end
    local lines = {}
    for row = 1, shown + 1 do
        local cells = {}
        for i, column in ipairs(columns) do
            cells[i] = column[row]
        end
        lines[row] = table.concat(cells, "  "):gsub("%s+$", "")
    end
    if #rows > shown then
        lines[#lines + 1] = ("... %d more"):format(#rows - shown)
    end
    return table.concat(lines, "\n")
end

-- Items separated by commas, in lines of `width`.
local function filled(items, width)
    local lines, line = {}, "  "
    for i, item in ipairs(items) do
        local piece = item .. (i < #items and ", " or "")
        if #line > 2 and #line + #piece > width then
            lines[#lines + 1] = line:gsub("%s+$", "")
            line = "  "
        end
        line = line .. piece
    end
    lines[#lines + 1] = line
    return lines
end

local function array_items(t)
    local n = rawlen(t)
    local items = {}
    for i = 1, math.min(n, MAX_ITEMS) do
        items[i] = cell(rawget(t, i))
    end
    if n > MAX_ITEMS then
        items[#items + 1] = ("... %d more"):format(n - MAX_ITEMS)
    end
    return items
end

local function remark(key, value)
    if BYTE_FIELDS[key] and math.type(value) == "integer" and value >= 10240 then
        return "  -- " .. units.human(value)
    end
    return ""
end

-- The "key = value" entries of a table, with their remarks.
local function field_items(t)
    local keys = other_keys(t)
    local shown = math.min(#keys, MAX_ENTRIES)
    local items, remarks = {}, {}
    for i = 1, shown do
        local value = rawget(t, keys[i])
        items[i] = key_text(keys[i]) .. " = " .. cell(value, MAX_FIELD_TEXT)
        remarks[i] = remark(keys[i], value)
    end
    return items, remarks, #keys - shown
end

local function append_fields(lines, items, remarks, left_out)
    local widest = 0
    for i, item in ipairs(items) do
        widest = remarks[i] ~= "" and math.max(widest, text_width(item)) or widest
    end
    for i, item in ipairs(items) do
        local text = "  " .. item .. ","
        lines[#lines + 1] = remarks[i] ~= "" and pad(text, widest + 3) .. remarks[i] or text
    end
    if left_out > 0 then
        lines[#lines + 1] = ("  ... %d more"):format(left_out)
    end
end

local function table_text(t, width)
    local rows = grid_rows(t)
    if rows then
        return grid_text(rows)
    end
    local array = array_items(t)
    local fields, remarks, left_out = field_items(t)
    local all = table.move(fields, 1, #fields, #array + 1, table.move(array, 1, #array, 1, {}))
    local short = "{" .. table.concat(all, ", ") .. "}"
    if #short <= width and left_out == 0 and table.concat(remarks) == "" then
        return short
    end
    local lines = { "{" }
    if #array > 0 then
        local packed = filled(array, width)
        table.move(packed, 1, #packed, 2, lines)
    end
    append_fields(lines, fields, remarks, left_out)
    lines[#lines + 1] = "}"
    return table.concat(lines, "\n")
end

-- ---- the interface -------------------------------------------------------------------------------------------------

local function value_text(value, width)
    if type(value) == "table" and not has_text(value) then
        return table_text(value, width)
    end
    return tostring(value)
end

function show.text(...)
    local width = show.width()
    local texts, separator = table.pack(...), "\t"
    for i = 1, texts.n do
        texts[i] = value_text(texts[i], width)
        separator = texts[i]:find("\n", 1, true) and "\n" or separator
    end
    return table.concat(texts, separator)
end

--- Prints a text; on a terminal through a pager if it is longer than the window.
function show.page(text)
    local pager = package.loaded["lunalloc.prompt.pager"]
    if not (pager and pager.show(text)) then
        print(text)
    end
end

function show.print(...)
    if select("#", ...) > 0 then
        show.page(show.text(...))
    end
end

return show
