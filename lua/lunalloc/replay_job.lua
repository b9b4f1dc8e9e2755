--- A trace as something that child processes run, any number of times: for la.replay, la.compare and la.tune.
---
---     local plan <close>, text, code = job.prepare(wanted)    wanted: what replay_options.lua reads
---     child.run{ script = job.script(), input = text, preload =, conf = }
---
--- The child replies { allocator =, version =, result =, timeline = } (replay_child.lua).

local plans = require "lunalloc.replay_plan"

local replay_job = {}

local MOST_LOST <const> = 0.001 -- share of the events

--- Nine tenths of the available memory, at which a replay gives up: a trace may ask for more than this machine has.
local function rss_limit()
    local file <close> = io.open "/proc/meminfo"
    local kib = file and file:read("a"):match "MemAvailable:%s*(%d+)"
    return kib and math.tointeger(kib) * 1024 // 10 * 9 or 0
end

--- What the trace lost, if that is too much: nil, message, code.
local function check_lost(plan, lossy)
    if plan.recorded.mode == "classes" then
        return nil, "the trace has sums alone (mode classes): a replay needs mode full", "EINVAL"
    end
    local lost = math.max(plan.facts.lost, plan.recorded.lost)
    local share = lost / math.max(1, lost + plan.facts.events)
    if share > MOST_LOST and not lossy then
        return nil, ("%d events of the trace were lost (%.2g %%, above 0.1 %%): a replay would not be like the " ..
            "program; lossy = true replays the rest"):format(lost, 100 * share), "ENODATA"
    elseif plan.facts.calls == 0 then
        return nil, plan.recorded.mode == "pages" and
            "the trace has pages only: la.replay replays it" or "the trace has no call", "EINVAL"
    end
    return true
end

--- Compiles the trace of the options. Returns the plan, to be closed, and the job for each child: Lua text that makes
--- the table which replay_child.lua reads. nil, message, code if it cannot be replayed. path: of the trace, if it is
--- another than the options'.
function replay_job.prepare(options, path)
    local plan, message, code = plans.make(path or options.trace, options.on_progress and function(share)
        options.on_progress(share, "compiling")
    end)
    if not plan then
        return nil, message, code
    end
    local ok
    ok, message, code = check_lost(plan, options.lossy)
    if not ok then
        plan:close()
        return nil, message, code
    end
    local seconds = options.speed == 0 and 1 or plan.facts.seconds / options.speed
    local job = ("return { plan = %q, speed = %q, touch = %q, sample = %d, interval = %q, rss_limit = %d }"):format(
        plan.path, options.speed + 0.0, options.touch, options.sample,
        options.interval or math.max(0.002, math.min(1, seconds / 1000)), rss_limit())
    return plan, job
end

--- The recorded settings without those of the agent and of the recording.
function replay_job.recorded_conf(recorded)
    local kept = {}
    for setting in recorded.conf:gmatch "[^,]+" do
        if not setting:find "^agent" and not setting:find "^record" then
            kept[#kept + 1] = setting
        end
    end
    return table.concat(kept, ",")
end

--- The script for child.run().
function replay_job.script()
    return package.searchpath("lunalloc.replay_child", package.path)
end

return replay_job
