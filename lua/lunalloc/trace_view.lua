--- Views of recorded traces: what la.trace.load returns.
---
---     local trace <close> = assert(la.trace.load "redis.lnt")
---     print(trace:info().events, trace:info().peak_live)
---     for _, row in ipairs(trace:count{ by = "class" }) do print(row.size, row.allocations, row.lifetime) end
---     trace:filter{ thread = 2, min_size = "1K", from = "10s" }:save "part.lnt"
---     for e in trace:events() do ... end
---
--- A trace is a view: a file, and the conditions under which its events are seen. filter() makes a narrower one of the
--- same file. Nothing is read ahead: each question is a pass over the file, in slices, so Ctrl-C interrupts it. A pass
--- takes memory for the blocks that live at once, not for the events.
---
--- Times of a trace count from its beginning: conditions and infos in seconds, events in nanoseconds.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local units = require "lunalloc.units"

local trace = {}

local Trace = { __name = "lunalloc.trace" }
Trace.__index = Trace

-- Trace -> { file =, path =, filter = { from=, to=, min_size=, max_size=, thread=, kinds= }, tally = cached, ... }
local private = setmetatable({}, { __mode = "k" })

local SLICE <const> = 1 << 18 -- events between two chances for Ctrl-C

local function view(of)
    local self = setmetatable({}, Trace)
    private[self] = of
    return self
end

--- What a trace consists of; raises at the caller of the method if it is none.
local function inside(self, call)
    local of = private[self]
    if not of then
        error(("calling '%s' on bad self (trace expected, got %s): it is called with a colon"):format(call, type(self)),
            3)
    elseif of.file == nil then
        error(("%s: this trace is closed"):format(call), 3)
    end
    return of
end

-- ---- conditions ----------------------------------------------------------------------------------------------------

local KIND_BITS <const> = {}
for i, name in ipairs(core.trace.kinds) do
    KIND_BITS[name] = i > 1 and 1 << (i - 1) or nil
end

-- Each returns a part of the conditions; nil and what is expected if the value is wrong.
local readers = {}

--- "malloc", or an array of such names.
function readers.kind(value)
    local bits, names = 0, type(value) == "table" and value or { value }
    for i = 1, math.max(1, rawlen(names)) do
        local name = rawget(names, i)
        local bit = name ~= nil and KIND_BITS[name]
        if not bit then
            local near = type(name) == "string" and core.nearest(name, check.names(KIND_BITS))
            return nil, "the kind of an event, such as \"malloc\", or an array of them" ..
                (near and (" (did you mean %q?)"):format(near) or "")
        end
        bits = bits | bit
    end
    return { kinds = bits }
end

function readers.thread(value)
    if math.type(value) ~= "integer" or value < 1 or value > 1 << 31 then
        return nil, "the number of a thread, from 1, as in :info().threads"
    end
    return { thread = value - 1 }
end

--- A reader for a quantity.
local function quantity(read, what, name)
    return function(value)
        local number = read(value)
        if not number then
            return nil, what
        end
        return { [name] = number }
    end
end

readers.min_size = quantity(units.size, units.ACCEPTED.bytes, "min_size")
readers.max_size = quantity(units.size, units.ACCEPTED.bytes, "max_size")
readers.from = quantity(units.time, units.ACCEPTED.time, "after")
readers.to = quantity(units.time, units.ACCEPTED.time, "before")

--- The size classes with the allocator's defaults; a class is named by its size.
function readers.class(value)
    local size = units.size(value)
    if not size then
        return nil, units.ACCEPTED.bytes
    end
    local class = core.trace.class_of(size)
    return { min_size = class > 0 and core.trace.class_size(class - 1) + 1 or 0,
        max_size = core.trace.class_size(class) }
end

trace.CONDITIONS = check.names(readers)

-- How two conditions of a kind are one.
local joined = {
    after = math.max, before = math.min, min_size = math.max, max_size = math.min,
    kinds = function(a, b) return a & b end,
    thread = function(a, b) return a == b and a or math.maxinteger end,
}

