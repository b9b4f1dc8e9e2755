--- A recorded trace as what la.tune runs: each run is a replay in a child process (replay_run.lua). A job as trial.lua
--- makes one: figures time (seconds for a call), rss (the peak above what the replay itself has), p99 (of malloc, in
--- seconds).
---
--- Without speed=, calls are replayed as fast as possible. Decay, which counts real time, then has less time to act
--- than in the recording.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local options_of = require "lunalloc.replay_options"
local runs = require "lunalloc.replay_run"

local function figures_of(result)
    local malloc = result.latency and result.latency.malloc
    return { time = result.ns_per_call / 1e9, rss = result.peak_growth, peak = result.peak_growth,
        p99 = malloc and malloc.p99 and malloc.p99 / 1e9, seconds = result.seconds }
end

--- The job and its name; nil, message, code.
return function(values, _, fail)
    local path = values.trace
    if type(path) ~= "string" or path:find "\0" then
        fail("trace = %s: the path of a trace expected", check.shown(path))
    end
    local ok, message, code = core.child.is_file(path)
    if not ok then
        return nil, message, code
    end
    local job = { rss = "growth", ops = true }

    --- The trace is compiled by the first run, and its plan is removed when the job is collected.
    function job.run(conf)
        local wanted, variant = options_of.read { trace = path, conf = conf, allocator = "lunalloc",
            speed = values.speed or "max", timeout = values.timeout }
        local result, why
        if not job.prepared then
            job.prepared, why = runs.prepare(wanted)
        end
        if job.prepared then
            result, why = runs.replay(job.prepared, wanted, variant)
        end
        if not result then
            return nil, why
        end
        return figures_of(result)
    end

    return job, path:match "[^/]*$"
end
