--- A recorded trace as what la.compare runs: compiled once, replayed in each run.
---
---     compare_trace.is(path)              is the file a trace?
---     compare_trace.read(options, fail)   the job of compare_child.lua, and the plan, to be closed after the last run

local compare_trace = {}

local MAGIC <const> = "\x89lnatrc\n" -- lua/trace/format.h

function compare_trace.is(path)
    local file <close> = type(path) == "string" and io.open(path, "rb") or nil
    return file ~= nil and file:read(#MAGIC) == MAGIC
end

--- nil, message, code if the trace is missing or wrong. A mistake is passed to fail(format, ...), which raises.
function compare_trace.read(options, fail)
    if options.duration ~= nil or next(options.set or {}) ~= nil then
        fail("duration and set are of workloads; a trace has its own calls and times")
    end
    local wanted = require("lunalloc.replay_options").read { trace = options.trace, lossy = options.lossy,
        speed = options.speed == nil and "max" or options.speed }
    local plan, text, code = require("lunalloc.replay_job").prepare(wanted)
    if not plan then
        return nil, text, code
    end
    return "return { replay = (function() " .. text .. " end)() }", plan
end

return compare_trace
