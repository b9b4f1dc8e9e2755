--- The plan of a replay, made of a trace file: compiled once, replayed any number of times (lua/replay/plan.h).
---
---     local plan <close>, message, code = plans.make(path, on_progress)
---     plan.path, plan.facts, plan.recorded       the file, what it asks for, what the trace says of its process
---
--- The file is in TMPDIR, for this user alone, and is removed when the plan is closed.

local core = require "lunalloc.core"

local plans = {}

local Plan = { __name = "lunalloc.replay.plan" }
Plan.__index = Plan

local SLICE <const> = 200000 -- events between two looks at Ctrl-C
local TRIES <const> = 100

local made = 0

--- Removes the file. May be called twice.
function Plan:close()
    if self.path then
        os.remove(self.path)
        self.path = nil
    end
end

Plan.__close = Plan.close
Plan.__gc = Plan.close

--- A compiler and the name of its file, which did not exist; nil, message, code.
local function begin(trace)
    local folder, pid = os.getenv "TMPDIR" or "/tmp", core.child.identity()
    local message, code
    for _ = 1, TRIES do
        made = made + 1
        local path = ("%s/lunalloc-%d-%d.plan"):format(folder, pid, made)
        local compiler
        compiler, message, code = core.replay.compile(trace, path)
        if compiler or code ~= "EEXIST" then
            return compiler, compiler and path or message, code
        end
    end
    return nil, message, code
end

--- Compiles the trace at the path. `on_progress`, if there is one, is called with the share that is done, 0 to 1.
--- nil, message, code if the file is missing or wrong, or the plan cannot be written.
function plans.make(trace, on_progress)
    local recorded, message, code = core.replay.recorded(trace)
    if not recorded then
        return nil, message, code
    end
    local compiler, path
    compiler, path, code = begin(trace)
    if not compiler then
        return nil, path, code
    end
    local guard <close> = compiler
    local complete, done = false, 0
    while not complete do
        complete, message, code = compiler:step(SLICE)
        if complete == nil then
            return nil, message, code
        end
        done = done + SLICE
        if on_progress then
            on_progress(math.min(1, done / math.max(1, recorded.events)))
        end
    end
    local plan = setmetatable({ path = path, recorded = recorded }, Plan)
    plan.facts, message, code = core.replay.facts(path)
    if not plan.facts then
        return nil, message, code
    end
    return plan
end

return plans
