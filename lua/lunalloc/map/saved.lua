--- What a saved instant says of itself, besides its extents: its fields as JSON, read from a file that anybody may have
--- written.
---
---     saved.clean(text)  ->  a table with the fields that are sound; nil and why if it is no such text
---
--- Only what is listed here is kept, and only if it has its type. Texts lose their control characters, since they are
--- shown in terminals.

local json = require "lunalloc.json"

local saved = {}

local LONGEST <const> = 4096 -- bytes of a text
local PAGE_MAX <const> = 1 << 30

local function is_whole(value)
    return math.type(value) == "integer" and value >= 0
end

local function text(value)
    return type(value) == "string" and (value:sub(1, LONGEST):gsub("%c", "?")) or nil
end

-- What a field may be: each returns the value to keep, or nil.
local kinds = {
    whole = function(value) return is_whole(value) and value or nil end,
    integer = function(value) return math.type(value) == "integer" and value or nil end,
    number = function(value) return type(value) == "number" and value or nil end,
    text = text,
    scalar = function(value)
        if type(value) == "boolean" or type(value) == "number" then
            return value
        end
        return text(value)
    end,
}

--- The fields of a record that are sound; nil unless it is a table and has all that are `needed`.
local function record(value, fields, needed)
    if type(value) ~= "table" then
        return nil
    end
    local kept = {}
    for name, kind in pairs(fields) do
        kept[name] = kinds[kind](value[name])
    end
    for _, name in ipairs(needed) do
        if kept[name] == nil then
            return nil
        end
    end
    return kept
end

local function records(list, fields, needed)
    local kept = {}
    for i = 1, type(list) == "table" and #list or 0 do
        kept[#kept + 1] = record(list[i], fields, needed)
    end
    return kept
end

--- Counters by their names: whole numbers.
local function counters(value)
    local kept = {}
    for name, number in pairs(type(value) == "table" and value or {}) do
        if type(name) == "string" and name:find "^[%w_]+$" and math.type(number) == "integer" then
            kept[name] = number
        end
    end
    return kept
end

local function rows_of_counters(list)
    local kept = {}
    for i = 1, type(list) == "table" and #list or 0 do
        kept[i] = counters(list[i])
    end
    return kept
end

local SOURCE <const> = { way = "text", pid = "whole", name = "text", version = "text" }
local SETTING <const> = { name = "text", value = "scalar", source = "text", default = "scalar" }
local THREAD <const> = { tid = "whole", name = "text", arena = "whole", cached = "whole", requests = "whole",
    idle = "number" }
local PROCESS <const> = { present = "whole", huge = "whole", swapped = "whole", guard = "whole", file = "whole" }

local function stats_of(value)
    local kept = counters(value)
    kept.arenas = rows_of_counters(type(value) == "table" and value.arenas)
    kept.classes = rows_of_counters(type(value) == "table" and value.classes)
    return kept
end

local function page_of(value)
    return is_whole(value) and value > 0 and value <= PAGE_MAX and value & (value - 1) == 0 and value or 4096
end

--- What was known of memory: its way, and the sums of the whole process. The other sums are made from the runs.
local function residency_of(value)
    if type(value) ~= "table" then
        return nil
    end
    return { way = text(value.way) or "unknown", process = record(value.process, PROCESS, {}) }
end

function saved.clean(header)
    local value, why = json.decode(header)
    if type(value) ~= "table" then
        return nil, why or "no object"
    end
    return {
        at = kinds.integer(value.at) or 0, time = kinds.integer(value.time) or 0, page = page_of(value.page),
        source = record(value.source, SOURCE, { "way" }) or { way = "unknown" }, conf = text(value.conf) or "",
        stats = stats_of(value.stats), settings = records(value.settings, SETTING, { "name", "value" }),
        threads = records(value.threads, THREAD, { "tid", "name", "arena", "cached", "requests", "idle" }),
        residency = residency_of(value.residency),
    }
end

return saved
