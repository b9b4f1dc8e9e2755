--- What each stack has allocated in all, and what of it lives: la.prof.stacks().
---
---     for _, row in ipairs(t.prof.stacks()) do print(row.bytes, row.live_bytes, table.concat(row.stack, " < ")) end
---
--- The profiler counts, for each stack, the samples since its last reset and those that live; each stands for so many
--- blocks that the sums are right in the mean. The process tells them in a profile (profile.proto, as pprof reads it),
--- which it writes to a file that is removed at once; while it does, its control prof.accum is on.

local core = require "lunalloc.core"
local host = require "lunalloc.host"

local stacks = {}

local MOST <const> = 10000 -- rows; the others are one

-- ---- profile.proto: of each message, the fields that are needed ----------------------------------------------------

--- The varint at `at`, and where the next field begins; nil if the text ends.
local function varint(text, at)
    local value, shift = 0, 0
    while shift < 64 do
        local byte = text:byte(at)
        if not byte then
            return nil
        end
        value, shift, at = value | (byte & 0x7f) << shift, shift + 7, at + 1
        if byte < 0x80 then
            return value, at
        end
    end
end

--- An iterator over a message's fields: number, and a varint or a text. It ends at what is none.
local function fields(text)
    local at = 1
    return function()
        local key, value
        key, at = varint(text, at or #text + 1)
        local wire = key and key & 7
        if not key or wire ~= 0 and wire ~= 2 then
            return nil
        end
        value, at = varint(text, at)
        if not value or wire == 2 and (value < 0 or value > #text - at + 1) then
            return nil
        elseif wire == 2 then
            value, at = text:sub(at, at + value - 1), at + value
        end
        return key >> 3, value
    end
end

--- The varints that a packed field has.
local function numbers(text)
    local values, at = {}, 1
    while at and at <= #text do
        values[#values + 1], at = varint(text, at)
    end
    return values
end

local SAMPLE <const>, LOCATION <const> = 2, 4 -- of a profile
local LOCATIONS <const>, VALUES <const> = 1, 2 -- of a sample
local ID <const>, ADDRESS <const> = 1, 3       -- of a location

local function sample_of(text)
    local locations, values = {}, {}
    for field, value in fields(text) do
        if field == LOCATIONS then
            locations = type(value) == "string" and numbers(value) or locations
        elseif field == VALUES then
            values = type(value) == "string" and numbers(value) or values
        end
    end
    return locations, values
end

--- The samples { locations, values }, and the address of each location.
local function decode(text)
    local samples, addresses = {}, {}
    for field, value in fields(text) do
        if field == SAMPLE and type(value) == "string" then
            samples[#samples + 1] = { sample_of(value) }
        elseif field == LOCATION and type(value) == "string" then
            local id, address
            for part, number in fields(value) do
                id, address = part == ID and number or id, part == ADDRESS and number or address
            end
            addresses[id or 0] = address
        end
    end
    return samples, addresses
end

-- ---- the rows ------------------------------------------------------------------------------------------------------

--- Sorts rows, most bytes first; those beyond the limit are one, of the stack { "rest" }.
function stacks.limited(rows)
    table.sort(rows, function(a, b) return a.bytes > b.bytes end)
    local rest = { stack = { "rest" }, count = 0, bytes = 0, live_count = 0, live_bytes = 0 }
    for i = MOST + 1, #rows do
        for _, key in ipairs { "count", "bytes", "live_count", "live_bytes" } do
            rest[key] = rest[key] + rows[i][key]
        end
        rows[i] = nil
    end
    rows[#rows + 1] = rest.count > 0 and rest or nil
    return rows
end

--- The rows of a profile with all four values; `symbol`: the name of the function at an address, or nil.
function stacks.rows(text, symbol)
    local samples, addresses = decode(text)
    local rows, names = {}, {}
    for i, sample in ipairs(samples) do
        local stack, values = {}, sample[2]
        for k, id in ipairs(sample[1]) do
            names[id] = names[id] or addresses[id] and symbol(addresses[id]) or ("0x%x"):format(addresses[id] or 0)
            stack[k] = names[id]
        end
        rows[i] = { stack = stack, count = values[1] or 0, bytes = values[2] or 0, live_count = values[3] or 0,
            live_bytes = values[4] or 0 }
    end
    return stacks.limited(rows)
end

--- A new profile of the process, as text; nil, message, code.
local function profile(backend)
    local name = host.os.tmpname()
    local path <const> = name .. ".pb"
    local removed <close> = setmetatable({}, { __close = function()
        host.os.remove(name)
        host.os.remove(path)
    end })
    local done, message, code = backend.set("prof.dump", path)
    if not done then
        return nil, message, code
    end
    local file <close>, why = host.io.open(path, "rb")
    if not file then
        return nil, ("the process has written its profile where this one cannot read it: %s"):format(why), "EACCES"
    end
    return removed and file:read "a"
end

--- The rows of the process behind the backend; nil, message, code.
function stacks.of(backend)
    local shown, message, code = backend.get "prof.accum"
    if shown == nil then
        return nil, message, code
    end
    local restored <close> = setmetatable({}, { __close = function() backend.set("prof.accum", shown) end })
    local done, text
    done, message, code = backend.set("prof.accum", true)
    if done then
        text, message, code = profile(backend)
    end
    if not (restored and text) then
        return nil, message, code
    end
    return stacks.rows(text, backend.symbol or core.symbol)
end

return stacks
