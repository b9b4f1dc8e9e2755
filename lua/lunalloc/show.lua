--- Values as text for people: the console prints expressions with it.
---
---     show.text(...)               the values as one text
---     show.print(...)              prints that text; prints nothing if there are no values
---     show.page(text)              prints a text; a long one through show.pager, which the prompt sets
---     show.columns(words, width)   words in columns
---     show.width()                 of the terminal, in cells
---
--- A string is shown as it is (so that a plot remains a plot) but for control characters, an object by its __tostring.
--- A table is shown one level deep, sorted and bounded in length; an array of records is a grid, also within a table.
--- Programs should not parse this.

local grid = require "lunalloc.show_grid"
local value = require "lunalloc.show_value"
local os = require("lunalloc.host").os

local show = { printable = value.printable }

local MAX_ENTRIES <const> = 60   -- of a table
local MAX_ITEMS <const> = 200    -- of an array of plain values
local MAX_FIELD_TEXT <const> = 200 -- bytes of a string that has a line for itself

function show.width()
    local console = package.loaded["lunalloc.console"]
    return console and console.width() or tonumber(os.getenv "COLUMNS") or 80
end

--- Words in columns that fit `width`, ordered down, then across.
function show.columns(words, width)
    local widest = 0
    for _, word in ipairs(words) do
        widest = math.max(widest, value.width(word))
    end
    local across = math.max(1, (width + 2) // (widest + 2))
    local rows = (#words + across - 1) // across
    local lines = {}
    for row = 1, rows do
        local cells = {}
        for i = row, #words, rows do
            cells[#cells + 1] = value.pad(words[i], widest)
        end
        lines[row] = table.concat(cells, "  "):gsub("%s+$", "")
    end
    return table.concat(lines, "\n")
end

-- ---- tables --------------------------------------------------------------------------------------------------------

-- Items separated by commas, in lines of `width` that begin with the indent.
local function filled(items, width, indent)
    local lines, line = {}, indent
    for i, item in ipairs(items) do
        local piece = item .. (i < #items and ", " or "")
        if #line > #indent and #line + #piece > width then
            lines[#lines + 1] = line:gsub("%s+$", "")
            line = indent
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
        items[i] = value.cell(rawget(t, i), { table = 40 })
    end
    if n > MAX_ITEMS then
        items[#items + 1] = ("... %d more"):format(n - MAX_ITEMS)
    end
    return items
end

--- A table below its key: the lines of a grid, or the entries of a small table that is too long for the key's line; nil
--- of other values.
local function nested(v, width, room)
    if type(v) ~= "table" or value.has_text(v) then
        return nil
    end
    local text = grid.text(v, width - 4)
    if text then
        return "\n    " .. text:gsub("\n", "\n    ")
    end
    local items = value.inline_items(v)
    if items and #table.concat(items, ", ") + 2 > room then
        return " {\n" .. table.concat(filled(items, width, "    "), "\n") .. "\n  },"
    end
end

--- The "key = value" entries of a table; their remarks; how many are left out; and whether one has several lines.
local function field_items(t, width)
    local keys = grid.other_keys(t)
    local shown = math.min(#keys, MAX_ENTRIES)
    local items, remarks, any_below = {}, {}, false
    for i = 1, shown do
        local v, key = rawget(t, keys[i]), value.key(keys[i])
        local room = width - #key - 6
        local below = nested(v, width, room)
        local limits = { text = MAX_FIELD_TEXT, table = room }
        local human = value.human(keys[i], v)
        items[i] = key .. " =" .. (below or " " .. value.field(keys[i], v, limits))
        remarks[i] = human and "  -- " .. human or ""
        any_below = any_below or below ~= nil
    end
    return items, remarks, #keys - shown, any_below
end

local function append_fields(lines, items, remarks, left_out)
    local widest = 0
    for i, item in ipairs(items) do
        widest = remarks[i] ~= "" and math.max(widest, value.width(item)) or widest
    end
    for i, item in ipairs(items) do
        local text = "  " .. item .. (item:find("\n", 1, true) and "" or ",")
        lines[#lines + 1] = remarks[i] ~= "" and value.pad(text, widest + 3) .. remarks[i] or text
    end
    if left_out > 0 then
        lines[#lines + 1] = ("  ... %d more"):format(left_out)
    end
end

local function table_text(t, width)
    local rows = grid.text(t, width)
    if rows then
        return rows
    end
    local array = array_items(t)
    local fields, remarks, left_out, any_below = field_items(t, width)
    local all = table.move(fields, 1, #fields, #array + 1, table.move(array, 1, #array, 1, {}))
    local short = "{" .. table.concat(all, ", ") .. "}"
    if #short <= width and left_out == 0 and not any_below and table.concat(remarks) == "" then
        return short
    end
    local lines = { "{" }
    if #array > 0 then
        local packed = filled(array, width, "  ")
        table.move(packed, 1, #packed, 2, lines)
    end
    append_fields(lines, fields, remarks, left_out)
    lines[#lines + 1] = "}"
    return table.concat(lines, "\n")
end

-- ---- the interface -------------------------------------------------------------------------------------------------

local function value_text(v, width)
    if type(v) == "table" and not value.has_text(v) then
        return table_text(v, width)
    end
    return value.printable(tostring(v))
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
    if not (show.pager and show.pager.show(text)) then
        print(text)
    end
end

function show.print(...)
    if select("#", ...) > 0 then
        show.page(show.text(...))
    end
end

return show
