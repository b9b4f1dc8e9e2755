--- The raster of a plot: values become positions on scales, positions become dots, and cells of dots become characters.
--- lunalloc/plot.lua draws with it.
---
---     y = raster.y_scale(low, high, height, binary)     { low, high, step }: a round range, and the step of its labels
---     dots = raster.new(columns, rows, mode)            dots:dot(x, y, owner)   dots:line(x0, y0, x1, y1, owner, dash)
---     raster.GLYPHS[mode](dots.cells[i])                the character of a cell
---     raster.default_mode()                             the mode that fits the terminal
---
--- A character cell has several dots: 2 x 4 in braille, 2 x 2 in quadrant blocks, one in ASCII. Row 0 is at the top.
--- `owner` is the number of the series that draws.

local utf8 = require("lunalloc.host").utf8

local raster = {}

-- In ASCII, the letters of the series.
raster.LETTERS = { "*", "o", "+", "x", "#", "@" }

-- Of every `period` dot columns, the first `on` are drawn.
raster.DASHES = { { on = 1, period = 1 }, { on = 4, period = 7 }, { on = 1, period = 3 }, { on = 6, period = 8 },
    { on = 2, period = 4 }, { on = 1, period = 5 } }

-- The characters of lines and axes, and the dots of a cell.
raster.STYLES = {
    braille = { across = 2, down = 4, axis = "│", tick = "┤", corner = "└", line = "─", x_tick = "┬", mark = "┆",
        arrow = "▼" },
    blocks = { across = 2, down = 2, axis = "│", tick = "┤", corner = "└", line = "─", x_tick = "┬", mark = "┆",
        arrow = "▼" },
    ascii = { across = 1, down = 1, axis = "|", tick = "+", corner = "+", line = "-", x_tick = "+", mark = ":",
        arrow = "v" },
}

local function environment(...)
    for _, name in ipairs { ... } do
        local value = os.getenv(name)
        if value and value ~= "" then
            return value
        end
    end
    return ""
end

-- What the terminal can show: "braille", "blocks" or "ascii".
function raster.default_mode()
    if not environment("LC_ALL", "LC_CTYPE", "LANG"):lower():find "utf%-?8" then
        return "ascii"
    end
    return os.getenv "TERM" == "linux" and "blocks" or "braille" -- the text console's fonts have no braille
end

-- ---- scales --------------------------------------------------------------------------------------------------------

-- The differences of larger magnitudes could overflow: these are gaps, as infinities and NaN are.
function raster.is_finite(value)
    return value > -1e300 and value < 1e300
end

-- The smallest and largest finite value of the arrays, as floats; nil if there is none.
function raster.extent(arrays)
    local low, high
    for _, array in ipairs(arrays) do
        for _, value in ipairs(array) do
            if raster.is_finite(value) then
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
function raster.y_scale(low, high, height, binary)
    local bottom, top = math.min(low, 0), math.max(high, 0)
    if top == bottom then
        top = bottom + 1
    end
    local step = round_step(top - bottom, math.max(1, height // 3), binary)
    return { low = math.floor(bottom / step + 1e-9) * step, high = math.ceil(top / step - 1e-9) * step, step = step }
end

function raster.x_scale(low, high, columns, whole)
    if high == low then
        high = low + 1
    end
    local step = round_step(high - low, math.max(1, columns // 10), false)
    return { low = low, high = high, step = whole and math.max(step, 1) or step }
end

-- Position of a value on 0 .. last.
function raster.place(scale, value, last)
    local at = (value - scale.low) / (scale.high - scale.low) * last
    return math.floor(math.max(0, math.min(last, at)) + 0.5)
end

-- ---- the raster ----------------------------------------------------------------------------------------------------

local Raster = {}
Raster.__index = Raster

-- cells[row * columns + column + 1] = {mask of dots, number of the series that drew last}
function raster.new(columns, rows, mode)
    local style = raster.STYLES[mode]
    return setmetatable({
        columns = columns, rows = rows, across = style.across, down = style.down, cells = {},
        last_x = columns * style.across - 1, last_y = rows * style.down - 1,
    }, Raster)
end

function Raster:dot(x, y, owner)
    local across, down = self.across, self.down
    local at = y // down * self.columns + x // across + 1
    local cell, bit = self.cells[at], 1 << (y % down * across + x % across)
    if cell then
        cell.mask, cell.owner = cell.mask | bit, owner
    else
        self.cells[at] = { mask = bit, owner = owner }
    end
end

-- A straight line of dots; in dashes along x.
function Raster:line(x0, y0, x1, y1, owner, dash)
    local across, up = x1 - x0, y1 - y0
    local steps = math.max(math.abs(across), math.abs(up), 1)
    local on, period = dash.on, dash.period
    for i = 0, steps do
        local x = x0 + (2 * across * i + steps) // (2 * steps)
        if x % period < on then
            self:dot(x, y0 + (2 * up * i + steps) // (2 * steps), owner)
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

-- The characters of all masks.
local BRAILLE = {}
for mask = 0, 255 do
    BRAILLE[mask] = braille(mask)
end

-- The character of a cell, by mode.
raster.GLYPHS = {
    braille = function(cell) return BRAILLE[cell.mask] end,
    blocks = function(cell) return QUADRANTS[cell.mask + 1] end,
    ascii = function(cell) return raster.LETTERS[(cell.owner - 1) % #raster.LETTERS + 1] end,
}

return raster
