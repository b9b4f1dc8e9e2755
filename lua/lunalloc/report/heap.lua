--- The map of a heap over time: pictures of instants in the same cells.
---
---     local film = heap.new()
---     film:add(instant)            as often as there are instants; each may be closed then
---     film:add_file(path)          the same for a saved one
---     film:compare(first, last)    two instants that are open, whose difference is to be drawn
---     film:section(), film:difference()
---
--- An instant is drawn when it is added, so a thousand of them need the memory of one. When addresses appear that the
--- cells do not cover, the cells are laid out anew; pictures that were drawn before are fitted at the end, by cells.
--- Of more instants than a report may have, every second one is dropped, again and again.

local check = require "lunalloc.check"
local difference = require "lunalloc.report.difference"
local drawn_file = require "lunalloc.map.drawn"
local frames = require "lunalloc.report.frames"
local instant_of = require "lunalloc.instant"
local layout = require "lunalloc.map.layout"
local limits = require "lunalloc.report.limits"
local text = require "lunalloc.report.text"
local units = require "lunalloc.units"

local SIDE <const> = 64 -- cells
local FEW <const> = 60 -- instants, which are drawn in all ways
local LARGE <const> = 100000 -- extents
local MAIN <const> = { "state", "residency", "occupancy" }
local WAYS <const> = { "state", "residency", "occupancy", "age", "arena", "class" }
local RAMPS <const> = { occupancy = true, age = true }
local KEYS <const> = 60 -- names of a way, at most: characters from "1" on
local EMPTY <const> = 48 -- "0"
local NOTE <const> = "Addresses from left to right and top to bottom; a cell is %s, and has the colour of what most of "
    .. "its bytes are. Addresses that are not the allocator's are left out. %d of %d instants."

local Film = {} -- methods
Film.__index = Film

local heap = {}

--- most: instants to keep. Of more, with `rolling`, the last ones are kept. expected: how many will be added, if that
--- is known.
function heap.new(options)
    options = options or {}
    return setmetatable({ most = options.most or limits.instants, rolling = options.rolling, step = 1, met = 0,
        expected = options.expected or 0, shots = {}, names = {} }, Film)
end

-- ---- cells ---------------------------------------------------------------------------------------------------------

--- The instant of a process now, with what is resident if the system tells; nil, message, code.
function heap.take(t)
    local instant = t.instant { residency = true }
    if instant then
        return instant
    end
    return t.instant()
end

