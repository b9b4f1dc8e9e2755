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

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local child = require "lunalloc.child"
local fidelity = require "lunalloc.replay_fidelity"
local job = require "lunalloc.replay_job"
local options_of = require "lunalloc.replay_options"
local report = require "lunalloc.replay_report"
local variants = require "lunalloc.compare_variants"

local LEAST_TIMEOUT <const> = 3600 -- seconds

--- What a child has to be told of; one line.
local function problem_of(done, variant)
    local complaint = done.err:match "^lunalloc: ([^\n]*)" or done.err:match "\nlunalloc: ([^\n]*)"
    if not done.ok then
        return done.problem
    elseif type(done.value) ~= "table" or type(done.value.result) ~= "table" then
        return "the replay ended before its end"
    elseif variant.allocator and done.value.allocator ~= variant.allocator then
        return ("it ran on %s"):format(done.value.allocator or "another allocator")
    elseif variant.conf and variant.conf ~= "" and complaint then
        return complaint
    end
end

--- What the child found, completed.
local function complete(plan, options, variant, answer)
    local result = answer.result
    result.trace, result.speed, result.conf, result.recorded = options.trace, options.speed, variant.conf, plan.recorded
    result.allocator, result.version = answer.allocator, answer.version
    result.sample = options.sample
    result.ns_per_call = result.executing * 1e9 / math.max(1, result.ops)
    result.peak_growth = math.max(0, result.peak_rss - result.base_rss)
    result.fidelity = fidelity.of(plan, result)
    return report.result(result)
end

local function progress_of(plan, options)
    return options.on_progress and function(windows)
        if math.type(windows) then
            options.on_progress(math.min(1, windows / math.max(1, plan.facts.windows)), "replaying")
        end
    end
end

--- Replays the plan once on the variant; nil, message, code.
local function run(plan, text, options, variant, interpreter)
    local most = options.speed == 0 and LEAST_TIMEOUT or
        math.max(LEAST_TIMEOUT, 4 * plan.facts.seconds / options.speed)
    local done, message, code = child.run {
        script = job.script(), interpreter = interpreter, input = text,
        preload = variant.preload, conf = variant.conf, env = variant.env, timeout = options.timeout or most,
        on_message = progress_of(plan, options),
    }
    if not done then
        return nil, message, code
    end
    local problem = problem_of(done, variant)
    if problem then
        return nil, ("%s: %s"):format(variant.name, problem), done.timed_out and "ETIMEDOUT" or "EINVAL"
    end
    return complete(plan, options, variant, done.value)
end

local function replay_once(options, variant)
    local interpreter, linked, code = child.interpreter()
    if not interpreter then
        return nil, linked, code
    end
    local ok, message
    ok, message, code = variants.complete(variant, linked)
    if not ok then
        return nil, message, code
    end
    local recorded
    recorded, message, code = core.replay.recorded(options.trace)
    if not recorded then
        return nil, message, code
    elseif recorded.mode == "pages" then
        return require("lunalloc.replay_pages").run(options, variant, recorded)
    end
    local plan, text
    plan, text, code = job.prepare(options)
    if not plan then
        return nil, text, code
    end
    local guard <close> = plan
    if variant.allocator == "lunalloc" and variant.conf == nil then
        variant.conf = job.recorded_conf(plan.recorded)
    end
    return run(plan, text, options, variant, interpreter)
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
