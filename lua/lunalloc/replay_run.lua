--- Replays of one trace, which is compiled once: for la.replay, and for la.tune, which replays it many times.
---
---     local trace <close>, message, code = run.prepare(wanted)     wanted, variant: what replay_options.lua reads
---     run.replay(trace, wanted, variant)                           -> result | nil, message, code
---
--- A text of Android's malloc debugging or of heaptrack is imported (trace_import.lua).

local core = require "lunalloc.core"
local child = require "lunalloc.child"
local fidelity = require "lunalloc.replay_fidelity"
local job = require "lunalloc.replay_job"
local report = require "lunalloc.replay_report"
local variants = require "lunalloc.compare_variants"

local replay_run = {}

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

-- ---- the trace -----------------------------------------------------------------------------------------------------

local Prepared = { __name = "lunalloc.replay.prepared" }
Prepared.__index = Prepared

--- Removes its files. May be called twice.
function Prepared:close()
    if self.plan then
        self.plan:close()
    end
    if self.imported then
        os.remove(self.imported)
    end
    self.plan, self.imported = nil, nil
end

Prepared.__close = Prepared.close
Prepared.__gc = Prepared.close

--- What the file says of its recording, and the path of the trace that was imported from it, if it has another form.
local function recorded_of(path)
    local recorded, message, code = core.replay.recorded(path)
    if recorded or code ~= "EINVAL" or not message:find("is no trace", 1, true) then
        return recorded, nil, message, code
    end
    local imported = os.tmpname()
    local done
    done, message, code = require("lunalloc.trace_import").run(path, imported)
    if done then
        recorded, message, code = core.replay.recorded(imported)
    end
    if not recorded then
        os.remove(imported)
        return nil, nil, message, code
    end
    return recorded, imported
end

--- The trace of the options, compiled unless it is of pages; nil, message, code if it cannot be replayed.
function replay_run.prepare(options)
    local recorded, imported, message, code = recorded_of(options.trace)
    if not recorded then
        return nil, message, code
    end
    local prepared = setmetatable({ recorded = recorded, imported = imported }, Prepared)
    if recorded.mode ~= "pages" then
        prepared.plan, prepared.text, code = job.prepare(options, imported)
        if not prepared.plan then
            prepared:close()
            return nil, prepared.text, code
        end
    end
    return prepared
end

--- Replays it once. nil, message, code if the allocator is missing or the child fails.
function replay_run.replay(prepared, options, variant)
    local interpreter, linked, code = child.interpreter()
    if not interpreter then
        return nil, linked, code
    end
    local ok, message
    ok, message, code = variants.complete(variant, linked)
    if not ok then
        return nil, message, code
    elseif not prepared.plan then
        return require("lunalloc.replay_pages").run(options, variant, prepared.recorded)
    elseif variant.allocator == "lunalloc" and variant.conf == nil then
        variant.conf = job.recorded_conf(prepared.recorded)
    end
    return run(prepared.plan, prepared.text, options, variant, interpreter)
end

return replay_run
