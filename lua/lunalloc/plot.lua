--- Series over time as a picture for a terminal.
---
---     plot{ series = { {name = "resident", values = {...}}, ... },   values may have NaN: a gap
---           x = {...},          seconds, one for each value, ascending; sample numbers if left out
---           marks = { {x = 4.2, label = "dirty_decay_ms = 0"}, ... },      without a label: only a line
---           title = "", unit = "bytes", width = 80, height = 12,
---           mode = "braille" | "blocks" | "ascii", colour = true }   ->  a text without a last newline
---
--- It takes a history, a trace, a result or an array of numbers, too (plot_of.lua), and then options in a second table.
---
--- Without colour, series differ by their dashes (dots) or letters (ASCII). The dots are in lunalloc/plot_raster.lua.

local shown = require "lunalloc.check".shown
local units = require "lunalloc.units"
local raster = require "lunalloc.plot_raster"
local plot_of = require "lunalloc.plot_of"
local host = require "lunalloc.host"

local os, utf8 = host.os, host.utf8

local MODES <const> = { braille = true, blocks = true, ascii = true }
local KEYS <const> = { series = true, x = true, marks = true, title = true, unit = true, width = true, height = true,
    mode = true, colour = true }

local MIN_COLUMNS <const> = 10 -- of the raster itself, in cells
local COLOURS <const> = { 36, 33, 35, 32, 34, 31 }
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
        if raster.is_finite(values[i]) then
            return values[i]
        end
    end
end

-- "resident 72 MiB", in ASCII after the letter that draws the series.
local function label_of(picture, i)
    local series = picture.series[i]
    local value = last_finite(series.values)
    local text = series_name(series, i) .. (value and " " .. units.short(value, picture.unit) or "")
    return picture.mode == "ascii" and raster.LETTERS[(i - 1) % #raster.LETTERS + 1] .. " " .. text or text
end

local function draw_series(picture, i)
    local dots, values = picture.raster, picture.series[i].values
    local plain = picture.colour or picture.mode == "ascii"
    local dash = plain and raster.DASHES[1] or raster.DASHES[(i - 1) % #raster.DASHES + 1]
    local from_x, from_y
    for n, value in ipairs(values) do
        local x_value = picture.x_values[n]
        if raster.is_finite(value) and x_value and raster.is_finite(x_value) then
            local x = raster.place(picture.x, x_value, dots.last_x)
            local y = dots.last_y - raster.place(picture.y, value, dots.last_y)
            dots:line(from_x or x, from_y or y, x, y, i, dash)
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
        local row = (picture.raster.last_y - raster.place(y, value, picture.raster.last_y)) // picture.style.down
        labels[row] = units.short(value, picture.unit)
    end
    return labels
end

local function mark_columns(picture)
    local columns = {}
    for _, mark in ipairs(picture.marks) do
        if raster.is_finite(mark.x) and mark.x >= picture.x.low and mark.x <= picture.x.high then
            columns[raster.place(picture.x, mark.x, picture.columns - 1)] = true
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
        run[#run + 1] = next_owner and raster.GLYPHS[picture.mode](cell) or marks[column] and picture.style.mark or " "
    end
    return table.concat(parts)
end

-- row -> number of the series whose label is beside it: the row where the series ends, or the nearest free one.
local function label_rows(picture)
    local rows, last = {}, picture.rows - 1
    for i, series in ipairs(picture.series) do
        local value = last_finite(series.values)
        local wanted = value and last - raster.place(picture.y, value, last) or last
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
        local column = raster.place(scale, i * scale.step, picture.columns - 1)
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
        local inside = raster.is_finite(mark.x) and mark.x >= picture.x.low and mark.x <= picture.x.high
        if inside and mark.label ~= nil then
            local column = raster.place(picture.x, mark.x, picture.columns - 1)
            local label = cut(tostring(mark.label), picture.columns - 2)
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
    local mode = options.mode or raster.default_mode()
    return {
        series = options.series, marks = options.marks or {}, unit = options.unit, mode = mode,
        style = raster.STYLES[mode],
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
    local low, high = raster.extent(all_values(picture.series))
    local first, last = raster.extent { picture.x_values }
    if not low or not first then
        return nil
    end
    picture.y = raster.y_scale(low, high, picture.rows, picture.unit == "bytes")
    lay_out(picture, width)
    picture.x = raster.x_scale(first, last, picture.columns, picture.x_unit == "")
    picture.raster = raster.new(picture.columns, picture.rows, picture.mode)
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

return function(options, more)
    if plot_of.draws_itself(options) then
        return options:plot(more)
    end
    local made = plot_of(options)
    for key, value in pairs(made and type(more) == "table" and more or {}) do
        made[key] = value
    end
    local ok, result = pcall(plot, made or options)
    if not ok then
        error(tostring(result):gsub("^[^:]*/plot%.lua:%d+: ", "plot: "), 2) -- raised by a table of the caller's
    end
    return result
end
