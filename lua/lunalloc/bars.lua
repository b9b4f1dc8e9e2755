--- Bars for a terminal: what is large, and of which parts it consists.
---
---     bars{ rows = { {name = "class 32", values = {10, 20}}, {name = "class 48", value = 7} },
---           parts = {"free", "cached"}, unit = "bytes", title = "", most = 20,
---           width = 80, mode = "blocks" | "ascii", colour = true }   ->  a text without a last newline
---     bars(la.waste{by = "class"})     bytes that are held and not in use, by cause
---     bars(la.instant())               size classes: bytes of objects, and what else their extents have
---     bars(result.latency.malloc)      the latency spectrum: percentiles; or result.latency, for each function
---
--- A second argument has options for the last three. Rows stay in their order; of more than `most`, the smallest are
--- summed up in one. A part is a letter or a shade, and has a colour where there are colours. Values are 0 or more.

local check = require "lunalloc.check"
local plot_raster = require "lunalloc.plot_raster"
local units = require "lunalloc.units"
local host = require "lunalloc.host"

local os, utf8 = host.os, host.utf8

local KEYS <const> = { rows = true, parts = true, unit = true, title = true, most = true, width = true, mode = true,
    colour = true }
local MOST <const>, WIDTH_MIN <const>, SIZE_MAX <const> = 20, 20, 1000
local LETTERS <const> = { "#", "=", "+", "-", ":", "." }
local SHADES <const> = { "█", "▓", "▒", "░", "▚", "·" }
local COLOURS <const> = { 32, 33, 35, 36, 34, 31 }

-- ---- arguments -----------------------------------------------------------------------------------------------------

--- Why the options are wrong; nil if they are right.
local function fault_of(options)
    for key in pairs(options) do
        if not KEYS[key] then
            return ("no option %s (there are: %s)"):format(check.shown(key), table.concat(check.names(KEYS), ", "))
        end
    end
    local function is_size(value, least)
        return value == nil or math.type(value) == "integer" and value >= least and value <= SIZE_MAX
    end
    if not is_size(options.width, WIDTH_MIN) or not is_size(options.most, 1) then
        return ("width is a whole number from %d to %d, and most from 1 on"):format(WIDTH_MIN, SIZE_MAX)
    elseif options.mode ~= nil and options.mode ~= "blocks" and options.mode ~= "ascii" then
        return "mode is blocks or ascii, not " .. check.shown(options.mode)
    elseif options.colour ~= nil and type(options.colour) ~= "boolean" then
        return "colour is true or false, not " .. check.shown(options.colour)
    end
    for _, key in ipairs { "unit", "title" } do
        if options[key] ~= nil and type(options[key]) ~= "string" then
            return ("%s is a text, not %s"):format(key, check.shown(options[key]))
        end
    end
end

local function is_amount(value)
    return type(value) == "number" and value >= 0 and value < 1e300
end

--- A row as { name =, values =, sum = }; nil and why not.
local function row_of(row, i)
    row = check.plain(row)
    if type(row) ~= "table" then
        return nil, ("rows[%d] is {name=, value=} or {name=, values=}, not %s"):format(i, check.shown(row))
    end
    local values = row.value ~= nil and { row.value } or check.plain(row.values)
    local made = { name = tostring(row.name == nil and i or row.name):gsub("%c", "?"), values = {}, sum = 0 }
    for k = 1, type(values) == "table" and #values or 0 do
        if not is_amount(values[k]) then
            return nil, ("rows[%d] has %s where a number, 0 or more, is expected"):format(i, check.shown(values[k]))
        end
        made.values[k], made.sum = values[k], made.sum + values[k]
    end
    return made
end

local function rows_of(list)
    local rows = {}
    if type(list) ~= "table" then
        return nil, "rows is an array of {name=, value=} or {name=, values=}"
    end
    for i = 1, #list do
        local row, why = row_of(list[i], i)
        if not row then
            return nil, why
        end
        rows[i] = row
    end
    return rows
end

-- ---- what else can be drawn ----------------------------------------------------------------------------------------

local PERCENTILES <const> = { "p50", "p90", "p99", "p99_9", "max" }

local function of_waste(waste)
    local parts, rows = { "free", "rest", "cached", "dirty", "muzzy" }, {}
    for i, row in ipairs(waste) do
        local name = row.what or row.arena and "arena " .. row.arena or row.size and units.human(row.size)
            or row.stack and row.stack[1] or i
        rows[i] = { name = name, values = { row.free, row.rest, row.cached, row.dirty, row.muzzy } }
    end
    return { rows = rows, parts = parts, unit = "bytes", title = "held and not in use, by " .. waste.by }
end

local function of_instant(instant)
    local rows = {}
    for i, row in ipairs(instant.classes) do
        rows[i] = { name = units.human(row.size), values = { row.used, row.bytes - row.used } }
    end
    table.sort(rows, function(a, b) return a.values[1] + a.values[2] > b.values[1] + b.values[2] end)
    return { rows = rows, parts = { "objects", "not in use" }, unit = "bytes", title = "extents in use, by size class" }
end

local function of_latency(latency)
    local rows = {}
    for i, name in ipairs(PERCENTILES) do
        rows[i] = { name = name:gsub("_", "."), value = latency[name] }
    end
    return { rows = rows, unit = "ns", title = "time of a call" }
end

