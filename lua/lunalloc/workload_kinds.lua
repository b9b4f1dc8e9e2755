--- The kinds of values in a description of a workload, and the messages for wrong ones.
---
---     kinds.time("5us", "interval")  ->  5000                  kinds.count(1, 10)("2k", "writes")  raises
---     kinds.read(t, { key = { kind, default } }, "mix[2]")     the canonical values of a table of keys
---
--- A kind is a function (value, path) that returns the canonical value, or raises a message that names the path
--- ("mix[2].touch"), one line without a position. Some functions make a kind of bounds. No metamethod of the value is
--- called, but for __index, __len and __pairs of a table.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local units = require "lunalloc.units"

local kinds = {}

local HUGE <const> = 1 << 62

kinds.HUGE = HUGE

--- Longer texts are no names of files and no curves. Patterns with two runs of blanks take the square of a length.
kinds.LONG = 5000

-- ---- messages ------------------------------------------------------------------------------------------------------

local function fail(format, ...)
    error("workload: " .. format:format(...), 0)
end

local function shown(value)
    return (check.shown(value):gsub("^'(.*)'$", '"%1"'))
end

kinds.fail, kinds.shown = fail, shown

--- 'unknown key "thread"; did you mean "threads"? allowed: ...'
function kinds.fail_unknown(what, name, known, allowed)
    local near = type(name) == "string" and core.nearest(name, known)
    fail("unknown %s %s; %sallowed: %s", what, shown(name), near and ("did you mean %q? "):format(near) or "",
        allowed or table.concat(known, ", "))
end

-- ---- kinds of values -----------------------------------------------------------------------------------------------

function kinds.time(value, path)
    return units.time(value) or fail("%s = %s: a time expected: %s", path, shown(value), units.ACCEPTED.time)
end

function kinds.size(value, path)
    return units.size(value) or fail("%s = %s: a size expected: %s", path, shown(value), units.ACCEPTED.bytes)
end

--- A number of least .. most.
function kinds.number(least, most)
    return function(value, path)
        if math.type(value) and value >= least and value <= most then
            return value
        end
        fail("%s = %s: a number from %g to %g expected", path, shown(value), least, most)
    end
end

--- A ratio of least .. most, also as "75%".
function kinds.ratio(least, most)
    return function(value, path)
        local found = units.ratio(value)
        if found and found >= least and found <= most then
            return found
        end
        fail("%s = %s: a number from %g to %g expected, %s", path, shown(value), least, most, units.ACCEPTED.ratio)
    end
end

--- Operations per second, also as "50k": 0 .. 1e12.
function kinds.rate(value, path)
    local found = units.rate(value)
    if found and found <= 1e12 then
        return found
    end
    fail("%s = %s: a number from 0 to 1e12 expected, %s", path, shown(value), units.ACCEPTED.rate)
end

local function whole_range(least, most)
    local range = least >= 0 and (" from %d"):format(least) or ""
    return range .. (most < HUGE and (" to %d"):format(most) or "")
end

--- A whole number of least .. most that is no amount, such as a thread's number; 2.0 is one.
function kinds.whole(least, most)
    return function(value, path)
        local found = type(value) == "number" and math.tointeger(value)
        if found and found >= least and found <= most then
            return found
        end
        fail("%s = %s: a whole number%s expected", path, shown(value), whole_range(least, most))
    end
end

--- An amount of least .. most, also as "50k"; 1e7 is one.
function kinds.count(least, most)
    return function(value, path)
        local found = units.count(value)
        if found and found >= least and found <= most then
            return found
        end
        fail("%s = %s: a whole number%s expected, %s", path, shown(value), whole_range(least, most),
            units.ACCEPTED.count)
    end
end

--- A part of all: 0 .. 1, also as "75%".
kinds.share = kinds.ratio(0, 1)

function kinds.flag(value, path)
    return type(value) == "boolean" and value or value ~= false
        and fail("%s = %s: true or false expected", path, shown(value))
end

function kinds.text(value, path)
    return type(value) == "string" and value or fail("%s = %s: a text expected", path, shown(value))
end

--- The name of a file.
function kinds.path(value, path)
    if type(value) == "string" and value ~= "" and not value:find("\0", 1, true) then
        return value
    end
    fail("%s = %s: the path of a file expected", path, shown(value))
end

--- A copy of an array, each element read once. Refused: other keys than 1 .. n, so also a hole, behind which `#` and
--- ipairs would not look.
function kinds.list(value, path, what)
    local copy, n = {}, 0
    for key, element in pairs(value) do
        if math.type(key) ~= "integer" or key < 1 then
            fail("%s: an array of %s expected, but it has the key %s", path, what, shown(key))
        end
        copy[key], n = element, n + 1
    end
    for i = 1, n do
        if copy[i] == nil then
            fail("%s[%d] is missing: an array of %s without holes expected", path, i, what)
        end
    end
    return copy
end

--- An array of tables.
function kinds.array(value, path)
    if type(value) ~= "table" then
        fail("%s = %s: an array of tables { {...}, ... } expected", path, shown(value))
    end
    local copy = kinds.list(value, path, "tables { {...}, ... }")
    for i, element in ipairs(copy) do
        if type(element) ~= "table" then
            fail("%s[%d] = %s: a table {...} expected", path, i, shown(element))
        end
    end
    return copy
end

function kinds.alignment(value, path)
    local bytes = units.size(value)
    if bytes and bytes >= 1 and bytes <= 1 << 30 and bytes & (bytes - 1) == 0 then
        return math.max(bytes, 8)
    end
    fail("%s = %s: a power of two up to 1G expected", path, shown(value))
end

-- ---- tables of keys ------------------------------------------------------------------------------------------------

--- Checks the table `t` against `fields` (key = { kind, default }); returns the canonical values.
function kinds.read(t, fields, path)
    if type(t) ~= "table" then
        fail("%s = %s: a table {...} expected", path, shown(t))
    end
    for key in pairs(t) do
        if not fields[key] then
            kinds.fail_unknown(path == "" and "key" or "key in " .. path .. ":", key, check.names(fields))
        end
    end
    local result = {}
    for key, field in pairs(fields) do
        if t[key] ~= nil then
            result[key] = field[1](t[key], path == "" and key or path .. "." .. key)
        else
            result[key] = field[2]
        end
    end
    return result
end

return kinds
