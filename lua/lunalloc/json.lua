--- Reads JSON, such as a child process replies. core.json() writes it.
---
---     json.decode '{"a": [1, 2.5, null]}'  ->  { a = { 1, 2.5 } }
---
--- Whole numbers become integers, null is nil: a key without a value, and a hole in an array. A text that is no JSON
--- gives nil, and where and why; so does one that is nested too deeply.

local json = {}

local DEEPEST <const> = 200

local ESCAPES <const> = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }
local WORDS <const> = { { "true", true }, { "false", false }, { "null", nil } }

-- A character of U+0000 to U+10FFFF as UTF-8; half of a pair becomes U+FFFD.
local function utf8_of(code)
    code = code >= 0xD800 and code < 0xE000 and 0xFFFD or code
    if code < 0x80 then
        return string.char(code)
    elseif code < 0x800 then
        return string.char(0xC0 | code >> 6, 0x80 | code & 0x3F)
    elseif code < 0x10000 then
        return string.char(0xE0 | code >> 12, 0x80 | code >> 6 & 0x3F, 0x80 | code & 0x3F)
    end
    return string.char(0xF0 | code >> 18, 0x80 | code >> 12 & 0x3F, 0x80 | code >> 6 & 0x3F, 0x80 | code & 0x3F)
end

-- What each reader raises: position and reason.
local function fail(at, why)
    error({ at = at, why = why }, 0)
end

local function skip(text, at)
    return text:find("[^ \t\r\n]", at) or #text + 1
end

-- ---- texts ---------------------------------------------------------------------------------------------------------

-- The code of \uXXXX at `at`, behind the "u", and the position behind it.
local function read_unit(text, at)
    local digits = text:match("^%x%x%x%x", at) or fail(at, "four hexadecimal digits expected")
    return tonumber(digits, 16), at + 4
end

local function read_code(text, at)
    local high, next_at = read_unit(text, at)
    if high >= 0xD800 and high < 0xDC00 and text:find("^\\u%x", next_at) then
        local low, behind = read_unit(text, next_at + 2)
        if low >= 0xDC00 and low < 0xE000 then
            return 0x10000 + (high - 0xD800 << 10) + low - 0xDC00, behind
        end
    end
    return high, next_at
end

local function read_escape(text, at)
    local letter = text:sub(at, at)
    if letter == "u" then
        local code, behind = read_code(text, at + 1)
        return utf8_of(code), behind
    end
    return ESCAPES[letter] or fail(at, "unknown escape"), at + 1
end

-- `at` is behind the quote.
local function read_text(text, at)
    local parts = {}
    while true do
        local stop = text:find('[%c"\\]', at) or fail(#text + 1, "a text without an end")
        parts[#parts + 1] = text:sub(at, stop - 1)
        local found = text:sub(stop, stop)
        if found == '"' then
            return table.concat(parts), stop + 1
        elseif found ~= "\\" and found ~= "\127" then
            fail(stop, "a control character in a text")
        end
        if found == "\\" then
            parts[#parts + 1], at = read_escape(text, stop + 1)
        else
            parts[#parts + 1], at = found, stop + 1
        end
    end
end

-- ---- values --------------------------------------------------------------------------------------------------------

local read

-- Reads "element, element ... close"; `each(at)` reads one and returns the position behind it.
local function read_list(text, at, close, each)
    at = skip(text, at)
    if text:sub(at, at) == close then
        return at + 1
    end
    while true do
        at = skip(text, each(skip(text, at)))
        local found = text:sub(at, at)
        if found == close then
            return at + 1
        elseif found ~= "," then
            fail(at, ("',' or '%s' expected"):format(close))
        end
        at = at + 1
    end
end

local function read_array(text, at, depth)
    local array, n = {}, 0
    return array, read_list(text, at, "]", function(from)
        local value, behind = read(text, from, depth)
        n = n + 1
        array[n] = value
        return behind
    end)
end

local function read_object(text, at, depth)
    local object = {}
    return object, read_list(text, at, "}", function(from)
        if text:sub(from, from) ~= '"' then
            fail(from, "a key expected")
        end
        local key, colon = read_text(text, from + 1)
        colon = skip(text, colon)
        if text:sub(colon, colon) ~= ":" then
            fail(colon, "':' expected")
        end
        local value, behind = read(text, skip(text, colon + 1), depth)
        object[key] = value
        return behind
    end)
end

local function read_number(text, at)
    local number = text:match("^-?%d+%.?%d*[eE]?[+-]?%d*", at)
    local value = number and not number:find "^-?0%d" and tonumber(number)
    return value or fail(at, "a value expected"), at + #number
end

function read(text, at, depth)
    local first = text:sub(at, at)
    if depth == DEEPEST then
        fail(at, "nested too deeply")
    elseif first == "{" then
        return read_object(text, at + 1, depth + 1)
    elseif first == "[" then
        return read_array(text, at + 1, depth + 1)
    elseif first == '"' then
        return read_text(text, at + 1)
    end
    for _, word in ipairs(WORDS) do
        if text:find("^" .. word[1], at) then
            return word[2], at + #word[1]
        end
    end
    return read_number(text, at)
end

--- The value of a text; nil and a message if it is no JSON. (The text "null" gives nil alone.)
function json.decode(text)
    local ok, value, behind = pcall(read, text, skip(text, 1), 0)
    if ok then
        behind = skip(text, behind)
        if behind > #text then
            return value
        end
        value = { at = behind, why = "the text goes on behind its value" }
    elseif type(value) ~= "table" then
        error(value, 0)
    end
    return nil, ("no JSON: %s, at byte %d"):format(value.why, value.at)
end

return json
