--- Tests on other hosts: `lunalloc test --hosts`. Each scenario runs whole on one of them.
---
---     test_hosts.work(job, progress, beat)       on a host, for hosts_job.lua: what child.run() returned, or a problem
---     test_hosts.jobs(tests, options)            here: the tests as jobs

local core = require "lunalloc.core"
local child = require "lunalloc.child"
local variants = require "lunalloc.compare_variants"

local test_hosts = {}

--- The child's options for the allocator of that name or path; nil, message.
local function allocator_of(name)
    local interpreter, linked = child.interpreter()
    if not interpreter then
        return nil, linked
    end
    local variant = name:find "/" and { preload = name } or { allocator = name }
    local ok, message = variants.complete(variant, linked)
    if not ok then
        return nil, message
    end
    return { preload = variant.preload, interpreter = interpreter }
end

--- Runs a scenario. A job: source (text), file (its path there), index, asked, allocator, conf, timeout.
function test_hosts.work(job, progress, beat)
    local options, message = allocator_of(job.allocator)
    if not options then
        return { problem = message }
    end
    job.asked.text = true
    options.script = require("lunalloc.test.plan").script()
    options.args, options.input = { "run", job.file, tostring(job.index), core.json(job.asked) }, job.source
    options.conf, options.timeout, options.on_wait = job.conf, job.timeout, beat
    options.on_message = job.asked.progress and progress or nil
    local done, why = child.run(options)
    if not done then
        return { problem = why }
    end
    return { ok = done.ok, problem = done.problem, value = done.value, seconds = done.seconds, out = done.out }
end

--- The tests that can be run as jobs, and for each job the number of its test; nil, message if a file cannot be read.
--- timeout_of(test) gives seconds.
function test_hosts.jobs(tests, options, timeout_of)
    local jobs, numbers, texts = {}, {}, {}
    for i, test in ipairs(tests) do
        if not test.problem then
            local message
            texts[test.file], message = core.workload.read(test.file)
            if not texts[test.file] then
                return nil, message
            end
            jobs[#jobs + 1] = { kind = "test", source = texts[test.file], file = test.file, index = test.index,
                asked = { duration = options.duration, set = options.settings }, conf = options.conf,
                allocator = options.allocator or "lunalloc", timeout = timeout_of(test, options) }
            numbers[#jobs] = i
        end
    end
    return jobs, numbers
end

return test_hosts
