--- Settings that a workload writes: the `set` of a phase and of w:set{}. All that can be known beforehand is checked
--- when the plan is compiled: a mistake must not show up when the phase is due, an hour later.
---
---     list = settings.read({ ["arena.0.dirty_decay_ms"] = "2s" }, "phases[1].set")    raises one line
---     settings.refuse(list, "process", "phases[1].")          if the allocator that is measured has no such settings
---
--- The result is an array of { name, value } in the order of the names; an action has no value.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local kinds = require "lunalloc.workload_kinds"
local options = require "lunalloc.options"
local units = require "lunalloc.units"

local fail, shown = kinds.fail, kinds.shown

local settings = {}

-- ---- values --------------------------------------------------------------------------------------------------------

local BOOLS <const> = { ["true"] = true, ["false"] = true, on = true, off = true, yes = true, no = true, ["0"] = true,
    ["1"] = true }

local function is_bool(value)
    return type(value) == "boolean" or value == 0 or value == 1 or type(value) == "string" and
        BOOLS[value:lower()] == true
end

local READERS <const> = { bytes = units.size, ms = function(text)
    local ns = units.time(text)
    return ns and ns / 1e6
end }

--- The number that a value stands for; nil if it is none.
local function number_of(row, value)
    if math.type(value) then
        return math.tointeger(value)
    elseif type(value) ~= "string" then
        return nil
    elseif value:find "^%-?%d+$" then
        return math.tointeger(tonumber(value))
    end
    return (READERS[row.unit] or units.count)(value)
end

local NUMBERS <const> = { unsigned = true, size = true, ssize = true, u64 = true }

--- The words that complete "...: 2 expected, ".
local function range_of(row)
    if row.min and row.max then
        return (" from %d to %d"):format(row.min, row.max)
    end
    return row.type == "ssize" and "" or " from 0"
end

local function check_number(row, value, path)
    local number = number_of(row, value)
    local least, most = row.min or (row.type ~= "ssize" and 0 or nil), row.max
    if not number or least and number < least or most and number > most then
        local text = row.unit == "bytes" and "64K" or row.unit == "ms" and "2s"
        fail("%s = %s: a whole number%s expected%s", path, shown(value), range_of(row),
            text and (", or a text such as %q"):format(text) or "")
    end
end

--- Of controls that take few texts.
local function check_text(row, value, path)
    local allowed = options.controls[row.name]
    for _, text in ipairs(allowed or {}) do
        if text == tostring(value) then
            return
        end
    end
    if allowed then
        fail("%s = %s: one of %s expected", path, shown(value), table.concat(allowed, ", "))
    end
end

--- Complains of a value that the control would refuse.
local function check_value(row, value, path)
    if not check.is_value(value) then
        fail("%s = %s: a boolean, a number or a text without zero bytes expected", path, shown(value))
    elseif row.type == "bool" and not is_bool(value) then
        fail("%s = %s: true or false expected", path, shown(value))
    elseif NUMBERS[row.type] then
        check_number(row, value, path)
    elseif row.type == "string" then
        check_text(row, value, path)
    end
end

-- ---- names ---------------------------------------------------------------------------------------------------------

local ALL <const> = 4096 -- stands for all arenas

--- Complains of an arena that does not exist, unless a thread of the workload may be the first to use it.
local function check_arena(name, path)
    local index = math.tointeger(tonumber(name:match "^arena%.(%d+)%."))
    if index and index ~= ALL and index >= (core.get "arenas.nauto" or math.maxinteger) then
        local value, message = core.get(("arena.%d.dirty_decay_ms"):format(index))
        if value == nil then
            fail("%s: %s", path, message)
        end
    end
end

local function check_name(row, name, path)
    if row.type == "struct" or row.type == "pointer" or row.name == "arena.<i>.name" then
        fail("%s: %s takes C values: mallctl, from C, can write it", path, name)
    elseif row.type ~= "action" and row.access:sub(2, 2) ~= "w" then
        fail("%s: %s cannot be written", path, name)
    elseif name:find "^thread%." then
        fail("%s: %s is of the thread that writes it, which would be one of the engine's own", path, name)
    end
    check_arena(name, path)
end

local function read_one(name, value, path)
    if type(name) ~= "string" or name:find("\0", 1, true) then
        fail("%s: names of controls expected, got %s", path, shown(name))
    end
    local row, message = core.row(name)
    if not row then
        fail("%s: %s", path, message)
    end
    check_name(row, name, path)
    if row.type == "action" then
        return { name = name }
    end
    check_value(row, value, ("%s[%q]"):format(path, name))
    return { name = name, value = value }
end

function settings.read(value, path)
    if type(value) ~= "table" then
        fail("%s = %s: a table { [name] = value } expected", path, shown(value))
    end
    local list = {}
    for name, new in pairs(value) do
        list[#list + 1] = read_one(name, new, path)
    end
    table.sort(list, function(a, b)
        return a.name < b.name
    end)
    return list
end

--- Settings are lunalloc's: while another allocator is measured, they would change nothing that is measured.
function settings.refuse(list, which, path)
    local name, title = core.workload.process()
    if #list > 0 and which == "process" and name ~= "lunalloc" then
        fail("%sset: %s is a setting of lunalloc, but %s is measured", path, list[1].name, title)
    end
end

return settings
