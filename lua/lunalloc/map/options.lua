--- The options of rasters, as instants and their differences take them.
---
---     options.plain(t)            a copy, and one of each table in it: each value is read once
---     options.fault(t, names)     why it is wrong, or nil; `names`: the options that there are

local check = require "lunalloc.check"
local layout = require "lunalloc.map.layout"
local raster = require "lunalloc.map.raster"

local options = {}

local SIDE_MAX <const> = 4096
local CELLS_MAX <const> = 2000 * 4096

function options.is_one_of(list, word)
    for _, known in ipairs(list) do
        if known == word then
            return true
        end
    end
    return false
end

local function is_size(value, most)
    return math.type(value) == "integer" and value >= 1 and value <= most
end

--- {from, to} from addresses?
local function is_range(value)
    return type(value) == "table" and math.type(value[1]) == "integer" and math.type(value[2]) == "integer"
        and value[1] >= 0 and value[1] < value[2]
end

--- Anything but a table is returned as it is; nil as an empty one.
function options.plain(t)
    t = t == nil and {} or check.plain(t)
    for key, value in pairs(type(t) == "table" and t or {}) do
        t[key] = check.plain(value)
    end
    if type(t) == "table" and type(t.layout) == "table" then
        t.layout.spans = check.plain(t.layout.spans)
    end
    return t
end

local function fault_of_size(columns, rows)
    if columns ~= nil and not is_size(columns, SIDE_MAX) or rows ~= nil and not is_size(rows, SIDE_MAX) then
        return ("columns and rows are whole numbers from 1 to %d"):format(SIDE_MAX)
    elseif (columns or 1) * (rows or 1) > CELLS_MAX then
        return ("at most %d cells"):format(CELLS_MAX)
    end
end

function options.fault(t, names)
    for key in pairs(t) do
        if not options.is_one_of(names, key) then
            return ("no option %s (there are: %s)"):format(check.shown(key), table.concat(names, ", "))
        end
    end
    if t.by ~= nil and not options.is_one_of(raster.WAYS, t.by) then
        return ("by is one of %s, not %s"):format(table.concat(raster.WAYS, ", "), check.shown(t.by))
    elseif t.arena ~= nil and not is_size(t.arena, 1 << 31) and t.arena ~= 0 then
        return ("arena is an index, not %s"):format(check.shown(t.arena))
    elseif t.range ~= nil and not is_range(t.range) then
        return "range is {from, to}, two addresses"
    elseif t.layout ~= nil and not layout.is(t.layout) then
        return "layout is what la.instant.layout() returns"
    end
    return fault_of_size(t.columns, t.rows)
end

return options