--- The addresses of a layout as { start, end, ... }; none of nil.
local function ranges_of(place)
    local ranges = {}
    for s = 1, place and #place.spans or 0, 3 do
        ranges[#ranges + 1], ranges[#ranges + 2] = place.spans[s], place.spans[s + 1]
    end
    return ranges
end

--- Bytes of all extents.
local function bytes_of(instant)
    local bytes = 0
    for _, row in pairs(instant.states) do
        bytes = bytes + row.bytes
    end
    return bytes
end

--- The states of the instant, drawn; in new cells for all addresses that were seen, if it has some that the present
--- cells do not cover. Its bytes tell: looking for its ranges takes as long as drawing.
function Film:draw_states(instant)
    local drawn = self.place and instant:raster { by = "state", layout = self.place }
    if not drawn or drawn.bytes ~= bytes_of(instant) then
        self.place = layout.new({ ranges_of(self.place), instant:spans() }, SIDE, SIDE, instant.page)
        drawn = instant:raster { by = "state", layout = self.place }
    end
    return drawn
end

--- For each cell of the new layout, in order, the cell of the old one, from 1, in which its middle lies; 0: none.
local function fitting(old, new)
    local cells, at = {}, 1
    for i = 1, new.columns * new.rows do
        cells[i] = 0
    end
    for s = 1, #new.spans, 3 do
        local first = new.spans[s + 2]
        for i = 0, (new.spans[s + 1] - new.spans[s] - 1) // new.cell do
            local middle = math.min(new.spans[s] + i * new.cell + new.cell // 2, new.spans[s + 1] - 1)
            while old.spans[at + 3] and old.spans[at + 1] <= middle do
                at = at + 3
            end
            if middle >= old.spans[at] and middle < old.spans[at + 1] then
                cells[first + i + 1] = old.spans[at + 2] + (middle - old.spans[at]) // old.cell + 1
            end
        end
    end
    return cells
end

--- A picture in the cells of another layout.
local function fitted(cells, map)
    local out = {}
    for i, from in ipairs(map) do
        out[i] = from == 0 and EMPTY or cells:byte(from) or EMPTY
    end
    local parts = {}
    for i = 1, #out, 128 do
        parts[#parts + 1] = string.char(table.unpack(out, i, math.min(i + 127, #out)))
    end
    return table.concat(parts)
end

-- ---- names of keys -------------------------------------------------------------------------------------------------

--- The number of a name in a way, from 1. What is beyond the most is the last one.
function Film:key_of(way, name)
    local known = self.names[way]
    if not known[name] then
        if #known == KEYS then
            return KEYS
        end
        known[#known + 1] = #known + 1 < KEYS and name or "others"
        known[name] = #known
    end
    return known[name]
end

--- The cells with the film's own keys, and the bytes of each. An instant's keys of arenas and classes are its own.
function Film:translated(way, drawn)
    self.names[way] = self.names[way] or {}
    local map, bytes, same = {}, {}, true
    for _, row in ipairs(drawn.legend) do
        local key = self:key_of(way, row.name)
        map[row.key] = string.char(EMPTY + key)
        bytes[key] = (bytes[key] or 0) + row.bytes
        same = same and map[row.key] == row.key
    end
    return same and drawn.cells or drawn.cells:gsub(".", map), bytes
end

-- ---- taking --------------------------------------------------------------------------------------------------------

--- Every second one is dropped, or the first one.
function Film:make_room()
    if self.rolling then
        table.remove(self.shots, 1)
        return
    end
    local kept = {}
    for i = 1, #self.shots, 2 do
        kept[#kept + 1] = self.shots[i]
    end
    self.shots, self.step = kept, self.step * 2
end

--- How an instant is drawn: in all ways while there are few; of many large ones, in two.
function Film:ways_for(instant)
    if math.max(self.met, self.expected) > FEW then
        return instant.extents > LARGE and { "state", instant.residency and "residency" or "occupancy" } or MAIN
    end
    local ways = {}
    for _, way in ipairs(WAYS) do
        ways[#ways + 1] = (way ~= "arena" or #instant.arenas > 1) and way or nil
    end
    return ways
end

--- Counts an instant. False if it is left out.
function Film:counts()
    self.met = self.met + 1
    if (self.met - 1) % self.step ~= 0 then
        return false
    end
    if #self.shots >= self.most then
        self:make_room()
    end
    return true
end

--- Keeps an instant's rasters by way, and its sums.
function Film:keep(instant, label, rasters)
    self.before = { extents = instant.extents, residency = instant.residency, arenas = instant.arenas }
    self.last = difference.sums(instant)
    self.first = self.first or self.last
    local shot = { place = self.place, time = instant.at, label = label, views = {} }
    for way, drawn in pairs(rasters) do
        local cells, bytes = self:translated(way, drawn)
        shot.views[way] = { cells = cells, bytes = bytes }
    end
    self.shots[#self.shots + 1] = shot
end

function Film:draw(instant, label)
    local rasters = { state = self:draw_states(instant) }
    for _, way in ipairs(self:ways_for(instant)) do
        rasters[way] = rasters[way] or instant:raster { by = way, layout = self.place }
    end
    self:keep(instant, label, rasters)
end

--- Draws an instant; label: a text for people, or nil. Returns false if it was left out.
function Film:add(instant, label)
    if not self:counts() then
        return false
    end
    self:draw(instant, label)
    return true
end

-- ---- from files ----------------------------------------------------------------------------------------------------

--- Draws a saved instant as it is read, if it is like the one before: many, in cells that are there. Returns whether.
function Film:draw_as_read(path, label)
    local before = self.before
    if not before or math.max(self.met, self.expected) <= FEW then
        return false
    end
    local ways = {}
    for _, way in ipairs(self:ways_for(before)) do
        ways[#ways + 1] = (way ~= "residency" or before.residency) and way or nil
    end
    local instant, rasters = drawn_file.read(path, self.place, ways)
    if not instant or not instant.residency ~= not before.residency or rasters.state.bytes ~= bytes_of(instant) then
        return false
    end
    self:keep(instant, label, rasters)
    return true
end

--- Draws the instant in a file, as add(). nil, message, code if it cannot be read.
function Film:add_file(path, label)
    self.paths = { self.paths and self.paths[1] or path, path }
    if not self:counts() then
        return false
    end
    if self:draw_as_read(path, label) then
        return true
    end
    local instant <close>, message, code = instant_of.load(path)
    if not instant then
        return nil, message, code
    end
    self:draw(instant, label)
    return true
end

-- ---- differences ---------------------------------------------------------------------------------------------------

--- Draws what became of each address between two instants.
function Film:compare(before, after)
    self.first, self.last = difference.sums(before), difference.sums(after)
    self.changes = difference.changes(before, after, SIDE)
end

--- The same for the first and the last of the files.
function Film:compare_files()
    local before <close> = instant_of.load(self.paths[1])
    local after <close> = before and instant_of.load(self.paths[2])
    if after then
        self:compare(before, after)
    end
end

--- What changed from the first to the last instant, as a section; nil and why.
function Film:difference()
    if self.paths and self.met > 1 and not self.changes then
        self:compare_files()
    end
    return difference.section(self.first, self.last, self.changes)
end

-- ---- the chart -----------------------------------------------------------------------------------------------------

--- All pictures of a way in the cells of the last layout.
function Film:pictures(way)
    local list, maps = {}, {}
    for i, shot in ipairs(self.shots) do
        local cells = shot.views[way].cells
        if shot.place ~= self.place then
            maps[shot.place] = maps[shot.place] or fitting(shot.place, self.place)
            cells = fitted(cells, maps[shot.place])
        end
        list[i] = cells
    end
    return list
end

function Film:has(way)
    for _, shot in ipairs(self.shots) do
        if not shot.views[way] then
            return false
        end
    end
    return true
end

function Film:view(way)
    local names, totals = {}, {}
    for i, name in ipairs(self.names[way]) do
        names[i] = text.cut(name)
    end
    for i, shot in ipairs(self.shots) do
        totals[i] = {}
        for key = 1, #names do
            totals[i][key] = shot.views[way].bytes[key] or 0
        end
    end
    return { name = way, keys = names, totals = totals, ramp = RAMPS[way] or false,
        frames = frames.base64(frames.encode(self:pictures(way))) }
end

--- The views, as long as there is room for them; nil if there is none for the first.
function Film:views()
    local list, bytes = {}, 0
    for _, way in ipairs(WAYS) do
        if self.names[way] and self:has(way) then
            local view = self:view(way)
            bytes = bytes + #view.frames + 12 * #view.keys * #self.shots
            if bytes > limits.map_bytes then
                return list[1] and list
            end
            list[#list + 1] = view
        end
    end
    return list
end

local function spans_of(place)
    local spans = {}
    for s = 1, #place.spans, 3 do
        spans[#spans + 1] = { ("0x%x"):format(place.spans[s]), ("0x%x"):format(place.spans[s + 1]), place.spans[s + 2] }
    end
    return spans
end

--- The section; nil and why if no instant was added.
function Film:section()
    if #self.shots == 0 then
        return nil, "there is no picture of the heap"
    end
    local views = self:views()
    while not views and #self.shots > 1 do
        self:make_room()
        views = self:views()
    end
    local instants = {}
    for i, shot in ipairs(self.shots) do
        instants[i] = { time = check.sent(shot.time, 0), label = shot.label and text.cut(shot.label) }
    end
    local place = self.place
    return { id = "map", title = "Heap map", note = NOTE:format(units.human(place.cell), #self.shots, self.met),
        charts = { { kind = "map", title = "Heap map", columns = place.columns, rows = place.rows,
            cell_bytes = place.cell, spans = spans_of(place), instants = instants, views = views or {} } } }
end

return heap
