--- A scenario, a workload's description or a Lua script as what la.tune runs: each run is a child process (child.lua),
--- as in la.compare. A job as trial.lua makes one: figures time (seconds for an operation of a workload, else of the
--- whole run), cpu, rss (the peak), p99 (of malloc).

local child = require "lunalloc.child"
local compare_job = require "lunalloc.compare_job"
local compare_run = require "lunalloc.compare_run"

local function figures_of(done, clock)
    local found = done.figures
    local rate, p99 = found["ops/s"], found["malloc.p99"]
    local whole = clock == "cpu" and found.cpu or found.seconds or done.seconds
    return { time = rate and 1 / rate or whole, cpu = found.cpu, rss = found["peak RSS"], peak = found["peak RSS"],
        p99 = p99 and p99 / 1e9, seconds = done.seconds }
end

--- The job and its name; nil, message, code.
return function(values, library, fail)
    local interpreter, message, code = child.interpreter()
    if not interpreter then
        return nil, message, code
    end
    local input, name
    if values.input then -- of another machine
        input = values.input
    else
        input, name, code = compare_job.read(values, fail)
    end
    if not input then
        return nil, name, code
    end
    local plan = { script = package.searchpath("lunalloc.compare_child", package.path), interpreter = interpreter,
        job = input, limit = values.timeout }
    local job = { rss = "peak", ops = true }

    function job.run(conf)
        local done, why, number = compare_run.once(plan, { name = conf ~= "" and conf or "defaults", conf = conf,
            allocator = "lunalloc", preload = library })
        if not done then
            return nil, why, number
        end
        return figures_of(done, values.clock)
    end

    function job.messages(conf)
        local done = child.run { script = plan.script, interpreter = interpreter, input = input, preload = library,
            conf = conf, timeout = values.timeout }
        return done and done.err or ""
    end

    return job, name
end
