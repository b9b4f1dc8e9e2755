--- How each key of a raster looks in a terminal: as a letter, as a shade, and in colour.
---
---     palette.new(by, colours)     colours: 0, 16 or 256 that the terminal has
---         looks[key]  ->  { letter = "#", shade = "█", fg = "32", bg = "42", solid = true }
---
--- fg, bg: parameters of the terminal's colour sequence; nil without colours. solid: in braille, the key has dots.

local raster = require "lunalloc.map.raster"

local palette = {}

local function words(text)
    local list = {}
    for word in text:gmatch "%S+" do
        list[#list + 1] = word
    end
    return list
end

-- By number of the key, from 1. `basic`: one of the 16 colours; `fine`: one of the 256.
local looks <const> = {
    state = { letters = words "# = - . % o", shades = words "█ ▓ ▒ ░ ▚ ○", basic = { 2, 3, 5, 4, 6, 7 },
        fine = { 71, 178, 133, 24, 37, 146 }, solid = { true, false, false, false, true, false } },
    residency = { letters = words ". # H s x o", shades = words "░ █ ▓ ▒ x ○", basic = { 4, 2, 6, 1, 5, 7 },
        fine = { 24, 71, 80, 167, 133, 146 }, solid = { false, true, true, false, false, false } },
    occupancy = { letters = words ". : - = + * % # @ o", shades = words "· ░ ░ ▒ ▒ ▓ ▓ █ █ ○",
        basic = { 4, 1, 1, 3, 3, 6, 6, 2, 2, 7 }, fine = { 24, 124, 160, 202, 208, 178, 148, 106, 71, 146 },
        solid = { false, false, false, false, true, true, true, true, true, false } },
    age = { letters = words "8 7 6 5 4 3 2 1 .", shades = words "█ █ ▓ ▓ ▒ ▒ ░ ░ ·",
        basic = { 5, 5, 1, 1, 3, 3, 2, 2, 4 }, fine = { 90, 126, 162, 167, 173, 179, 149, 113, 24 },
        solid = { true, true, true, true, true, true, true, true, false } },
    changes = { letters = words ". + x A f p r", shades = words "░ + x █ ▒ ▓ ▚", basic = { 4, 6, 1, 2, 3, 5, 7 },
        fine = { 24, 80, 167, 71, 178, 133, 252 }, solid = { false, true, true, true, true, true, true } },
}

local BASIC <const> = { 2, 3, 5, 6, 1, 7 }
local FINE <const> = { 71, 178, 133, 37, 167, 110, 208, 149, 175, 80, 144, 99 }

--- Arenas and classes: letters, and colours in turn. A free extent is a dot.
local function in_turn(by, i, colours)
    local free = by == "class" and i == 0
    local n = by == "class" and i - 1 or i
    local letter = free and "." or string.char((n % 52 < 26 and 97 or 65 - 26) + n % 52)
    local list = colours == 256 and FINE or BASIC
    return { letter = letter, shade = letter, colour = free and (colours == 256 and 24 or 4) or list[n % #list + 1],
        solid = not free }
end

local function fixed(look, i, colours)
    return { letter = look.letters[i + 1], shade = look.shades[i + 1], solid = look.solid[i + 1],
        colour = (colours == 256 and look.fine or look.basic)[i + 1] }
end

local function add_codes(one, colours)
    if colours == 256 then
        one.fg, one.bg = "38;5;" .. one.colour, "48;5;" .. one.colour
    elseif colours == 16 then
        one.fg, one.bg = tostring(30 + one.colour), tostring(40 + one.colour)
    end
    return one
end

function palette.new(by, colours)
    return setmetatable({}, { __index = function(known, key)
        local i = key:byte() - raster.key(0):byte()
        local look = looks[by]
        local one = add_codes(look and look.letters[i + 1] and fixed(look, i, colours) or in_turn(by, i, colours),
            colours)
        known[key] = one
        return one
    end })
end

return palette
