--- What changed between two instants: what a:diff(b) returns.
---
---     unchanged, appeared, gone, allocated, freed, purged, reused    bytes of addresses, by what became of them
---     matrix      { [state before] = { [state after] = bytes } }, "none": there was no extent
---     extents     how many more there are, as all that follows: later minus earlier
---     states      { [state] = { count =, bytes =, used =, discarded = } }
---     arenas      an array of { arena =, [state] = bytes }, those in which anything changed
---     classes     an array of { szind =, size =, count =, ... }, likewise
---     settings    an array of { name =, before =, after = }
---     residency   { [kind] = bytes }, if both instants know it;  stats  the counters of all arenas
---     seconds     that passed
---
--- It keeps the extents of both, for its pictures: changes:raster{}, changes:map{}.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local layout = require "lunalloc.map.layout"
local map = require "lunalloc.map"
local raster = require "lunalloc.map.raster"
local units = require "lunalloc.units"
local wanted = require "lunalloc.map.options"

local Changes = { __name = "lunalloc.changes" }
Changes.__index = Changes

local STATES <const> = { "active", "dirty", "muzzy", "retained", "busy" }
local SUMS <const> = { "count", "bytes", "used", "discarded" }
local RESIDENCY <const> = { "absent", "present", "huge", "swapped", "guard" }
local KINDS <const> = raster.CHANGES

-- changes -> { before = set, after = set, page = }
local pairs_of_sets = setmetatable({}, { __mode = "k" })

local changes = {}

-- ---- differences ---------------------------------------------------------------------------------------------------

--- later - earlier, of the fields; either may be missing.
local function minus(later, earlier, fields)
    local result, any = {}, false
    for _, field in ipairs(fields) do
        result[field] = (later and later[field] or 0) - (earlier and earlier[field] or 0)
        any = any or result[field] ~= 0
    end
    return result, any
end

local function states_of(before, after)
    local result = {}
    for _, state in ipairs(STATES) do
        if before[state] or after[state] then
            result[state] = minus(after[state], before[state], SUMS)
        end
    end
    return result
end

