--- Series over time as a picture for a terminal.
---
---     plot{ series = { {name = "resident", values = {...}}, ... },   values may have NaN: a gap
---           x = {...},          seconds, one for each value, ascending; sample numbers if left out
---           marks = { {x = 4.2, label = "dirty_decay_ms = 0"}, ... },
---           title = "", unit = "bytes", width = 80, height = 12,
---           mode = "braille" | "blocks" | "ascii", colour = true }   ->  a text without a last newline
---
--- The picture is a raster of dots, of which a character cell has several: 2 x 4 in braille, 2 x 2 in quadrant blocks,
--- one in ASCII. Row 0 is at the top. Without colour, series differ by their dashes (dots) or letters (ASCII).

local shown = require "lunalloc.check".shown
local units = require "lunalloc.units"

local MODES <const> = { braille = true, blocks = true, ascii = true }
local KEYS <const> = { series = true, x = true, marks = true, title = true, unit = true, width = true, height = true,
    mode = true, colour = true }

local MIN_COLUMNS <const> = 10 -- of the raster itself, in cells
local COLOURS <const> = { 36, 33, 35, 32, 34, 31 }
local LETTERS <const> = { "*", "o", "+", "x", "#", "@" }
-- Of every `period` dot columns, the first `on` are drawn.
local DASHES <const> = { { on = 1, period = 1 }, { on = 4, period = 7 }, { on = 1, period = 3 }, { on = 6, period = 8 },
    { on = 2, period = 4 }, { on = 1, period = 5 } }

-- The characters of lines and axes, and the dots of a cell.
local STYLES <const> = {
    braille = { across = 2, down = 4, axis = "│", tick = "┤", corner = "└", line = "─", x_tick = "┬", mark = "┆",
        arrow = "▼" },
    blocks = { across = 2, down = 2, axis = "│", tick = "┤", corner = "└", line = "─", x_tick = "┬", mark = "┆",
        arrow = "▼" },
    ascii = { across = 1, down = 1, axis = "|", tick = "+", corner = "+", line = "-", x_tick = "+", mark = ":",
        arrow = "v" },
}

-- ---- arguments -----------------------------------------------------------------------------------------------------

local function check(condition, text, ...)
    if not condition then
        error("plot: " .. text:format(...), 0)
    end
end

local function check_numbers(list, what)
    check(type(list) == "table", "%s must be an array of numbers, not %s", what, type(list))
    for i = 1, #list do
        check(type(list[i]) == "number", "%s[%d] must be a number, not %s", what, i, type(list[i]))
    end
end

local function check_size(value, what)
    check(value == nil or (math.tointeger(value) and value > 0 and value <= 1000),
        "%s must be an integer from 1 to 1000, not %s", what, shown(value))
end

local function check_options(options)
    check(type(options) == "table", "takes a table, not %s", type(options))
    for key in pairs(options) do
        check(KEYS[key], "unknown key %s; known: series x marks title unit width height mode colour", shown(key))
    end
    check(type(options.series) == "table", "series must be an array of {name=, values=}")
    for i, series in ipairs(options.series) do
        check(type(series) == "table", "series[%d] must be a table {name=, values=}", i)
        check_numbers(series.values, ("series[%d].values"):format(i))
    end
    if options.x ~= nil then
        check_numbers(options.x, "x")
    end
    check(options.marks == nil or type(options.marks) == "table", "marks must be an array of {x=, label=}, not %s",
        type(options.marks))
    for i, mark in ipairs(options.marks or {}) do
        check(type(mark) == "table" and type(mark.x) == "number", "marks[%d] must be a table {x=, label=}", i)
    end
    check(options.mode == nil or MODES[options.mode], "mode must be braille, blocks or ascii, not %s",
        shown(options.mode))
    for _, key in ipairs { "title", "unit" } do
        check(options[key] == nil or type(options[key]) == "string", "%s must be a text, not %s", key,
            type(options[key]))
    end
    check_size(options.width, "width")
    check_size(options.height, "height")
end

local function environment(...)
    for _, name in ipairs { ... } do
        local value = os.getenv(name)
        if value and value ~= "" then
            return value
        end
    end
    return ""
end

local function default_mode()
    if not environment("LC_ALL", "LC_CTYPE", "LANG"):lower():find "utf%-?8" then
        return "ascii"
    end
    return os.getenv "TERM" == "linux" and "blocks" or "braille" -- the text console's fonts have no braille
end

-- ---- scales --------------------------------------------------------------------------------------------------------

-- The differences of larger magnitudes could overflow: these are gaps, as infinities and NaN are.
local function is_finite(value)
    return value > -1e300 and value < 1e300
end

