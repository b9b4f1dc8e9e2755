--- Quantities: read from what scripts write, and printed for people.
---
---     units.size "64K"  units.time "250ms"  units.count "1M"  units.rate "50k/s"  units.ratio "75%"
---     units.human(1556480)  units.human_time(1230)  units.human_count(12345)
---
--- Every function of the module that takes a quantity reads it here, or in core.bytes(), which share one parser
--- (src/base/units.h has the grammar). A number stands for bytes, seconds or ones; a text may have a unit.

local core = require "lunalloc.core"

local units = {}

local HUGE <const> = 1 << 62

-- ---- reading -------------------------------------------------------------------------------------------------------

--- The words that complete "a time expected: ...".
units.ACCEPTED = {
    bytes = 'bytes, or a text such as "64K", "1.5M", "2G"',
    time = 'seconds, or a text such as "10s", "250ms", "5us", "2m", "1h", "1d"',
    count = 'or a text such as "50k", "1.5M"',
    rate = 'or a text such as "50k", "1.5M/s"',
    ratio = 'or a text such as "75%"',
}

--- The quantity, a number times `factor` or a text; nil if it is none, below 0 or too large.
local function read(kind, value, factor)
    if type(value) == "string" then
        value, factor = core.quantity(kind, value), 1
    end
    if math.type(value) and value >= 0 and value * factor < HUGE then
        return value * factor
    end
end

local function rounded(value)
    return value and math.floor(value + 0.5)
end

--- Bytes: an integer, or nil.
function units.size(value)
    return rounded(read("bytes", value, 1))
end

--- Nanoseconds: an integer, or nil.
function units.time(value)
    return rounded(read("time", value, 1e9))
end

--- A whole number, or nil.
function units.count(value)
    local count = read("count", value, 1)
    return count and math.tointeger(count)
end

--- Per second: a number, or nil.
function units.rate(value)
    return read("rate", value, 1)
end

--- 0.75 for "75%": a number, or nil.
function units.ratio(value)
    return read("ratio", value, 1)
end

-- ---- printing ------------------------------------------------------------------------------------------------------

-- The units of each kind; `step` of one make the next.
local SCALES <const> = {
    bytes = { step = 1024, "B", "KiB", "MiB", "GiB", "TiB", "PiB" },
    time = { step = 1000, "ns", "us", "ms", "s" },
    count = { step = 1000, "", "k", "M", "G", "T" },
}

--- The magnitude in a unit in which it is below `limit` (the step, if left out), and that unit.
local function scale(magnitude, kind, limit)
    local names = SCALES[kind]
    local i = 1
    while magnitude >= (limit or names.step) and i < #names do
        magnitude, i = magnitude / names.step, i + 1
    end
    return magnitude, names[i]
end

--- Three significant digits, without trailing zeros; %.3g turns 1000 into 1e+03.
local function three_digits(magnitude)
    return (magnitude >= 999.5 and "%.0f" or "%.3g"):format(magnitude)
end

--- "1.52 MiB" from bytes; three significant digits.
function units.human(bytes)
    local magnitude, unit = scale(math.abs(bytes), "bytes", 1023.5) -- from there on it would be shown as 1024
    local sign = bytes < 0 and "-" or ""
    if unit == "B" then
        return ("%s%d B"):format(sign, math.floor(magnitude + 0.5))
    end
    local decimals = magnitude < 9.995 and 2 or magnitude < 99.95 and 1 or 0
    return ("%s%." .. decimals .. "f %s"):format(sign, magnitude, unit)
end

--- "1.23 us" from ns; three significant digits.
function units.human_time(ns)
    local magnitude, unit = scale(ns, "time", 999.5) -- from there on it would be shown as 1000
    return three_digits(magnitude) .. " " .. unit
end

--- "12.3 M" from a count; four significant digits.
function units.human_count(n)
    local magnitude, unit = scale(math.abs(n), "count")
    local text = unit == "" and ("%d"):format(math.floor(magnitude + 0.5)) or ("%.4g %s"):format(magnitude, unit)
    return n < 0 and "-" .. text or text
end

-- Units of controls that are written after a number.
local WRITTEN <const> = { ns = true, us = true, ms = true, s = true }

--- The value of a control with its unit: "65536 (64.0 KiB)", "500 ms"; -1, which means never or no limit, without one.
function units.amount(value, unit)
    if unit == "bytes" and math.type(value) == "integer" and value >= 1024 then
        return ("%d (%s)"):format(value, units.human(value))
    end
    return WRITTEN[unit] and value ~= -1 and ("%s %s"):format(value, unit) or tostring(value)
end

--- For the labels of an axis: "1.5 KiB" of "bytes"; of other units four digits, and from 10,000 on "12k ops".
function units.short(value, unit)
    local sign = value < 0 and "-" or ""
    if unit == "bytes" then
        local magnitude, name = scale(math.abs(value), "bytes")
        return ("%s%s %s"):format(sign, three_digits(magnitude), name)
    end
    local magnitude, name = math.abs(value), ""
    if magnitude >= 10000 then
        magnitude, name = scale(magnitude, "count")
    end
    return ("%s%.4g%s%s"):format(sign, magnitude, name, unit and " " .. unit or "")
end

return units
