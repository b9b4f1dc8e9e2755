-- A JSON parser and printer: a document is made, printed, parsed, and printed again.

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\t"] = "\\t" }
local Null = setmetatable({}, { __tostring = function() return "null" end })

local print_value

local function print_object(t)
    local keys, parts = {}, {}
    for key in pairs(t) do keys[#keys + 1] = key end
    table.sort(keys)
    for i, key in ipairs(keys) do parts[i] = print_value(key) .. ":" .. print_value(t[key]) end
    return "{" .. table.concat(parts, ",") .. "}"
end

local function print_array(t)
    local parts = {}
    for i, value in ipairs(t) do parts[i] = print_value(value) end
    return "[" .. table.concat(parts, ",") .. "]"
end

function print_value(value)
    if value == Null or type(value) == "boolean" then
        return tostring(value)
    elseif type(value) == "number" then
        return math.type(value) == "integer" and ("%d"):format(value) or ("%.14g"):format(value)
    elseif type(value) == "string" then
        return '"' .. value:gsub('[%c"\\]', function(c)
            return escapes[c] or ("\\u%04x"):format(c:byte())
        end) .. '"'
    end
    return (#value > 0 or next(value) == nil) and print_array(value) or print_object(value)
end

local parse_value

local function fail(text, at, what)
    error(("%s expected at %d, near '%s'"):format(what, at, text:sub(at, at + 5)), 0)
end

local function skip(text, at)
    return text:find("%S", at) or #text + 1
end

local unescapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function parse_string(text, at)
    local parts, from = {}, at + 1
    while true do
        local stop = text:find('["\\]', from) or fail(text, #text + 1, "a quote")
        parts[#parts + 1] = text:sub(from, stop - 1)
        if text:byte(stop) == 34 then
            return table.concat(parts), stop + 1
        end
        local hex = text:match("^u(%x%x%x%x)", stop + 1)
        local c = text:sub(stop + 1, stop + 1)
        parts[#parts + 1] = hex and utf8.char(tonumber(hex, 16)) or unescapes[c] or c
        from = stop + (hex and 6 or 2)
    end
end

local function parse_list(text, at, close, parse_entry)
    local result = {}
    at = skip(text, at + 1)
    while text:sub(at, at) ~= close do
        at = skip(text, parse_entry(result, at))
        local c = text:sub(at, at)
        at = c == "," and skip(text, at + 1) or c == close and at or fail(text, at, "',' or '" .. close .. "'")
    end
    return result, at + 1
end

local function parse_array(text, at)
    return parse_list(text, at, "]", function(result, place)
        result[#result + 1], place = parse_value(text, place)
        return place
    end)
end

local function parse_object(text, at)
    return parse_list(text, at, "}", function(result, place)
        local key, after = parse_string(text, text:byte(place) == 34 and place or fail(text, place, "a key"))
        after = skip(text, after)
        result[key], after = parse_value(text, skip(text, text:byte(after) == 58 and after + 1
            or fail(text, after, "':'")))
        return after
    end)
end

local words = { ["true"] = true, ["false"] = false, null = Null }

function parse_value(text, at)
    local c = text:sub(at, at)
    if c == '"' then return parse_string(text, at) end
    if c == "{" then return parse_object(text, at) end
    if c == "[" then return parse_array(text, at) end
    local word = text:match("^%a+", at)
    if word and words[word] ~= nil then return words[word], at + #word end
    local number = text:match("^-?%d+%.?%d*[eE]?[+-]?%d*", at)
    if number then return tonumber(number), at + #number end
    return fail(text, at, "a value")
end

local function document(depth, width)
    if depth == 0 then
        return { 1, -2.5, 1e20, true, false, Null, "text with \"quotes\", \\ and \n", ("é"):rep(5), {} }
    end
    local t = {}
    for i = 1, width do t[("key %d/%d"):format(depth, i)] = document(depth - 1, width) end
    return { t, depth, ("x"):rep(depth * 20) }
end

for depth = 0, 4 do
    local text = print_value(document(depth, 5))
    local again = print_value((parse_value(text, 1)))
    print(depth, #text, again == text)
end
print(print_value((parse_value(' { "a" : [ 1 , 2.50 , { } , "\\u0041\\n" ] , "b" : null } ', 2))))
for _, bad in ipairs { "[1, 2", '{"a" 1}', '{a: 1}', '"open', "[1 2]", "", "tru" } do
    print(pcall(parse_value, bad, 1))
end
local deep = ("["):rep(150) .. ("]"):rep(150)
print("deep", print_value((parse_value(deep, 1))) == deep)