-- The smallest and largest finite value of the arrays, as floats; nil if there is none.
local function extent(arrays)
    local low, high
    for _, array in ipairs(arrays) do
        for _, value in ipairs(array) do
            if is_finite(value) then
                low = math.min(low or value, value) + 0.0
                high = math.max(high or value, value) + 0.0
            end
        end
    end
    return low, high
end

-- The smallest round step that covers `span` with at most `count` steps.
local function round_step(span, count, binary)
    local rough = span / count
    if binary then
        return rough <= 1 and 1.0 or 2.0 ^ math.ceil(math.log(rough, 2) - 1e-9)
    end
    local power = 10.0 ^ math.floor(math.log(rough, 10))
    for _, factor in ipairs { 1, 2, 5 } do
        if factor * power >= rough * (1 - 1e-9) then
            return factor * power
        end
    end
    return 10 * power
end

-- {low=, high=, step=}: from 0, unless there are negative values, to a multiple of the step.
local function y_scale(low, high, height, binary)
    local bottom, top = math.min(low, 0), math.max(high, 0)
    if top == bottom then
        top = bottom + 1
    end
    local step = round_step(top - bottom, math.max(1, height // 3), binary)
    return { low = math.floor(bottom / step + 1e-9) * step, high = math.ceil(top / step - 1e-9) * step, step = step }
end

local function x_scale(low, high, columns, whole)
    if high == low then
        high = low + 1
    end
    local step = round_step(high - low, math.max(1, columns // 10), false)
    return { low = low, high = high, step = whole and math.max(step, 1) or step }
end

-- Position of a value on 0 .. last.
local function place(scale, value, last)
    local at = (value - scale.low) / (scale.high - scale.low) * last
    return math.floor(math.max(0, math.min(last, at)) + 0.5)
end

-- ---- the raster ----------------------------------------------------------------------------------------------------

local Raster = {}
Raster.__index = Raster

-- cells[row * columns + column + 1] = {mask of dots, number of the series that drew last}
local function new_raster(columns, rows, style)
    return setmetatable({
        columns = columns, rows = rows, style = style, cells = {},
        last_x = columns * style.across - 1, last_y = rows * style.down - 1,
    }, Raster)
end

function Raster:dot(x, y, owner)
    local style = self.style
    local at = y // style.down * self.columns + x // style.across + 1
    local cell = self.cells[at] or { mask = 0 }
    cell.mask = cell.mask | 1 << (y % style.down * style.across + x % style.across)
    cell.owner = owner
    self.cells[at] = cell
end

-- A straight line of dots; in dashes along x.
function Raster:line(x0, y0, x1, y1, owner, dash)
    local steps = math.max(math.abs(x1 - x0), math.abs(y1 - y0), 1)
    for i = 0, steps do
        local x = x0 + math.floor((x1 - x0) * i / steps + 0.5)
        if x % dash.period < dash.on then
            self:dot(x, y0 + math.floor((y1 - y0) * i / steps + 0.5), owner)
        end
    end
end

-- Bit i of a mask is the dot at (i % 2, i // 2); these are the same dots' bits in U+2800 ...
local BRAILLE_BITS <const> = { 0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80 }
-- ... and the sixteen quadrant blocks by mask.
local QUADRANTS = {}
for _, code in utf8.codes " ▘▝▀▖▌▞▛▗▚▐▜▄▙▟█" do
    QUADRANTS[#QUADRANTS + 1] = utf8.char(code)
end

local function braille(mask)
    local bits = 0
    for i, bit in ipairs(BRAILLE_BITS) do
        bits = bits | (mask >> (i - 1) & 1) * bit
    end
    return utf8.char(0x2800 + bits)
end

local GLYPHS <const> = {
    braille = function(cell) return braille(cell.mask) end,
    blocks = function(cell) return QUADRANTS[cell.mask + 1] end,
    ascii = function(cell) return LETTERS[(cell.owner - 1) % #LETTERS + 1] end,
}

-- ---- text with colours ---------------------------------------------------------------------------------------------

local function painted(text, owner, colour)
    if not colour or not owner then
        return text
    end
    return ("\27[%dm%s\27[0m"):format(COLOURS[(owner - 1) % #COLOURS + 1], text)
end

local function width_of(text)
    return utf8.len(text) or #text
end

-- Text cut to a width.
local function cut(text, width)
    if width_of(text) <= width then
        return text
    end
    return text:sub(1, (utf8.len(text) and utf8.offset(text, width + 1) or width + 1) - 1)
end

-- ---- the parts of the picture --------------------------------------------------------------------------------------

-- picture: columns, rows (of the raster in cells), margin (of the y labels), style, mode, colour, unit, series, marks,
-- raster, x (scale), y (scale), x_values, x_unit

local function series_name(series, i)
    return series.name and tostring(series.name) or "series " .. i
end

local function last_finite(values)
    for i = #values, 1, -1 do
        if is_finite(values[i]) then
            return values[i]
        end
    end
end

-- "resident 72 MiB", in ASCII after the letter that draws the series.
local function label_of(picture, i)
    local series = picture.series[i]
    local value = last_finite(series.values)
    local text = series_name(series, i) .. (value and " " .. units.short(value, picture.unit) or "")
    return picture.mode == "ascii" and LETTERS[(i - 1) % #LETTERS + 1] .. " " .. text or text
end

local function draw_series(picture, i)
    local raster, values = picture.raster, picture.series[i].values
    local plain = picture.colour or picture.mode == "ascii"
    local dash = plain and DASHES[1] or DASHES[(i - 1) % #DASHES + 1]
    local from_x, from_y
    for n, value in ipairs(values) do
        local x_value = picture.x_values[n]
        if is_finite(value) and x_value and is_finite(x_value) then
            local x = place(picture.x, x_value, raster.last_x)
            local y = raster.last_y - place(picture.y, value, raster.last_y)
            raster:line(from_x or x, from_y or y, x, y, i, dash)
            from_x, from_y = x, y
        else
            from_x, from_y = nil, nil
        end
    end
end

-- row -> label of the y axis
local function y_labels(picture)
    local labels = {}
    local y = picture.y
    for i = 0, math.floor((y.high - y.low) / y.step + 0.5) do
        local value = y.low + i * y.step
        local row = (picture.raster.last_y - place(y, value, picture.raster.last_y)) // picture.style.down
        labels[row] = units.short(value, picture.unit)
    end
    return labels
end

local function mark_columns(picture)
    local columns = {}
    for _, mark in ipairs(picture.marks) do
        if is_finite(mark.x) and mark.x >= picture.x.low and mark.x <= picture.x.high then
            columns[place(picture.x, mark.x, picture.columns - 1)] = true
        end
    end
    return columns
end

-- Adjacent cells of one series get one colour sequence.
local function raster_row(picture, row, marks)
    local parts, run, owner = {}, {}, nil
    for column = 0, picture.columns do
        local cell = picture.raster.cells[row * picture.columns + column + 1]
        local next_owner = column < picture.columns and cell and cell.owner or nil
        if next_owner ~= owner or column == picture.columns then
            parts[#parts + 1] = painted(table.concat(run), owner, picture.colour)
            run, owner = {}, next_owner
        end
        run[#run + 1] = next_owner and GLYPHS[picture.mode](cell) or marks[column] and picture.style.mark or " "
    end
    return table.concat(parts)
end

-- row -> number of the series whose label is beside it: the row where the series ends, or the nearest free one.
local function label_rows(picture)
    local rows, last = {}, picture.rows - 1
    for i, series in ipairs(picture.series) do
        local value = last_finite(series.values)
        local wanted = value and last - place(picture.y, value, last) or last
        for distance = 0, last do
            local above, below = wanted - distance, wanted + distance
            local free = above >= 0 and not rows[above] and above or below <= last and not rows[below] and below
            if free then
                rows[free] = i
                break
            end
        end
    end
    return rows
end

local function body_lines(picture)
    local labels, marks, beside = y_labels(picture), mark_columns(picture), {}
    if picture.labelled then
        beside = label_rows(picture)
    end
    local lines = {}
    for row = 0, picture.rows - 1 do
        local label, owner = labels[row], beside[row]
        local axis = label and picture.style.tick or picture.style.axis
        local line = (" "):rep(picture.margin - width_of(label or "")) .. (label or "") .. axis
            .. raster_row(picture, row, marks)
        lines[#lines + 1] = owner and line .. " " .. painted(label_of(picture, owner), owner, picture.colour) or line
    end
    return lines
end

-- Puts `text` into the sparse row `cells` at a column, if those cells are free.
local function put(cells, column, text, width)
    local length = width_of(text)
    if column < 0 or column + length > width then
        return false
    end
    for i = column - 1, column + length do
        if cells[i] then
            return false
        end
    end
    cells[column] = text
    for i = column + 1, column + length - 1 do
        cells[i] = ""
    end
    return true
end

local function row_text(cells, width)
    local parts = {}
    for i = 0, width - 1 do
        parts[#parts + 1] = cells[i] or " "
    end
    return (table.concat(parts):gsub("%s+$", ""))
end

-- The axis line, and the numbers below it.
local function axis_lines(picture)
    local style, ticks, numbers = picture.style, {}, {}
    local width = picture.columns + 8 -- a number may extend beyond the raster
    local scale = picture.x
    for i = math.ceil(scale.low / scale.step - 1e-9), math.floor(scale.high / scale.step + 1e-9) do
        local column = place(scale, i * scale.step, picture.columns - 1)
        local text = ("%.4g%s"):format(i * scale.step, picture.x_unit)
        if put(numbers, math.max(0, column - #text // 2), text, width) then
            ticks[column] = style.x_tick
        end
    end
    local line = {}
    for column = 0, picture.columns - 1 do
        line[#line + 1] = ticks[column] or style.line
    end
    local indent = (" "):rep(picture.margin)
    return indent .. style.corner .. table.concat(line), indent .. " " .. row_text(numbers, width)
end

-- The rows above the picture that name the marks.
local function mark_lines(picture)
    local rows = {}
    for _, mark in ipairs(picture.marks) do
        if is_finite(mark.x) and mark.x >= picture.x.low and mark.x <= picture.x.high then
            local column = place(picture.x, mark.x, picture.columns - 1)
            local label = cut(tostring(mark.label or ""), picture.columns - 2)
            local right, left = picture.style.arrow .. " " .. label, label .. " " .. picture.style.arrow
            local row = 1
            repeat
                rows[row] = rows[row] or {}
                local placed = put(rows[row], column, right, picture.columns)
                    or put(rows[row], column - width_of(left) + 1, left, picture.columns)
                row = row + 1
            until placed or row > #picture.marks + 1
        end
    end
    local lines = {}
    for i, row in ipairs(rows) do
        lines[i] = (" "):rep(picture.margin + 1) .. row_text(row, picture.columns)
    end
    return lines
end

-- One line with all series, for pictures too narrow for labels beside them.
local function legend_line(picture)
    local labels = {}
    for i = 1, #picture.series do
        labels[i] = painted(label_of(picture, i), i, picture.colour)
    end
    return table.concat(labels, "   ")
end

-- ---- the whole -----------------------------------------------------------------------------------------------------

local function widest_label(picture)
    local widest = 0
    for i = 1, #picture.series do
        widest = math.max(widest, width_of(label_of(picture, i)))
    end
    return widest
end

local function widest_tick(picture)
    local widest, y = 0, picture.y
    for i = 0, math.floor((y.high - y.low) / y.step + 0.5) do
        widest = math.max(widest, width_of(units.short(y.low + i * y.step, picture.unit)))
    end
    return widest
end

-- Divides the width between y labels, raster and names. A narrow picture drops the names first, then the labels.
local function lay_out(picture, width)
    picture.margin = widest_tick(picture)
    local beside = widest_label(picture) + 1
    local room = width - picture.margin - 1
    picture.labelled = room - beside >= 3 * MIN_COLUMNS and #picture.series <= picture.rows
    picture.columns = math.max(MIN_COLUMNS, picture.labelled and room - beside or room)
end

local function sample_numbers(series)
    local longest = 0
    for _, one in ipairs(series) do
        longest = math.max(longest, #one.values)
    end
    local numbers = {}
    for i = 1, longest do
        numbers[i] = i
    end
    return numbers
end

local function new_picture(options, console)
    local colour = options.colour
    if colour == nil then
        colour = console ~= nil and console.colour
    end
    local mode = options.mode or default_mode()
    return {
        series = options.series, marks = options.marks or {}, unit = options.unit, mode = mode, style = STYLES[mode],
        colour = colour, rows = options.height or 12, x_values = options.x or sample_numbers(options.series),
        x_unit = options.x and "s" or "",
    }
end

local function all_values(series)
    local arrays = {}
    for i, one in ipairs(series) do
        arrays[i] = one.values
    end
    return arrays
end

-- The lines under the title; nil if there are no points.
local function picture_lines(picture, width)
    local low, high = extent(all_values(picture.series))
    local first, last = extent { picture.x_values }
    if not low or not first then
        return nil
    end
    picture.y = y_scale(low, high, picture.rows, picture.unit == "bytes")
    lay_out(picture, width)
    picture.x = x_scale(first, last, picture.columns, picture.x_unit == "")
    picture.raster = new_raster(picture.columns, picture.rows, picture.style)
    for i = #picture.series, 1, -1 do
        draw_series(picture, i)
    end
    local lines = mark_lines(picture)
    table.move(body_lines(picture), 1, picture.rows, #lines + 1, lines)
    lines[#lines + 1], lines[#lines + 2] = axis_lines(picture)
    if not picture.labelled then
        lines[#lines + 1] = legend_line(picture)
    end
    return lines
end

local function plot(options)
    check_options(options)
    local console = package.loaded["lunalloc.console"]
    local width = options.width or (console and console.width()) or tonumber(os.getenv "COLUMNS") or 80
    local lines = picture_lines(new_picture(options, console), width) or { "(no data)" }
    if options.title then
        table.insert(lines, 1, tostring(options.title))
    end
    for i, line in ipairs(lines) do
        lines[i] = line:gsub("%s+$", "")
    end
    return table.concat(lines, "\n")
end

return function(options)
    local ok, result = pcall(plot, options)
    if not ok then
        error(result, 2)
    end
    return result
end