--- Names of options, for a message.
local function known_options(others)
    local known = check.names(readers)
    for other in pairs(others or {}) do
        known[#known + 1] = other
    end
    table.sort(known)
    return table.concat(known, ", ")
end

--- A copy of the conditions with those of the options, which narrow them down. `others`: keys that are none. Raises at
--- the caller of the method that calls this.
local function narrowed(conditions, call, options, others)
    local result = check.plain(conditions)
    for key, value in pairs(options) do
        local read = readers[key]
        local parts, expected = nil, nil
        if read then
            parts, expected = read(value)
        end
        if expected then
            error(("%s: %s is %s, not %s"):format(call, key, expected, check.shown(value)), 3)
        elseif not read and not (others and others[key]) then
            error(("%s: no option %s (there are: %s)"):format(call, check.shown(key), known_options(others)), 3)
        end
        for name, part in pairs(parts or {}) do
            result[name] = result[name] and joined[name](result[name], part) or part
        end
    end
    return result
end

--- The conditions as the core takes them.
local function filter_of(of)
    local c = of.conditions
    if next(c) == nil then
        return nil
    end
    return { from = of.begin + (c.after or 0), to = c.before and of.begin + c.before, min_size = c.min_size,
        max_size = c.max_size, thread = c.thread, kinds = c.kinds }
end

-- ---- passes --------------------------------------------------------------------------------------------------------

--- The results of a pass that sums up ("tally" or "cells"); nil, message, code.
local function summed(of, kind)
    local sums <close>, message, code = of.file[kind](of.file, filter_of(of))
    if not sums then
        return nil, message, code
    end
    while sums:step(SLICE) do end
    return sums:result()
end

--- The sums of all passes; nil, message, code. A file of sums alone has only those of the whole.
local function sums_of(of, kind)
    if not of.file:summed() then
        return summed(of, kind)
    elseif next(of.conditions) ~= nil then
        return nil, trace.lacks(of, "conditions"), "ENOTSUP"
    end
    local sums, cells, code = of.file:sums()
    if not sums then
        return nil, cells, code
    end
    return kind == "cells" and cells or sums
end

--- Why something cannot be told of a file of sums.
function trace.lacks(of, what)
    return ("%s need each event, and %s has sums alone (mode %s): record with mode full"):format(what,
        check.shown(of.path), of.file:meta().mode or "classes")
end

--- The tally of a view, which is computed once.
local function tally(of)
    local message, code
    if not of.tally then
        of.tally, message, code = sums_of(of, "tally")
    end
    return of.tally, message, code
end

--- A value below which half of the counts lie, of a histogram whose i-th count is of [2^(i-1), 2^i).
local function median(histogram)
    local total, sum = 0, 0
    for _, n in ipairs(histogram) do
        total = total + n
    end
    for i, n in ipairs(histogram) do
        if n > 0 and sum + n >= total / 2 then
            return 2 ^ (i - 1 + (total / 2 - sum) / n)
        end
        sum = sum + n
    end
end

--- A view of all of an open file of the core.
function trace.new(file, path)
    return view { file = file, path = path, begin = file:info().begin, conditions = {} }
end

--- Closes the file, also that of the views of it. Nothing can be asked of them any more.
function Trace:close()
    local of = private[self]
    check.that(of, "trace:close", 0, "a trace expected")
    if of.file then
        of.file:close()
        of.file = nil
    end
    return true
end

Trace.__close = Trace.close

function Trace:__tostring()
    local of = private[self]
    if not of.file then
        return "trace (closed)"
    end
    local info = of.file:info()
    return ("trace %s: %s events of %d threads in %s%s"):format(check.shown(of.path), units.human_count(info.events),
        info.threads, units.human_time(info["end"] - info.begin), next(of.conditions) and ", filtered" or "")
end

--- A narrower view: only events that meet all conditions. thread, kind, from, to: of the event; min_size, max_size,
--- class: of the block that it allocates or frees.
function Trace:filter(options)
    local of = inside(self, "trace:filter")
    check.table(options, "trace:filter", 1, "a table of conditions")
    options = check.plain(options)
    return view { file = of.file, path = of.path, begin = of.begin,
        conditions = narrowed(of.conditions, "trace:filter", options) }
end

-- ---- questions -----------------------------------------------------------------------------------------------------

--- Seconds from the beginning of the trace.
local function seconds(of, time)
    return (time - of.begin) / 1e9
end

local function threads_of(of)
    local threads = of.file:threads()
    for i, thread in ipairs(threads) do
        thread.thread = i
        thread.begin, thread["end"] = seconds(of, thread.begin), seconds(of, thread["end"])
    end
    return threads
end

--- The samples that the recorder took, with seconds.
local function samples_of(of)
    local samples = of.file:samples()
    for _, sample in ipairs(samples) do
        sample.time = seconds(of, sample.time)
    end
    return samples
end

--- What is known without reading events, and the peak of live bytes, for which they are read once.
function Trace:info()
    local of = inside(self, "trace:info")
    local sums, message, code = tally(of)
    if not sums then
        return nil, message, code
    end
    local info, meta = of.file:info(), of.file:meta()
    return {
        path = of.path, name = meta.name, pid = math.tointeger(tonumber(meta.pid)), allocator = meta.version,
        conf = meta.conf, mode = meta.mode, started = tonumber(meta.started), reason = meta.reason,
        settings = trace.settings(meta), meta = meta,
        threads = threads_of(of), samples = samples_of(of),
        events = sums.events, lost = sums.lost, recorded = info.events, duration = (info["end"] - info.begin) / 1e9,
        lost_share = info.events + info.lost > 0 and info.lost / (info.events + info.lost) or 0,
        size = info.size, bytes_per_event = info.events > 0 and info.bytes / info.events or 0,
        complete = info.complete, damaged = info.damaged + sums.damaged,
        peak_live = sums.total.peak_bytes, peak_time = sums.total.peak > 0 and seconds(of, sums.peak_time) or 0,
        live = sums.total.live_bytes, unknown = sums.unknown, missing = sums.missing, late = sums.late,
        summed = of.file:summed(),
    }
end

--- The settings that the recorder wrote down: { [name] = text }.
function trace.settings(meta)
    local settings = {}
    for key, value in pairs(meta) do
        local name = key:match "^setting (.+)$"
        if name then
            settings[name] = value
        end
    end
    return settings
end

local SUMS <const> = { "allocations", "frees", "bytes", "reallocs", "cross", "live", "live_bytes", "peak",
    "peak_bytes" }

local function copy_sums(row, from)
    for _, key in ipairs(SUMS) do
        row[key] = from[key] or 0
    end
    return row
end

local by = {}

function by.class(_, sums)
    local rows = {}
    for i, class in ipairs(sums.classes) do
        local row = copy_sums({ class = class.class, size = class.size }, class)
        local lifetime, bytes = median(class.life_time), median(class.life_bytes)
        row.lifetime, row.lifetime_bytes = lifetime and lifetime / 1e9, bytes
        row.sizes, row.lifetimes, row.lifetimes_bytes = class.parts, class.life_time, class.life_bytes
        rows[i] = row
    end
    return rows
end

function by.thread(of, sums)
    local rows = {}
    for i, thread in ipairs(threads_of(of)) do
        local row = { thread = i, tid = thread.tid, name = thread.name }
        local counts = sums.threads[i] or {}
        row.events, row.lost = counts.events or 0, counts.lost or 0
        rows[i] = copy_sums(row, counts)
    end
    return rows
end

function by.kind(_, sums)
    local rows = {}
    for kind, row in pairs(sums.kinds) do
        rows[#rows + 1] = { kind = kind, count = row.count, bytes = row.bytes }
    end
    table.sort(rows, function(a, b) return a.count > b.count or a.count == b.count and a.kind < b.kind end)
    return rows
end

function by.size(_, sums)
    local rows = {}
    for size, count in pairs(sums.sizes) do
        rows[#rows + 1] = { size = size, count = count, bytes = size * count }
    end
    table.sort(rows, function(a, b) return a.count > b.count or a.count == b.count and a.size < b.size end)
    return rows
end

trace.GROUPINGS = check.names(by)

--- The tally; of a recording of stacks there is none.
local function counted(of)
    if of.file:nstacks() > 0 then
        return nil, ("%s has stacks alone (mode stacks): sums need mode full or classes"):format(check.shown(of.path)),
            "ENOTSUP"
    end
    return tally(of)
end

local function by_class(of)
    local sums, message, code = counted(of)
    if not sums then
        return nil, message, code
    end
    return by.class(of, sums)
end

--- Sums of the events, grouped: by = "class" (the default), "thread", "kind" or "size". Takes conditions, too.
function Trace:count(options)
    local of = inside(self, "trace:count")
    options = options == nil and {} or options
    check.table(options, "trace:count", 1, "a table of options")
    options = check.plain(options)
    local group = options.by == nil and "class" or options.by
    check.that(by[group], "trace:count", 1, ("by is one of %s, not %s"):format(table.concat(trace.GROUPINGS, ", "),
        check.shown(group)))
    local conditions = narrowed(of.conditions, "trace:count", options, { by = true })
    local only_by = next(options) == nil or next(options) == "by" and next(options, "by") == nil
    local narrow = only_by and of or { file = of.file, path = of.path, begin = of.begin, conditions = conditions }
    local sums, message, code = counted(narrow)
    if not sums then
        return nil, message, code
    end
    return by[group](narrow, sums)
end

-- ---- events --------------------------------------------------------------------------------------------------------

local Events = { __name = "lunalloc.events" }
Events.__index = Events

function Events:__call()
    return self.cursor and self.cursor:next()
end

function Events:close()
    if self.cursor then
        self.cursor:close()
        self.cursor = nil
    end
end

Events.__close = Events.close

--- For a loop: each event as a table, in the order of time.
function Trace:events()
    local of = inside(self, "trace:events")
    if of.file:summed() then
        return nil, trace.lacks(of, "events"), "ENOTSUP"
    end
    local cursor, message, code = of.file:cursor(filter_of(of))
    if not cursor then
        return nil, message, code
    end
    local events = setmetatable({ cursor = cursor }, Events)
    return events, nil, nil, events
end

--- What each stack has allocated, of a recording of stacks: an array of { stack = names, innermost first, count =,
--- bytes =, live_count =, live_bytes = }.
function Trace:stacks()
    local of = inside(self, "trace:stacks")
    local n, rows = of.file:nstacks(), {}
    if n == 0 then
        return nil, ("%s has no stacks: lunalloc record --mode stacks records them"):format(check.shown(of.path)),
            "ENODATA"
    elseif next(of.conditions) ~= nil then
        return nil, trace.lacks(of, "conditions"), "ENOTSUP"
    end
    for i = 1, n do
        local row, names = of.file:stack(i)
        if row then
            row.stack = {}
            for name in names:gmatch "[^\n]+" do
                row.stack[#row.stack + 1] = name
            end
            rows[#rows + 1] = row
        end
    end
    return rows
end

--- Writes the view as a trace of its own.
function Trace:save(path)
    local of = inside(self, "trace:save")
    check.text(path, "trace:save", 1, "the path of the file to write")
    if of.file:summed() then
        return nil, trace.lacks(of, "copies"), "ENOTSUP"
    end
    local save <close>, message, code = of.file:save(filter_of(of), path)
    if not save then
        return nil, message, code
    end
    while save:step(SLICE) do end
    return save:finish()
end

--- Live bytes over time, drawn. Options of la.plot.
function Trace:plot(options)
    local of = inside(self, "trace:plot")
    options = options == nil and {} or check.plain(options)
    check.table(options, "trace:plot", 1, "a table of options")
    local sums, message, code = tally(of)
    if not sums then
        return nil, message, code
    end
    local x, values = {}, {}
    for i, column in ipairs(sums.columns) do
        x[i], values[i] = seconds(of, column.time), column.peak
    end
    if #x == 0 then
        return nil, "the trace has no allocation to draw", "EINVAL"
    end
    options.series, options.x, options.unit = { { name = "live", values = values } }, x, options.unit or "bytes"
    return require("lunalloc.plot")(options)
end

--- The blocks that live at a moment of the trace as an instant: at = seconds from its beginning, "peak" or "end" (if it
--- is left out).
function Trace:instant(options)
    local of = inside(self, "trace:instant")
    options = options == nil and {} or check.plain(options)
    check.table(options, "trace:instant", 1, "a table of options")
    local at = require("lunalloc.map.of_trace").time(options)
    check.that(at, "trace:instant", 1, 'only {at=}: "peak", "end" or a time: ' .. units.ACCEPTED.time)
    if of.file:summed() then
        return nil, trace.lacks(of, "instants"), "ENOTSUP"
    end
    local sums, message, code = tally(of)
    if not sums then
        return nil, message, code
    end
    local until_time = at == "peak" and sums.peak_time or at == "end" and of.file:info()["end"] or of.begin + at
    return require("lunalloc.map.of_trace").instant(of, filter_of(of), until_time, SLICE)
end

--- Replays the view: la.replay, with its options but `trace`.
function Trace:replay(options)
    local of = inside(self, "trace:replay")
    options = options == nil and {} or check.plain(options)
    check.table(options, "trace:replay", 1, "a table of options")
    check.that(options.trace == nil, "trace:replay", 1, "no trace=: it is this one")
    options.trace = of.path
    local ok, wanted, variant = pcall(require("lunalloc.replay_options").read, options)
    if not ok then
        error("trace:" .. wanted, 2)
    elseif of.file:summed() then
        return nil, trace.lacks(of, "replays"), "ENOTSUP"
    end
    return require("lunalloc.replay_view")(of, filter_of(of), wanted, variant, SLICE)
end

--- What differs from another trace, by size class.
function Trace:diff(other)
    local of = inside(self, "trace:diff")
    check.that(private[other] and private[other].file, "trace:diff", 1, "an open trace expected")
    local rows, message, code = by_class(of)
    local others = rows
    if rows then
        others, message, code = by_class(private[other])
    end
    if not others then
        return nil, message, code
    end
    return require("lunalloc.trace_diff").new(self:info(), rows, other:info(), others)
end

--- A description for la.workload, and how it differs from the trace.
function Trace:workload()
    local of = inside(self, "trace:workload")
    local sums, message, code = tally(of)
    local cells = sums
    if sums then
        cells, message, code = sums_of(of, "cells")
    end
    if not cells then
        return nil, message, code
    end
    return require("lunalloc.trace_workload").describe(cells, sums, of.file:info())
end

--- For the other files of traces: the core's file, its path and conditions; nil if the value is no trace.
function trace.inside(value)
    return private[value]
end

--- The sums of a view, as lua/trace/lua_tally.c lists them; and its cells. nil, message, code.
trace.tally, trace.cells = tally, function(of) return sums_of(of, "cells") end
trace.median = median
trace.Trace = Trace

return trace
