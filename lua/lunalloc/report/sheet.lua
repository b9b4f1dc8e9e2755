--- A table for the page: { title =, columns = { { name =, unit = } }, rows = { { value, ... } }, more = }. Rows that
--- are too many, or too long together, are counted and left out.

local limits = require "lunalloc.report.limits"
local text = require "lunalloc.report.text"

local sheet = {}

--- A value of a cell: a number, or a text; nothing is "".
function sheet.cell(value, private)
    if value == nil then
        return ""
    elseif type(value) == "number" then
        return value == value and math.abs(value) < math.huge and value or ""
    end
    return text.name(value, private)
end

local function size_of(row)
    local bytes = 2
    for _, value in ipairs(row) do
        bytes = bytes + (type(value) == "string" and #value + 3 or 12)
    end
    return bytes
end

--- The first rows, as many as a report may have, and how many were left out.
function sheet.limited(rows)
    local kept, bytes = {}, 0
    for i, row in ipairs(rows) do
        bytes = bytes + size_of(row)
        if i > limits.rows or bytes > limits.table_bytes then
            return kept, #rows - i + 1
        end
        kept[i] = row
    end
    return kept, 0
end

--- A table of the objects of `list`: fields is an array of { name, unit, function(object) -> value }.
function sheet.new(title, list, fields, private)
    local columns, rows = {}, {}
    for c, field in ipairs(fields) do
        columns[c] = { name = field[1], unit = field[2] }
    end
    for i, object in ipairs(list) do
        rows[i] = {}
        for c, field in ipairs(fields) do
            rows[i][c] = sheet.cell(field[3](object), private)
        end
    end
    local kept, more = sheet.limited(rows)
    return { title = title, columns = columns, rows = kept, more = more }
end

--- The function of a field that is taken as it is.
function sheet.field(name)
    return function(object)
        return object[name]
    end
end

return sheet
