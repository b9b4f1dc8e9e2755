--- Single values as text on one line, for show.lua and show_grid.lua.
---
---     value.cell(v, limits)        any value; limits: { text= bytes of a string, table= bytes of a table }
---     value.field(name, v, limits) the same for a field of that name: addresses are hexadecimal
---     value.human(name, v)         "1.52 MiB", "12.3 ms" of a field that holds so many bytes or ns; nil of others
---     value.printable(text)        control characters are escaped, except for newlines, tabs and colours

local core = require "lunalloc.core"
local lexer = require "lunalloc.lexer"
local units = require "lunalloc.units"
local utf8 = require("lunalloc.host").utf8

local value = {}

local MAX_TEXT <const> = 60    -- bytes of a string among other items
local MAX_INLINE <const> = 16  -- entries of a table within a line

-- ---- what fields hold ----------------------------------------------------------------------------------------------

-- Names of fields that always hold bytes: counters and others.
local BYTE_FIELDS = { size = true, slab_size = true, bytes = true, rss = true, peak_rss = true, dirty_max = true,
    region_size = true, anonymous = true, file = true, lazy_free = true, swap = true, explained = true,
    unexplained = true, cached = true, resident = true, freed = true }
for name, unit in pairs(core.stats_units) do
    BYTE_FIELDS[name] = BYTE_FIELDS[name] or unit == "bytes"
end

local ADDRESS_FIELDS <const> = { addr = true, address = true, region_addr = true }

--- A readable form of a large number of bytes; nil of other fields and of values that are readable as they are.
function value.human(name, v)
    if BYTE_FIELDS[name] and math.type(v) == "integer" and v >= 10240 then
        return units.human(v)
    elseif type(name) == "string" and name:find "_ns$" and type(v) == "number" and v >= 1000 then
        return units.human_time(v)
    end
end

--- Do fields of this name hold bytes?
function value.is_bytes(name)
    return BYTE_FIELDS[name] or false
end

-- ---- the width of texts --------------------------------------------------------------------------------------------

--- The columns that a text takes; colours take none.
function value.width(text)
    local plain = text:find("\27", 1, true) and text:gsub("\27%[[%d;]*m", "") or text
    return utf8.len(plain) or #plain
end

function value.pad(text, width, right)
    local fill = (" "):rep(width - value.width(text))
    return right and fill .. text or text .. fill
end

-- ---- strings -------------------------------------------------------------------------------------------------------

local ESCAPES <const> = { ["\a"] = "\\a", ["\b"] = "\\b", ["\f"] = "\\f", ["\r"] = "\\r", ["\v"] = "\\v" }

local function escaped(byte)
    return ESCAPES[byte] or ("\\%03d"):format(byte:byte())
end

--- Control characters but newlines and tabs as Lua writes them; of text that is not UTF-8, also the bytes beyond ASCII.
local function escape_piece(text, is_utf8)
    text = text:gsub(is_utf8 and "\xc2[\x80-\x9f]" or "[\x80-\xff]", function(bytes)
        return (bytes:gsub(".", escaped))
    end)
    return (text:gsub("[^\n\t%C]", escaped))
end

--- The text with control characters as Lua writes them. Newlines, tabs and colours remain: a plot remains a plot.
function value.printable(text)
    local is_utf8, pieces, at = utf8.len(text) ~= nil, {}, 1
    for colour, behind in text:gmatch "(\27%[[%d;]*m)()" do
        pieces[#pieces + 1] = escape_piece(text:sub(at, behind - #colour - 1), is_utf8) .. colour
        at = behind
    end
    pieces[#pieces + 1] = escape_piece(text:sub(at), is_utf8)
    return table.concat(pieces)
end

local function one_line(text, limit)
    local line = text:match "^[^\n]*"
    if #line > limit then
        line = line:sub(1, (utf8.len(line) and utf8.offset(line, 0, limit + 1) or limit + 1) - 1) .. "..."
    elseif #line < #text then
        line = line .. " ..."
    end
    return (line:gsub("%c", escaped))
end

--- A text as it is, cut to a line.
function value.line(text, limit)
    return one_line(text, limit or MAX_TEXT)
end

-- Cut before it is quoted, and never inside a UTF-8 sequence. Bytes that are not UTF-8 are escaped.
local function quoted(text, limit)
    local cut, is_utf8 = #text > limit, utf8.len(text)
    if cut then
        text = text:sub(1, (is_utf8 and utf8.offset(text, 0, limit + 1) or limit + 1) - 1)
    end
    local shown = ("%q"):format(text):gsub("\\\n", "\\n")
    if not is_utf8 then
        shown = shown:gsub("[\x80-\xff]", function(byte) return ("\\x%02x"):format(byte:byte()) end)
    end
    return shown .. (cut and "..." or "")
end

-- ---- any value -----------------------------------------------------------------------------------------------------

--- Does the value say itself what it is?
function value.has_text(v)
    local meta = getmetatable(v)
    return type(meta) == "table" and (meta.__tostring or meta.__name) ~= nil
end

local function number_text(v)
    if math.type(v) == "float" and v == v and math.abs(v) ~= math.huge then
        return ("%.6g"):format(v)
    end
    return tostring(v)
end

--- A key as it is written in a table: name, or ["any text"].
function value.key(key)
    if type(key) == "string" and key:find "^[%a_][%w_]*$" and not lexer.keywords[key] then
        return key
    end
    return "[" .. value.cell(key) .. "]"
end

local TYPE_RANK <const> = { number = 1, string = 2, boolean = 3 }

--- The order of keys.
function value.key_before(a, b)
    local rank_a, rank_b = TYPE_RANK[type(a)] or 4, TYPE_RANK[type(b)] or 4
    if rank_a ~= rank_b then
        return rank_a < rank_b
    elseif rank_a <= 2 then
        return a < b
    end
    return tostring(a) < tostring(b)
end

--- The entries of a small table without tables in it, as texts; nil of any other.
function value.inline_items(t)
    local keys = {}
    for key, v in next, t do
        keys[#keys + 1] = key
        if #keys > MAX_INLINE or type(v) == "table" and not value.has_text(v) then
            return nil
        end
    end
    table.sort(keys, value.key_before)
    local n, items = rawlen(t), {}
    for i, key in ipairs(keys) do
        local text = value.field(key, rawget(t, key))
        items[i] = math.type(key) == "integer" and key >= 1 and key <= n and text or value.key(key) .. " = " .. text
    end
    return items
end

--- A table within a line: its entries if they are few and short, else "{...}".
local function table_text(t, limit)
    if next(t) == nil then
        return "{}"
    end
    local items = limit > 0 and value.inline_items(t)
    local text = items and "{" .. table.concat(items, ", ") .. "}"
    return text and #text <= limit and text or "{...}"
end

function value.cell(v, limits)
    local kind = type(v)
    if kind == "string" then
        return quoted(v, limits and limits.text or MAX_TEXT)
    elseif kind == "number" then
        return number_text(v)
    elseif kind == "table" and not value.has_text(v) then
        return table_text(v, limits and limits.table or 0)
    end
    return one_line(tostring(v), MAX_TEXT)
end

function value.field(name, v, limits)
    if ADDRESS_FIELDS[name] and math.type(v) == "integer" then
        return ("0x%x"):format(v)
    end
    return value.cell(v, limits)
end

return value
