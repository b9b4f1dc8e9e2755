--- Replays a recorded trace on any malloc, or with any settings of this one, in a process of its own.
---
---     print(la.replay{ trace = "redis.trace", allocator = "jemalloc" })
---     la.replay{ trace = "redis.trace", conf = "narenas:1", speed = "max" }
---
--- The recorded threads make the recorded calls: kinds, sizes, alignments, order, and frees by other threads. The result
--- has the fields of a workload's: ops, seconds, latency, peak_rss, timeline; and .fidelity, which says how far it is
--- like the recording (replay_fidelity.lua). The method is in lua/replay/plan.h.
---
--- Without conf, lunalloc has the settings that were recorded. Of a malloc whose memory is compared with the recording's,
--- growth is compared: the peak less what was resident at the start.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local child = require "lunalloc.child"
local fidelity = require "lunalloc.replay_fidelity"
local plans = require "lunalloc.replay_plan"
local report = require "lunalloc.replay_report"
local units = require "lunalloc.units"
local variants = require "lunalloc.compare_variants"

local shown = check.shown

local replay = {}

local MOST_LOST <const> = 0.001 -- share of the events
local LEAST_TIMEOUT <const> = 3600 -- seconds

local KEYS <const> = { trace = true, allocator = true, conf = true, env = true, speed = true, lossy = true, touch = true,
    sample = true, interval = true, timeout = true, on_progress = true }
local TOUCHES <const> = { pages = true, all = true, none = true }

local function fail(format, ...)
    error("replay: " .. format:format(...), 0)
end

-- ---- options -------------------------------------------------------------------------------------------------------

local function read_speed(value)
    if value == nil or value == "real" then
        return 1
    elseif value == "max" then
        return 0
    end
    local number = tonumber(value)
    return number and number > 0 and number <= 1e6 and number
        or fail("speed = %s: \"real\", \"max\", or how many times as fast, expected", shown(value))
end

local function read_time(value, name, default)
    if value == nil then
        return default
    end
    local ns = units.time(value)
    return ns and ns > 0 and ns / 1e9 or fail("%s = %s: a time above 0 expected: %s", name, shown(value),
        units.ACCEPTED.time)
end

--- The library's path, if the allocator is one.
local function variant_of(options)
    local name = options.allocator
    if name ~= nil and type(name) ~= "string" then
        fail("allocator = %s: the name of one, or the path of its library, expected", shown(name))
    elseif options.conf ~= nil and name ~= nil and name ~= "lunalloc" then
        fail("conf: settings are lunalloc's; the allocator is %s (env sets variables for others)", shown(name))
    end
    local path = name and name:find("/", 1, true) and name or nil
    return { allocator = not path and (name or "lunalloc") or nil, preload = path, conf = options.conf,
        env = options.env, name = name or "lunalloc" }
end

local function check_options(options)
    for key in pairs(options) do
        if not KEYS[key] then
            fail("unknown key %s; allowed: %s", shown(key), table.concat(check.names(KEYS), ", "))
        end
    end
    if type(options.trace) ~= "string" or options.trace:find("\0", 1, true) then
        fail("trace = %s: the path of a trace expected", shown(options.trace))
    elseif options.touch ~= nil and not TOUCHES[options.touch] then
        fail("touch = %s: \"pages\", \"all\" or \"none\" expected", shown(options.touch))
    elseif options.lossy ~= nil and type(options.lossy) ~= "boolean" then
        fail("lossy = %s: true or false expected", shown(options.lossy))
    elseif options.on_progress ~= nil and type(options.on_progress) ~= "function" then
        fail("on_progress = %s: a function expected", shown(options.on_progress))
    end
end

local function read_sample(value)
    local n = units.count(value == nil and 16 or value)
    return n and n >= 1 and n <= 1e9 and n or fail("sample = %s: a whole number from 1 expected", shown(value))
end

--- The options with their defaults; raises one line for a mistake.
local function read_options(options)
    check_options(options)
    return { trace = options.trace, speed = read_speed(options.speed), touch = options.touch or "pages",
        lossy = options.lossy, sample = read_sample(options.sample),
        interval = read_time(options.interval, "interval", nil), timeout = read_time(options.timeout, "timeout", nil),
        on_progress = options.on_progress }
end

-- ---- the job -------------------------------------------------------------------------------------------------------

--- Nine tenths of the available memory, at which a replay gives up: a trace may ask for more than this machine has.
local function rss_limit()
    local file <close> = io.open "/proc/meminfo"
    local kib = file and file:read("a"):match "MemAvailable:%s*(%d+)"
    return kib and math.tointeger(kib) * 1024 // 10 * 9 or 0
end

--- What the trace lost, if that is too much: nil, message, code.
local function check_lost(plan, lossy)
    local lost = math.max(plan.facts.lost, plan.recorded.lost)
    local share = lost / math.max(1, lost + plan.facts.events)
    if share > MOST_LOST and not lossy then
        return nil, ("%d events of the trace were lost (%.2g %%, above 0.1 %%): a replay would not be like the " ..
            "program; lossy = true replays the rest"):format(lost, 100 * share), "ENODATA"
    elseif plan.facts.calls == 0 then
        return nil, plan.recorded.mode == "pages" and
            "the trace has pages only: la.pages replays it" or "the trace has no call", "EINVAL"
    end
    return true
end

--- For la.compare and la.tune: compiles the trace of the options once. Returns the plan, to be closed, and the job for
--- each child: Lua text that makes the table which replay_child.lua reads. nil, message, code if it cannot be replayed.
function replay.prepare(options)
    local plan, message, code = plans.make(options.trace, options.on_progress and function(share)
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
function replay.recorded_conf(recorded)
    local kept = {}
    for setting in recorded.conf:gmatch "[^,]+" do
        if not setting:find "^agent" and not setting:find "^record" then
            kept[#kept + 1] = setting
        end
    end
    return table.concat(kept, ",")
end

-- ---- a run ---------------------------------------------------------------------------------------------------------

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
local function run(plan, job, options, variant, interpreter)
    local most = options.speed == 0 and LEAST_TIMEOUT or
        math.max(LEAST_TIMEOUT, 4 * plan.facts.seconds / options.speed)
    local done, message, code = child.run {
        script = package.searchpath("lunalloc.replay_child", package.path), interpreter = interpreter, input = job,
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
    local plan, job
    plan, job, code = replay.prepare(options)
    if not plan then
        return nil, job, code
    end
    local guard <close> = plan
    if variant.allocator == "lunalloc" and variant.conf == nil then
        variant.conf = replay.recorded_conf(plan.recorded)
    end
    return run(plan, job, options, variant, interpreter)
end

--- What is asked for; raises one line for a mistake.
local function read(options)
    local wanted = read_options(options)
    return wanted, variants.checked(variant_of(options))
end

return setmetatable(replay, {
    --- Runs the replay. nil, message, code if the trace or the allocator is missing, or the child fails; a mistake in
    --- the options raises.
    __call = function(_, options)
        check.table(options, "replay", 1, "a table of options")
        local ok, wanted, variant = pcall(read, check.plain(options))
        if not ok then
            error((tostring(wanted):gsub("^compare: ", "replay: ")), 2)
        end
        local result, message, code = replay_once(wanted, variant) -- no tail call: the error has the caller's line
        return result, message, code
    end,
})