--- result.latency: the functions side by side, for each percentile.
local function of_latencies(latencies)
    local rows = {}
    for _, name in ipairs(check.names(latencies)) do
        for _, percentile in ipairs(PERCENTILES) do
            rows[#rows + 1] = { name = name .. " " .. percentile:gsub("_", "."), value = latencies[name][percentile] }
        end
    end
    return { rows = rows, unit = "ns", title = "time of a call", most = #rows }
end

--- The options that draw an object; nil if it is none of those above.
local function of_object(what)
    local meta = getmetatable(what)
    local name = type(meta) == "table" and rawget(meta, "__name")
    local first = type(what) == "table" and rawget(what, (next(what)))
    if name == "lunalloc.waste" then
        return of_waste(what)
    elseif name == "lunalloc.instant" then
        return of_instant(what)
    elseif type(what) == "table" and is_amount(rawget(what, "p50")) and is_amount(rawget(what, "max")) then
        return of_latency(what)
    elseif type(first) == "table" and is_amount(rawget(first, "p50")) and is_amount(rawget(first, "max")) then
        return of_latencies(what)
    end
end

-- ---- the picture ---------------------------------------------------------------------------------------------------

local function width_of(text)
    return utf8.len(text) or #text
end

local function amount(value, unit)
    return unit == "bytes" and units.human(value) or unit == "ns" and units.human_time(value)
        or units.short(value, unit)
end

--- The first rows, and one for all others.
local function shortened(rows, most)
    if #rows <= most then
        return rows
    end
    local kept, rest = table.move(rows, 1, most - 1, 1, {}), { values = {}, sum = 0 }
    for i = most, #rows do
        rest.sum = rest.sum + rows[i].sum
        for k, value in ipairs(rows[i].values) do
            rest.values[k] = (rest.values[k] or 0) + value
        end
    end
    rest.name = ("%d others"):format(#rows - most + 1)
    kept[most] = rest
    return kept
end

local function painted(text, part, picture)
    if not picture.colour or text == "" then
        return text
    end
    return ("\27[%dm%s\27[0m"):format(COLOURS[(part - 1) % #COLOURS + 1], text)
end

--- What part k is drawn with. In colour all are full.
local function glyph(part, picture)
    local list = picture.mode == "ascii" and LETTERS or SHADES
    return picture.colour and picture.mode == "blocks" and SHADES[1] or list[(part - 1) % #list + 1]
end

--- Each part ends where the sum so far does, so that rounding never adds up. A row with any value has a cell.
local function bar(row, picture)
    local cells, done, sum = {}, 0, 0
    local whole = row.sum > 0 and math.max(1, math.floor(row.sum / picture.largest * picture.columns + 0.5)) or 0
    for k, value in ipairs(row.values) do
        sum = sum + value
        local upto = row.sum > 0 and math.floor(sum / row.sum * whole + 0.5) or 0
        cells[k] = painted(glyph(k, picture):rep(upto - done), k, picture)
        done = upto
    end
    return table.concat(cells)
end

local function cut(text, width)
    if width_of(text) <= width then
        return text
    end
    return text:sub(1, (utf8.len(text) and utf8.offset(text, width + 1) or width + 1) - 1)
end

local function new_picture(options, rows)
    local console = package.loaded["lunalloc.console"]
    local colour, mode = options.colour, options.mode
    if colour == nil then
        colour = console ~= nil and console.colour
    end
    if mode == nil then
        mode = (plot_raster.default_mode() == "ascii" or console and not console.tty) and "ascii" or "blocks"
    end
    local picture = { colour = colour, mode = mode, largest = 0, names = 0, amounts = 0, unit = options.unit,
        width = options.width or math.max(WIDTH_MIN, math.min(SIZE_MAX, console and console.width()
            or math.tointeger(tonumber(os.getenv "COLUMNS")) or 80)) }
    for _, row in ipairs(rows) do
        picture.largest = math.max(picture.largest, row.sum)
        picture.names = math.max(picture.names, width_of(row.name))
        picture.amounts = math.max(picture.amounts, width_of(amount(row.sum, options.unit)))
    end
    picture.names = math.min(picture.names, picture.width // 3)
    picture.columns = math.max(1, picture.width - picture.names - picture.amounts - 3)
    return picture
end

--- "# free   = cached"
local function legend(parts, picture)
    local list = {}
    for k = 1, #parts do
        list[k] = painted(glyph(k, picture), k, picture) .. " " .. tostring(parts[k])
    end
    return table.concat(list, "   ")
end

local function text_of(options, rows)
    rows = shortened(rows, options.most or MOST)
    local picture, lines = new_picture(options, rows), {}
    lines[1] = options.title and cut(options.title, picture.width)
    for _, row in ipairs(rows) do
        local name, value = cut(row.name, picture.names), amount(row.sum, options.unit)
        lines[#lines + 1] = (name .. (" "):rep(picture.names - width_of(name)) .. " "
            .. (" "):rep(picture.amounts - width_of(value)) .. value .. "  " .. bar(row, picture)):gsub("%s+$", "")
    end
    if #rows == 0 then
        lines[#lines + 1] = "(no data)"
    elseif options.parts and #options.parts > 1 then
        lines[#lines + 1] = legend(options.parts, picture)
    end
    return table.concat(lines, "\n")
end

return function(what, options)
    check.table(what, "bars", 1, "a table of options, waste, an instant or latencies")
    check.that(options == nil or type(options) == "table", "bars", 2, "a table of options expected")
    local all = of_object(what) or check.plain(what)
    for key, value in pairs(check.plain(options or {})) do
        all[key] = value
    end
    all.parts = check.plain(all.parts)
    local fault = fault_of(all)
    check.that(not fault, "bars", 1, fault)
    check.that(all.parts == nil or type(all.parts) == "table", "bars", 1, "parts is an array of names")
    local rows, why = rows_of(check.plain(all.rows))
    check.that(rows, "bars", 1, why)
    return text_of(all, rows)
end
