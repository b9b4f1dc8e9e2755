-- Writes a value as JSON: tables are arrays if they have a first element (or are json.array{}), objects otherwise, with
-- their keys sorted. No cycles, no NaN.

local json = {}

local ARRAY <const> = {}

--- Marks an array that may be empty.
function json.array(t)
    return setmetatable(t, ARRAY)
end

local function quoted(text)
    return '"' .. text:gsub('[%c"\\]', function(c)
        return ("\\u%04x"):format(c:byte())
    end) .. '"'
end

local encode

local function encode_array(t, indent)
    local parts = {}
    for i, value in ipairs(t) do
        parts[i] = encode(value, indent)
    end
    return "[" .. table.concat(parts, ", ") .. "]"
end

local function encode_object(t, indent)
    local keys, parts, inner = {}, {}, indent .. "  "
    for key in pairs(t) do
        keys[#keys + 1] = key
    end
    table.sort(keys)
    for i, key in ipairs(keys) do
        parts[i] = inner .. quoted(key) .. ": " .. encode(t[key], inner)
    end
    return #keys == 0 and "{}" or "{\n" .. table.concat(parts, ",\n") .. "\n" .. indent .. "}"
end

function encode(value, indent)
    if type(value) == "table" then
        local is_array = getmetatable(value) == ARRAY or value[1] ~= nil
        return (is_array and encode_array or encode_object)(value, indent)
    elseif type(value) == "string" then
        return quoted(value)
    elseif math.type(value) == "float" then
        return ("%.6g"):format(value)
    end
    return tostring(value)
end

function json.encode(value)
    return encode(value, "") .. "\n"
end

return json
