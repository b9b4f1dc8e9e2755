--- Lists as tables of a given width and height, for `lunalloc top`. Nothing here knows the terminal: the result is an
--- array of lines, and a line is an array of cells { text, style }.
---
---     lines = grid.lines(columns, rows, { width = 80, height = 10, sort = "bytes", reverse = false, offset = 0,
---                                         selected = 3, utf8 = true })      utf8 = nil: ASCII, the order is not marked
---
--- A column: { key = "bytes", title = "in use", format = function(value, row) -> text, left = true, rank = 1 }. If the
--- width is too small, columns are left out, those with the highest rank first. `ascending`: the order in which a
--- column sorts at first; else it is descending. `most`, `steady`: its largest and smallest width.
--- The last column, if it is `left`, is cut to the width that remains, but not below `least`.

local grid = {}

-- ---- text ----------------------------------------------------------------------------------------------------------

function grid.width_of(text)
    return utf8.len(text) or #text
end

--- The text without what a terminal would obey or draw wider than a cell: those characters are "?".
function grid.clean(text, with_utf8)
    if not with_utf8 or not utf8.len(text) then
        return (text:gsub("[^\x20-\x7e]", "?"))
    end
    text = text:gsub("[%z\1-\31\127]", "?")
    return (text:gsub("[\xc2-\xf4][\x80-\xbf]*", function(character)
        local code = utf8.codepoint(character)
        local narrow = code >= 0xa0 and code < 0x300 or code >= 0x370 and code < 0x1100
        return narrow and character or "?"
    end))
end

function grid.cut(text, width)
    if width <= 0 then
        return ""
    elseif grid.width_of(text) <= width then
        return text
    end
    return text:sub(1, (utf8.len(text) and utf8.offset(text, width + 1) or width + 1) - 1)
end

--- The text with blanks up to the width, or cut to it.
function grid.pad(text, width, right)
    text = grid.cut(text, width)
    local fill = (" "):rep(width - grid.width_of(text))
    return right and fill .. text or text .. fill
end

-- ---- order ---------------------------------------------------------------------------------------------------------

local function column_of(columns, key)
    for _, column in ipairs(columns) do
        if column.key == key then
            return column
        end
    end
end

--- A sorted copy. Entries without the value come last; ties keep the order of the list.
function grid.sorted(rows, columns, key, reverse)
    local column = column_of(columns, key)
    local list, place = table.move(rows, 1, #rows, 1, {}), {}
    for i, row in ipairs(rows) do
        place[row] = i
    end
    local ascending = (column and column.ascending or false) ~= (reverse or false)
    table.sort(list, function(a, b)
        local x, y = a[key], b[key]
        if x == y or x == nil or y == nil then
            return x ~= y and y == nil or x == y and place[a] < place[b]
        elseif ascending then
            return x < y
        end
        return x > y
    end)
    return list
end

-- ---- widths --------------------------------------------------------------------------------------------------------

local GAP <const> = 1 -- cells between columns

local function title_of(column, options)
    if column.key ~= options.sort or options.utf8 == nil then
        return column.title
    end
    local up = (column.ascending or false) ~= (options.reverse or false)
    return column.title .. (options.utf8 and (up and "▲" or "▼") or up and " ^" or " v")
end

--- The texts of a column, and the width that they need.
local function measured(column, rows, options)
    local texts, width = {}, grid.width_of(title_of(column, options))
    for i, row in ipairs(rows) do
        local value = row[column.key]
        local text = value == nil and "-" or column.format and column.format(value, row) or tostring(value)
        texts[i] = grid.clean(text, options.utf8)
        width = math.max(width, grid.width_of(texts[i]))
    end
    width = math.max(math.min(width, column.most or width), column.steady or 0)
    return { column = column, texts = texts, width = width }
end

local function total(columns)
    local sum = -GAP
    for _, one in ipairs(columns) do
        sum = sum + one.width + GAP
    end
    return sum
end

local function least_wanted(columns)
    local found = 1
    for i, one in ipairs(columns) do
        if one.column.rank >= columns[found].column.rank then
            found = i
        end
    end
    return found
end

--- Leaves out columns until the rest fits. The last column can shrink if it is text, down to `least`.
local function fit(columns, width)
    while #columns > 1 do
        local last = columns[#columns]
        local excess = total(columns) - width
        if excess <= 0 then
            break
        elseif last.column.left and last.width - excess >= (last.column.least or last.width) then
            last.width = last.width - excess
            break
        end
        table.remove(columns, least_wanted(columns))
    end
    columns[#columns].width = math.min(columns[#columns].width, width)
    return columns
end

-- ---- lines ---------------------------------------------------------------------------------------------------------

local function line_of(columns, get, width)
    local parts = {}
    for i, one in ipairs(columns) do
        parts[i] = grid.pad(get(one), one.width, not one.column.left)
    end
    return grid.cut(table.concat(parts, (" "):rep(GAP)), width)
end

--- The rows from the offset on, as many as there is room for.
local function window(rows, options)
    local room = math.max(0, options.height - 1)
    local offset = math.max(0, math.min(options.offset or 0, #rows - room))
    return table.move(rows, offset + 1, math.min(#rows, offset + room), 1, {}), offset
end

--- The head and the rows as lines; fewer than the height if there are fewer rows.
function grid.lines(columns, rows, options)
    local list = options.sort and grid.sorted(rows, columns, options.sort, options.reverse) or rows
    local shown, offset = window(list, options)
    local parts = {}
    for i, column in ipairs(columns) do
        parts[i] = measured(column, shown, options)
    end
    fit(parts, options.width)
    local head = line_of(parts, function(one) return title_of(one.column, options) end, options.width)
    local lines = { { { head, "head" } } }
    for i, row in ipairs(shown) do
        local text = line_of(parts, function(one) return one.texts[i] end, options.width)
        local chosen = options.selected == offset + i
        lines[i + 1] = { { chosen and grid.pad(text, options.width) or text, chosen and "chosen" or row.style } }
    end
    return lines
end

return grid
