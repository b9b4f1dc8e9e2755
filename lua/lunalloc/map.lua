--- The address space of a heap as a picture in the terminal: la.map{}, instant:map{}.
---
---     print(la.map{ by = "occupancy", height = 20 })
---
--- It is a text. What is drawn, and how, is in the table of options: see CHECKS.

local check = require "lunalloc.check"
local draw = require "lunalloc.map.draw"
local host = require "lunalloc.host"
local plot_raster = require "lunalloc.plot_raster"

local os = host.os

local map = {}

local WIDTH_MIN <const>, SIZE_MAX <const> = 20, 1000
local HEIGHT <const> = 16
local MODES <const> = { braille = true, blocks = true, ascii = true }

-- Options of pictures; all others are those of a raster.
local CHECKS <const> = {
    width = function(value)
        return math.type(value) == "integer" and value >= WIDTH_MIN and value <= SIZE_MAX
            or ("width is a whole number from %d to %d"):format(WIDTH_MIN, SIZE_MAX)
    end,
    height = function(value)
        return math.type(value) == "integer" and value >= 1 and value <= SIZE_MAX
            or ("height is a whole number from 1 to %d"):format(SIZE_MAX)
    end,
    mode = function(value)
        return MODES[value] or "mode is braille, blocks or ascii, not " .. check.shown(value)
    end,
    colour = function(value)
        return type(value) == "boolean" or "colour is true or false, not " .. check.shown(value)
    end,
}

--- Divides options into those of a picture and those of a raster. The third result: why one is wrong.
function map.divide(options)
    local picture, rest = {}, {}
    for key, value in pairs(options) do
        local right = not CHECKS[key] or CHECKS[key](value)
        if right ~= true then
            return nil, nil, right
        end
        (CHECKS[key] and picture or rest)[key] = value
    end
    return picture, rest
end

--- Colours that the terminal has: 0, 16 or 256.
local function colours_of(wanted)
    local console = package.loaded["lunalloc.console"]
    if wanted == false or wanted == nil and not (console and console.colour) then
        return 0
    end
    local fine = (os.getenv "COLORTERM" or "") ~= "" or (os.getenv "TERM" or ""):find "256"
    return fine and 256 or 16
end

--- On a terminal blocks, if the locale has them; elsewhere letters.
local function mode_of()
    local console = package.loaded["lunalloc.console"]
    local can = plot_raster.default_mode()
    return (console and not console.tty or can == "ascii") and "ascii" or "blocks"
end

local function width_of()
    local console = package.loaded["lunalloc.console"]
    local width = console and console.width() or math.tointeger(tonumber(os.getenv "COLUMNS")) or 80
    return math.max(WIDTH_MIN, math.min(SIZE_MAX, width))
end

--- Lines of the grid: what the window leaves beside title, legend and prompt.
local function height_of()
    local console = package.loaded["lunalloc.console"]
    return console and console.tty and math.max(2, math.min(40, console.height() - 7)) or HEIGHT
end

--- The options of draw.text(), complete.
function map.complete(picture, title)
    return { mode = picture.mode or mode_of(), colours = colours_of(picture.colour),
        width = picture.width or width_of(), height = picture.height or height_of(), title = title }
end

--- Draws what make(options) returns for options of a raster: a raster, or nil, message, code.
function map.picture(make, rest, picture, title)
    local options = map.complete(picture, title)
    local columns, rows, group = draw.size(options)
    rest.columns, rest.rows, rest.group = rest.columns or columns, rest.rows or rows, group
    local raster, message, code = make(rest)
    if not raster then
        return nil, message, code
    end
    return draw.text(raster, options)
end

--- Adds the function to `api`.
function map.install(api)
    function api.map(options)
        options = options == nil and {} or check.plain(options)
        check.table(options, "map", 1, "a table of options")
        local instant, message, code = api.instant { residency = options.by == "residency" }
        if not instant then
            return nil, message, code
        end
        local ok, text
        ok, text, message, code = pcall(instant.map, instant, options)
        instant:close()
        check.that(ok, "map", 1, not ok and tostring(text):match "%((.*)%)$" or nil)
        if not text then
            return nil, message, code
        end
        return text
    end
end

return map