--- Rows by their key, of both arrays; and the keys, sorted.
local function keyed(before, after, key)
    local rows, keys = {}, {}
    for side, list in pairs { before = before, after = after } do
        for _, row in ipairs(list) do
            local value = row[key]
            if not rows[value] then
                rows[value], keys[#keys + 1] = {}, value
            end
            rows[value][side] = row
        end
    end
    table.sort(keys)
    return rows, keys
end

local function arenas_of(before, after)
    local result, rows, keys = {}, keyed(before, after, "arena")
    for _, arena in ipairs(keys) do
        local change, any = { arena = arena }, false
        for _, state in ipairs(STATES) do
            local one, other = rows[arena].before or {}, rows[arena].after or {}
            change[state] = (other[state] and other[state].bytes or 0) - (one[state] and one[state].bytes or 0)
            any = any or change[state] ~= 0
        end
        result[#result + 1] = any and change or nil
    end
    return result
end

local function classes_of(before, after)
    local result, rows, keys = {}, keyed(before, after, "szind")
    for _, szind in ipairs(keys) do
        local one, other = rows[szind].before, rows[szind].after
        local change, any = minus(other, one, SUMS)
        change.szind, change.size = szind, (other or one).size
        result[#result + 1] = any and change or nil
    end
    return result
end

local function settings_of(before, after)
    local result, rows, keys = {}, keyed(before, after, "name")
    for _, name in ipairs(keys) do
        local one, other = rows[name].before or {}, rows[name].after or {}
        if one.value ~= other.value then
            result[#result + 1] = { name = name, before = one.value, after = other.value }
        end
    end
    return result
end

local function stats_of(before, after)
    local result = {}
    for name, value in pairs(after) do
        if math.type(value) == "integer" and math.type(before[name]) == "integer" then
            result[name] = value - before[name]
        end
    end
    return result
end

--- The changes from one instant to another; `one`, `other`: their sets of extents.
function changes.new(before, after, one, other)
    local made, matrix = one:changes(other)
    made.matrix = matrix
    made.extents, made.seconds = after.extents - before.extents, after.at - before.at
    made.from, made.to = { at = before.at, source = before.source }, { at = after.at, source = after.source }
    made.states, made.stats = states_of(before.states, after.states), stats_of(before.stats, after.stats)
    made.arenas, made.classes = arenas_of(before.arenas, after.arenas), classes_of(before.classes, after.classes)
    made.settings = settings_of(before.settings, after.settings)
    if before.residency and after.residency then
        made.residency = minus(after.residency, before.residency, RESIDENCY)
    end
    pairs_of_sets[made] = { before = one, after = other, page = math.min(before.page, after.page) }
    return setmetatable(made, Changes)
end

-- ---- pictures ------------------------------------------------------------------------------------------------------

local NAMES <const> = { "arena", "columns", "layout", "range", "rows" } -- options of a raster

local function make_raster(self, options, group)
    local sets = pairs_of_sets[self]
    local place = options.layout or layout.new({ (sets.before:spans(0)), (sets.after:spans(0)) }, options.columns or 64,
        options.rows or 64, sets.page, options.range, group)
    return raster.changes(sets.before, sets.after, place, options.arena)
end

--- The addresses of both as a grid of cells: a cell has the change with most bytes, or is unchanged. Options: columns,
--- rows, arena, range, layout, as of instant:raster().
function Changes:raster(options)
    check.self(self, Changes, "changes:raster")
    options = wanted.plain(options)
    check.table(options, "changes:raster", 1, "a table of options")
    local fault = wanted.fault(options, NAMES)
    check.that(not fault, "changes:raster", 1, fault)
    return make_raster(self, options)
end

--- The raster as a text for a terminal. Options: those of changes:raster(), and width, height, mode, colour.
function Changes:map(options)
    check.self(self, Changes, "changes:map")
    options = wanted.plain(options)
    check.table(options, "changes:map", 1, "a table of options")
    local picture, rest, fault = map.divide(options)
    fault = fault or wanted.fault(rest, NAMES)
    check.that(not fault, "changes:map", 1, fault)
    return map.picture(function(complete)
        return make_raster(self, complete, complete.group)
    end, rest, picture, self.to.source.name)
end

--- All but its extents as JSON.
function Changes:tojson()
    check.self(self, Changes, "changes:tojson")
    return core.json(self)
end

-- ---- text ----------------------------------------------------------------------------------------------------------

local MOST <const> = 5 -- classes that are named

local function signed(bytes)
    return (bytes < 0 and "-" or "+") .. units.human(math.abs(bytes))
end

--- The classes whose bytes changed most.
local function largest(list)
    local sorted = table.move(list, 1, #list, 1, {})
    table.sort(sorted, function(a, b)
        local one, other = math.abs(a.bytes), math.abs(b.bytes)
        return one == other and a.szind < b.szind or one > other
    end)
    return table.move(sorted, 1, math.min(#sorted, MOST), 1, {})
end

function Changes:__tostring()
    local lines = {}
    for _, kind in ipairs(KINDS) do
        if self[kind] > 0 then
            lines[#lines + 1] = ("%-10s %10s"):format(kind, units.human(self[kind]))
        end
    end
    for _, state in ipairs(STATES) do
        local row = self.states[state]
        if row and row.bytes ~= 0 then
            lines[#lines + 1] = ("%-10s %11s in %+d extents"):format(state, signed(row.bytes), row.count)
        end
    end
    for _, row in ipairs(largest(self.classes)) do
        lines[#lines + 1] = ("class %-10s %5s in use, %s in extents"):format(units.human(row.size), signed(row.used),
            signed(row.bytes))
    end
    for _, row in ipairs(self.settings) do
        lines[#lines + 1] = ("%s: %s, before %s"):format(row.name, tostring(row.after), tostring(row.before))
    end
    return table.concat(lines, "\n")
end

return changes
