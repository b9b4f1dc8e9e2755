--- The program that la.compare runs in each child process: a workload, a scenario, or any Lua script, on the malloc of
--- the child. It replies { allocator =, version =, workload = what a report needs, figures = { [name] = number } }.
---
---     lua5.4 lunalloc/child_main.lua lunalloc/compare_child.lua        (the job is on standard input)
---
--- The job is a table as Lua text: description (of a workload), file, or replay (the job of replay_child.lua); source,
--- the text of the file, if that is another host's; duration and set for a scenario.

local child = require "lunalloc.child"
local la = require "lunalloc"

local job = assert(load(io.read "a", "=job", "t", {}))()

local function give_up(message)
    child.fail((tostring(message):gsub("^[^\n]-lunalloc/[%w_]+%.lua:%d+: ", ""):match "^[^\n]*"))
    os.exit(1)
end

-- f(...), or the end of the process with the reason.
local function try(f, ...)
    local ok, result, message = pcall(f, ...)
    if not ok or result == nil and message ~= nil then
        give_up(ok and message or result)
    end
    return result
end

--- The parts of a workload's result that are compared, or that tell that it is wrong.
local function excerpt(result)
    local latency = {}
    for call, values in pairs(result.latency) do
        latency[call] = { p50 = values.p50, p99 = values.p99 }
    end
    local verify = result.verify
    return { ops_per_s = result.ops_per_s, rss_per_live = result.rss_per_live, peak_rss = result.peak_rss,
        latency = latency, errors = verify.errors, first = verify.first }
end

local function is_result(value)
    return type(value) == "table" and type(value.latency) == "table" and value.ops_per_s ~= nil
end

local function run_description(description)
    if job.duration then
        description.duration, description.ops = job.duration, nil
    end
    for key, value in pairs(job.set or {}) do
        description[key] = value
    end
    return { workload = excerpt(try(function() return try(la.workload, description):run() end)) }
end

--- The first scenario of the file.
local function run_scenario(file)
    local scenario = require "lunalloc.scenario"
    local list = try(scenario.load, file, job.source)
    local result = try(scenario.run, list[1], { duration = job.duration, set = job.set })
    local figures = {}
    for _, figure in ipairs(result.figures or {}) do
        figures[figure.name] = figure.value
    end
    return { workload = excerpt(result), figures = figures }
end

local function run_script(file)
    _G.arg = { [0] = file }
    local value = try(job.source and assert(load(job.source, "@" .. file)) or dofile, file)
    if is_result(value) then
        return { workload = excerpt(value) }
    end
    return { figures = type(value) == "table" and value or nil }
end

local function is_scenario(file)
    local text = job.source
    if not text then
        local stream <close> = try(io.open, file)
        text = stream:read "a"
    end
    return text:find("lunalloc.scenario", 1, true) ~= nil
end

--- A recorded trace: memory is its growth, without that of the interpreter.
local function run_trace(options)
    local result = require("lunalloc.replay_child").play(options)
    return { workload = { ops_per_s = result.ops_per_s, latency = excerpt(result).latency,
        peak_rss = result.peak_rss - result.base_rss },
        figures = { ["ns/call"] = result.executing * 1e9 / math.max(1, result.ops) } }
end

local function run()
    if job.replay then
        return run_trace(job.replay)
    elseif job.description then
        return run_description(job.description)
    end
    return is_scenario(job.file) and run_scenario(job.file) or run_script(job.file)
end

local answer = run()
for _, allocator in ipairs(la.allocators()) do
    if allocator.current then
        answer.allocator, answer.version = allocator.name, allocator.version
    end
end
child.reply(answer)
