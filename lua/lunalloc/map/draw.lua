--- A raster as a text for a terminal.
---
---     draw.size(options)              ->  columns and rows of the raster that fits, and how many rows a line has
---     draw.text(raster, options)      ->  the text without a last newline
---
--- options: mode: "blocks", "braille" or "ascii"; colours: 0, 16 or 256; width: of the whole, in columns; height: of
--- the grid, in lines; title.
---
--- A line of text shows one row of cells as letters or shades; two, with colours, as half blocks; or four as braille,
--- where a dot is a cell that is in use, and the colour that of most cells. Beside a line is the address at which its
--- range begins; "~" says that addresses were left out before it. Within a line, "┊" does.

local host = require "lunalloc.host"
local palette = require "lunalloc.map.palette"
local plot_raster = require "lunalloc.plot_raster"
local raster_module = require "lunalloc.map.raster"
local units = require "lunalloc.units"

local utf8 = host.utf8

local draw = {}

local MARGIN <const> = 15 -- "~7f0123456000  "
local LEGEND_LINES <const> = 3
local EMPTY <const> = raster_module.EMPTY

--- How many cells a character has: across and down.
local function cells_of(options)
    if options.mode == "braille" then
        return 2, 4
    end
    return 1, options.mode == "blocks" and options.colours > 0 and 2 or 1
end

--- Narrow terminals have no addresses.
local function margin_of(width)
    return width >= 50 and MARGIN or 0
end

function draw.size(options)
    local across, down = cells_of(options)
    return math.max(1, options.width - margin_of(options.width)) * across, options.height * down, down
end

-- ---- lines ---------------------------------------------------------------------------------------------------------

local function painted(text, look_fg, look_bg)
    if not look_fg and not look_bg then
        return text
    end
    return ("\27[%sm%s\27[0m"):format(look_fg and look_bg and look_fg .. ";" .. look_bg or look_fg or look_bg, text)
end

