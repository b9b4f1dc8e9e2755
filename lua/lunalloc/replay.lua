--- Replays a recorded trace on any malloc, or with any settings of this one, in a process of its own.
---
---     print(la.replay{ trace = "redis.trace", allocator = "jemalloc" })
---     la.replay{ trace = "redis.trace", conf = "narenas:1", speed = "max" }
---
--- The recorded threads make the recorded calls: kinds, sizes, alignments, order, and frees by other threads. The
--- result has the fields of a workload's: ops, seconds, latency, peak_rss, timeline; and .fidelity, which says how far
--- it is like the recording (replay_fidelity.lua). The method is in lua/replay/plan.h.
---
--- Without conf, lunalloc has the settings that were recorded. Growth of memory is compared with the recording's: the
--- peak less what was resident at the start.

local check = require "lunalloc.check"
local options_of = require "lunalloc.replay_options"
local runs = require "lunalloc.replay_run"

local function replay_once(options, variant)
    local prepared <close>, message, code = runs.prepare(options)
    if not prepared then
        return nil, message, code
    end
    local result
    result, message, code = runs.replay(prepared, options, variant) -- no tail call: `prepared` is closed after it
    return result, message, code
end

--- Runs the replay. nil, message, code if the trace or the allocator is missing, or the child fails; a mistake in the
--- options raises.
return function(options)
    check.table(options, "replay", 1, "a table of options")
    local ok, wanted, variant = pcall(options_of.read, options)
    if not ok then
        error(wanted, 2)
    end
    local result, message, code = replay_once(wanted, variant) -- no tail call: an error has the caller's line
    return result, message, code
end
