--- Sizes and lifetimes in a description of a workload, which the core wants as texts.
---
---     dist.kind(value, path)     a kind (see workload_kinds.lua): "exp(1000)" stays, 16 -> "16",
---                                { [16] = 700, ["1K"] = 200 } -> "table(16:700,1K:200)"
---
--- A table gives the weight of each value, or is an array of pairs { {value, weight}, ... }. "fleetbench(path)" becomes
--- the table of the sizes in that file. The core parses the texts (lua/workload/dist.h) and words the messages about
--- them; here only the forms of Lua values are checked.

local kinds = require "lunalloc.workload_kinds"
local import = require "lunalloc.workload_import"

local fail, shown = kinds.fail, kinds.shown

local dist = {}

local function number_text(value)
    return math.type(value) == "integer" and tostring(value) or ("%.17g"):format(value)
end

--- A text that is a part of table(...).
local function entry_text(value, path, what)
    if math.type(value) then
        return number_text(value)
    elseif type(value) == "string" and value:find "^[%w.+ ]+$" then
        return value
    end
    fail("%s: %s is not a %s; allowed: a number, or a text such as \"64K\"", path, shown(value), what)
end

local function by_text(a, b)
    local x, y = tonumber(a[1]), tonumber(b[1])
    if x and y and x ~= y then
        return x < y
    end
    return a[1] < b[1]
end

--- The pairs {value, weight} of a table, as texts, in an order that does not depend on that of next().
local function pairs_of(t, path)
    local list, keyed = {}, false
    for key, value in pairs(t) do
        local pair = type(value) == "table" and value or { key, value }
        keyed = keyed or pair ~= value
        list[#list + 1] = { entry_text(pair[1], path, "value"), entry_text(pair[2], path, "weight"), key }
    end
    table.sort(list, keyed and by_text or function(a, b)
        return tostring(a[3]) < tostring(b[3])
    end)
    return list
end

local function table_text(t, path)
    local list = pairs_of(t, path)
    if #list == 0 then
        fail("%s = {}: { [value] = weight, ... } or { {value, weight}, ... } expected", path)
    end
    for i, pair in ipairs(list) do
        list[i] = pair[1] .. ":" .. pair[2]
    end
    return ("table(%s)"):format(table.concat(list, ","))
end

function dist.kind(value, path)
    if type(value) == "string" and not value:find("\0", 1, true) then
        local file = value:sub(1, kinds.LONG):match "^%s*fleetbench%s*%(%s*(.-)%s*%)%s*$"
        return file and table_text(import.sizes(file), path) or value
    elseif math.type(value) then
        return number_text(value)
    elseif type(value) == "table" then
        return table_text(value, path)
    end
    fail('%s = %s: a number, a distribution such as "exp(1000)" or a table { [value] = weight } expected', path,
        shown(value))
end

return dist
