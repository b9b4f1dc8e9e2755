--- Values that were given to a report, such as a search's result that was read from a file: they may be anything.

local given = {}

local MOST <const> = 100000 -- rows

--- A finite number; nil if it is none.
function given.number(value)
    return math.type(value) and value == value and math.abs(value) < math.huge and value or nil
end

--- The value behind some keys; nil if one of them is missing.
function given.at(value, ...)
    for i = 1, select("#", ...) do
        if type(value) ~= "table" then
            return nil
        end
        value = value[select(i, ...)]
    end
    return value
end

--- The number behind some keys.
function given.number_at(value, ...)
    return given.number(given.at(value, ...))
end

--- The text or number behind some keys, as a text; nil if it is neither.
function given.text_at(value, ...)
    local found = given.at(value, ...)
    return (type(found) == "string" or math.type(found)) and tostring(found) or nil
end

--- The tables of an array.
function given.list(value)
    local list = {}
    for i = 1, type(value) == "table" and math.min(#value, MOST) or 0 do
        list[#list + 1] = type(value[i]) == "table" and value[i] or nil
    end
    return list
end

return given
