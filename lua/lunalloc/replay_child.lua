--- The program that la.replay runs in a child process: replays a plan on the malloc of the child. It replies
--- { allocator =, version =, result =, timeline = }; on the way, the number of windows that are complete.
---
---     lua5.4 lunalloc/child_main.lua lunalloc/replay_child.lua        (the job is on standard input)
---
--- The job is a table as Lua text: plan, the path of a plan file, and the options of core.replay.start.

local core = require "lunalloc.core"
local child = require "lunalloc.child"

local SLICE <const> = 0.2

local replay_child = {}

--- The end of the process, with the reason.
local function give_up(message)
    child.fail((tostring(message):match "^[^\n]*"))
    os.exit(1)
end

--- Replays the plan of the job to its end: the result, with its timeline.
function replay_child.play(job)
    collectgarbage()
    collectgarbage "stop" -- the memory of this Lua state does not change meanwhile
    local run, message = core.replay.start(job.plan, job)
    if not run then
        give_up(message)
    end
    while not run:wait(SLICE) do
        child.progress(run:progress())
    end
    local result
    result, message = run:result()
    if not result then
        give_up(message)
    end
    result.timeline = run:timeline()
    collectgarbage "restart"
    return result
end

--- The name and the version of the malloc of this process.
function replay_child.allocator()
    for _, allocator in ipairs(core.workload.allocators()) do
        if allocator.current then
            return allocator.name, allocator.version
        end
    end
end

-- As a script, which child_main.lua starts; compare_child.lua requires it.
if child.is_child and (...) ~= "lunalloc.replay_child" then
    local job = assert(load(io.read "a", "=job", "t", {}))()
    local answer = { result = replay_child.play(job) }
    answer.allocator, answer.version = replay_child.allocator()
    return answer
end

return replay_child
