-- record.lua TRACE STATISTICS -- compares a trace of a whole run with the allocator's own report (JSON, at exit):
-- requests by size class must be the same. Prints what differs; then the events, frees by other threads, events lost.

local la = require "lunalloc"
local core = require "lunalloc.core"
local json = require "lunalloc.json"

local trace <close> = assert(la.trace.load(arg[1]))

--- Requests by class. A realloc in place is no request; one that moves is announced by a "move".
local function requests()
    local counts, moves = {}, {}
    for event in trace:events() do
        local kind, moved = event.kind, moves[event.thread]
        if kind == "malloc" or kind == "calloc" or kind == "aligned" or kind == "realloc" and moved then
            local class = core.trace.class_of(kind == "aligned" and math.max(event.size, event.align) or event.size)
            counts[class] = (counts[class] or 0) + 1
        end
        moves[event.thread] = kind == "move" or nil
    end
    return counts
end

--- The same of a file of sums, at least and at most: it does not tell reallocs that move from others.
local function summed_requests()
    local least, most = {}, {}
    for _, row in ipairs(assert(trace:count())) do
        least[row.class], most[row.class] = row.allocations - row.reallocs, row.allocations
    end
    return least, most
end

local function reported(path)
    local file <close> = assert(io.open(path))
    local merged = assert(json.decode(file:read "a":match "%b{}")).jemalloc["stats.arenas"].merged
    local counts = {}
    for i, bin in ipairs(merged.bins) do
        counts[i - 1] = bin.nrequests
    end
    for i, extent in ipairs(merged.lextents) do
        counts[#merged.bins + i - 1] = extent.nrequests
    end
    return counts
end

local info, cross = assert(trace:info()), 0
local seen, most = (info.summed and summed_requests or requests)()
local told, differ = reported(arg[2]), 0
for class = 0, 231 do
    local number, least = told[class] or 0, seen[class] or 0
    if number < least or number > (most and most[class] or least) then
        print(("class of %d bytes: %d in the trace, %d by the allocator"):format(core.trace.class_size(class), least,
            number))
        differ = differ + 1
    end
end
for _, row in ipairs(trace:count { by = "thread" }) do
    cross = cross + row.cross
end
print(("differ %d events %d cross %d lost %d missing %d unknown %d complete %s"):format(differ, info.events, cross,
    info.lost, info.missing, info.unknown, info.complete))
