--- The blocks that live at a moment of a recorded trace, as an instant: trace:instant{ at = "peak" }.
---
--- Each block is an extent in use of its own; in its map, `age` is the time of its allocation, and `arena` the thread
--- that allocated it, from 0. A cell may have as few bytes as a block.

local core = require "lunalloc.core"
local units = require "lunalloc.units"

local of_trace = {}

local FINEST <const> = 16 -- bytes of a cell

--- What `at` says: "peak", "end", or ns; nil if the options are wrong.
function of_trace.time(options)
    for key in pairs(options) do
        if key ~= "at" then
            return nil
        end
    end
    local at = options.at
    if at == nil or at == "end" or at == "peak" then
        return at or "end"
    end
    return units.time(at)
end

--- The instant of an open trace (of.file) at a time; nil, message, code. slice: events between two chances for Ctrl-C.
function of_trace.instant(of, filter, time, slice)
    local blocks <close>, message, code = core.trace_blocks(of.file, filter, time)
    if not blocks then
        return nil, message, code
    end
    while blocks:step(slice) do end
    local set
    set, message, code = blocks:finish()
    if not set then
        return nil, message, code
    end
    local meta = of.file:meta()
    local started = tonumber(meta.started) or 0
    return require("lunalloc.instant").new({
        at = math.floor(started + (time - of.begin) / 1e9), time = time, page = FINEST,
        source = { way = "trace", pid = math.tointeger(tonumber(meta.pid)), name = meta.name, version = meta.version },
        stats = { arenas = {}, classes = {} }, settings = {}, threads = {}, conf = meta.conf or "",
    }, set)
end

return of_trace