--- Joins characters of the same colours to one sequence. `each(column)` returns character, fg, bg.
local function line_of(columns, each)
    local parts, run, fg, bg = {}, {}, nil, nil
    for column = 0, columns - 1 do
        local character, next_fg, next_bg = each(column)
        if next_fg ~= fg or next_bg ~= bg then
            parts[#parts + 1] = painted(table.concat(run), fg, bg)
            run, fg, bg = {}, next_fg, next_bg
        end
        run[#run + 1] = character
    end
    parts[#parts + 1] = painted(table.concat(run), fg, bg)
    return table.concat(parts)
end

--- The key of a cell, counted from 0; EMPTY behind the end.
local function key_at(raster, row, column)
    local at = row * raster.columns + column + 1
    return column < raster.columns and at <= #raster.cells and raster.cells:sub(at, at) or EMPTY
end

local function letter_line(picture, row)
    return line_of(picture.raster.columns, function(column)
        local key = key_at(picture.raster, row, column)
        if key == EMPTY then
            return picture.cuts[row * picture.raster.columns + column] and picture.cut or " "
        end
        local look = picture.looks[key]
        return picture.mode == "ascii" and look.letter or look.shade, look.fg
    end)
end

local function half_line(picture, row)
    local raster, looks = picture.raster, picture.looks
    return line_of(raster.columns, function(column)
        local top, bottom = key_at(raster, row, column), key_at(raster, row + 1, column)
        if top == EMPTY and bottom == EMPTY then
            return picture.cuts[row * raster.columns + column] and picture.cut or " "
        elseif top == bottom then
            return "█", looks[top].fg
        elseif bottom == EMPTY then
            return "▀", looks[top].fg
        elseif top == EMPTY then
            return "▄", looks[bottom].fg
        end
        return "▀", looks[top].fg, looks[bottom].bg
    end)
end

--- The key that most of the counted cells have.
local function most(counts)
    local best
    for key, n in pairs(counts) do
        if not best or n > counts[best] or n == counts[best] and key < best then
            best = key
        end
    end
    return best
end

local function braille_line(picture, row)
    local raster, looks = picture.raster, picture.looks
    return line_of((raster.columns + 1) // 2, function(column)
        local mask, counts = 0, {}
        for bit = 0, 7 do
            local key = key_at(raster, row + bit // 2, 2 * column + bit % 2)
            if key ~= EMPTY then
                counts[key] = (counts[key] or 0) + 1
                mask = looks[key].solid and mask | 1 << bit or mask
            end
        end
        local best = most(counts)
        if not best then
            return " "
        end
        return mask == 0 and "·" or plot_raster.GLYPHS.braille { mask = mask }, looks[best].fg
    end)
end

-- ---- the margin and the legend -------------------------------------------------------------------------------------

--- { [row] = address at which the first range of this row of cells begins }, and { [cell] = true } for cells that stand
--- for addresses that were left out.
local function places(raster)
    local starts, cuts, spans, end_cell = {}, {}, raster.spans, 0
    for i = 1, #spans, 3 do
        local row = spans[i + 2] // raster.columns
        starts[row] = starts[row] or spans[i]
        if i > 1 and spans[i + 2] == end_cell + 1 and spans[i + 2] % raster.columns ~= 0 then
            cuts[end_cell] = true
        end
        end_cell = spans[i + 2] + (spans[i + 1] - spans[i] - 1) // raster.cell + 1
    end
    return starts, cuts
end

--- The address of what begins in these rows, or blanks.
local function margin_text(picture, row)
    for i = row, row + picture.down - 1 do
        local start = picture.starts[i]
        if start then
            return ("%s%012x  "):format(start == picture.raster.spans[1] and " " or "~", start)
        end
    end
    return (" "):rep(MARGIN)
end

--- The sample of a legend row.
local function sample(picture, key)
    local look = picture.looks[key]
    if picture.mode == "ascii" then
        return painted(look.letter, look.fg)
    elseif picture.mode == "braille" then
        return painted(look.solid and "⣿" or "·", look.fg)
    end
    return painted(picture.down == 2 and "█" or look.shade, look.fg)
end

local function visible_width(text)
    local plain = text:gsub("\27%[[%d;]*m", "")
    return utf8.len(plain) or #plain
end

--- Rows of the legend side by side, as many as fit.
local function legend_lines(picture, width, with_bytes)
    local lines, line = {}, nil
    for _, row in ipairs(picture.raster.legend) do
        if row.bytes > 0 then
            local text = sample(picture, row.key) .. " " .. row.name
            text = with_bytes and text .. " " .. units.human(row.bytes) or text
            if line and visible_width(line) + 3 + visible_width(text) <= width then
                line = line .. "   " .. text
            else
                lines[#lines + 1], line = line, text
            end
        end
    end
    lines[#lines + 1] = line
    return lines
end

local function fits(lines, width)
    for _, line in ipairs(lines) do
        if visible_width(line) > width then
            return false
        end
    end
    return #lines <= LEGEND_LINES
end

--- A legend that is too long or too wide has names only; what does not fit into a few lines is cut.
local function short_legend(picture, width)
    local lines = legend_lines(picture, width, true)
    if not fits(lines, width) then
        lines = legend_lines(picture, width, false)
    end
    if #lines > LEGEND_LINES then
        lines[LEGEND_LINES] = "..."
    end
    return table.move(lines, 1, math.min(#lines, LEGEND_LINES), 1, {})
end

local function ranges_text(n)
    return n == 1 and "one range" or n .. " ranges"
end

--- "by state: 61.5 MiB in 12 ranges of addresses, 32.0 KiB a cell"
local function head_line(raster, title)
    return ("%s by %s: %s in %s, %s a cell"):format(title or "heap", raster.by, units.human(raster.bytes),
        ranges_text(#raster.spans // 3), units.human(raster.cell))
end

-- ---- the whole -----------------------------------------------------------------------------------------------------

local LINES <const> = { braille = braille_line, half = half_line, letters = letter_line }

local function new_picture(raster, options)
    local across, down = cells_of(options)
    local starts, cuts = places(raster)
    return { raster = raster, mode = options.mode, looks = palette.new(raster.by, options.colours), starts = starts,
        cuts = cuts, down = down, line = LINES[across == 2 and "braille" or down == 2 and "half" or "letters"],
        cut = options.mode == "ascii" and "|" or "┊" }
end

local function cut(text, width)
    if visible_width(text) <= width then
        return text
    end
    return text:sub(1, (utf8.len(text) and utf8.offset(text, width + 1) or width + 1) - 1)
end

function draw.text(raster, options)
    local picture = new_picture(raster, options)
    local lines = { cut(head_line(raster, options.title), options.width) }
    if #raster.spans == 0 then
        lines[2] = "(nothing is there)"
        return table.concat(lines, "\n")
    end
    local margin = margin_of(options.width) > 0
    for row = 0, raster.rows - 1, picture.down do
        local line = (margin and margin_text(picture, row) or "") .. picture.line(picture, row)
        lines[#lines + 1] = line:gsub("%s+$", "")
    end
    table.move(short_legend(picture, options.width), 1, LEGEND_LINES, #lines + 1, lines)
    return table.concat(lines, "\n")
end

return draw
