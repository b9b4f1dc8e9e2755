--- One run of what is tuned: a command with the library preloaded and settings in its environment. It runs as it is, in
--- the caller's folder, with an empty standard input; its output is kept away from the terminal.
---
---     local job = trial.command{ argv = {"sh", "load.sh"}, measure = "redis-server", library = path, ... }
---     local ok, warning = job.warm_up()                -- a first run
---     local figures, why = job.run("dirty_max:4M")     -- figures, or nil and why the run does not count
---
--- Figures of a run: time, cpu (seconds), rss (bytes; which of the next ones it is: job.rss), peak, mean, settled, and
--- p99 if the command tells it.
---
---   peak      of the sum of the resident memory of the command and all that it has started, sampled every few
---             milliseconds; but at least the largest peak of one process, as the kernel knows it
---   mean      of the same sum over the run
---   settled   its median in the last `settle` seconds before the measured processes end
---   measure = NAME   only processes of that name count, in memory and processor time
---
--- A command may tell figures of its own, by lines "time 1.25" or "p99 0.0004" (seconds) that it writes to the file
--- that LUNALLOC_FIGURES names. A time that it tells replaces that of the whole run: so waiting and loading are left
--- out.

local core = require "lunalloc.core"
local child = require "lunalloc.child"
local statistics = require "lunalloc.compare_statistics"

local trial = {}

local SLOW <const>, FAST <const> = 0.02, 0.002 -- seconds between samples; the start of a run is watched more closely
local CLOSE <const> = 0.25                     -- seconds that are the start
local MOST <const> = 16 << 20                  -- bytes of output that are compared, and of messages that are kept
local FIGURES <const> = { time = true, p99 = true }

-- ---- following a run -----------------------------------------------------------------------------------------------

--- Keeps the start of a stream, and its length.
local function append(stream, piece)
    if piece then
        stream.size = stream.size + #piece
        if stream.kept < MOST then
            stream[#stream + 1] = piece
            stream.kept = stream.kept + #piece
        end
    end
end

local function new_stream()
    return { size = 0, kept = 0 }
end

--- Takes a sample of the processes, if it is time for one.
local function sample(seen, pid, name, now)
    local every = now - seen.started < CLOSE and FAST or SLOW
    if not pid or now < seen.next then
        return
    end
    local rss, peak, cpu, n = core.tree(pid, name)
    seen.next = core.child.clock() + every
    if n > 0 and rss > 0 then
        seen.times[#seen.times + 1], seen.rss[#seen.rss + 1] = now, rss
        seen.peak, seen.cpu = math.max(seen.peak, peak, rss), math.max(seen.cpu, cpu)
    end
end

--- Follows a process until it ends, or `timeout` seconds are over: what was seen.
local function follow(process, name, timeout)
    local now = core.child.clock()
    local seen = { started = now, next = now, times = {}, rss = {}, peak = 0, cpu = 0.0, out = new_stream(),
        err = new_stream(), told = new_stream() }
    repeat
        local wait = math.max(0.001, math.min(SLOW, seen.next - now))
        local over, out, err, told = process:step(wait)
        append(seen.out, out)
        append(seen.err, err)
        append(seen.told, told)
        now = core.child.clock()
        seen.over, seen.late = over, now - seen.started > timeout
        sample(seen, process:pid(), name, now)
    until over or seen.late
    return seen
end

-- ---- figures -------------------------------------------------------------------------------------------------------

local function mean_of(seen)
    local times, sum = seen.times, 0.0
    for i = 2, #times do
        sum = sum + (times[i] - times[i - 1]) * (seen.rss[i] + seen.rss[i - 1]) / 2
    end
    return #times > 1 and sum / (times[#times] - times[1]) or seen.rss[1]
end

local function settled_of(seen, settle)
    local last, list = seen.times[#seen.times], {}
    for i, time in ipairs(seen.times) do
        if last - time <= settle then
            list[#list + 1] = seen.rss[i]
        end
    end
    return #list > 0 and statistics.median(list) or nil
end

--- What the command told: name -> number.
local function told_by(seen)
    local told = {}
    for name, value in (table.concat(seen.told)):gmatch "(%w+)%s+(%S+)[^\n]*" do
        told[name] = FIGURES[name] and tonumber(value) or told[name]
    end
    return told
end

local function figures_of(job, seen, done, floor)
    local told, whole = told_by(seen), (done.user or 0) + (done.system or 0)
    local peak = child.peak_of(not job.measure and done.max_rss, floor, seen.peak)
    local figures = { seconds = done.seconds, cpu = job.measure and seen.cpu or whole, p99 = told.p99,
        peak = peak > 0 and peak or nil, mean = mean_of(seen), settled = job.settle and settled_of(seen, job.settle) }
    figures.time = job.clock == "cpu" and figures.cpu or told.time or done.seconds
    figures.rss = figures[job.rss]
    return figures
end

-- ---- what does not count -------------------------------------------------------------------------------------------

local function last_line(stream)
    return table.concat(stream):sub(-4096):match "([^\n]*%S[^\n]*)%s*$"
end

local function ending(done)
    return done.signal and ("it ended by signal %d (%s)"):format(done.signal, done.reason)
        or ("exit status %s"):format(done.status)
end

--- Compares with the first run, which is one of the default: nil, or what is different.
local function difference(job, seen)
    local out = table.concat(seen.out)
    if not job.first then
        job.first = { out = out, size = seen.out.size }
    elseif job.same_output and (out ~= job.first.out or seen.out.size ~= job.first.size) then
        return "its output is not that of the defaults"
    end
end

--- Why the run does not count; nil if it does.
local function problem_of(job, seen, done)
    local complaint = table.concat(seen.err):match "^lunalloc: ([^\n]*)"
    if seen.late then
        return ("no end within %.3g s"):format(job.timeout)
    elseif complaint and job.conf_is_new then
        return "refused: " .. complaint
    elseif done.signal or done.status ~= 0 then
        local said = last_line(seen.err)
        return ending(done) .. (said and ": " .. said or "")
    elseif #seen.rss == 0 and job.measure then
        return ("no process '%s' was seen"):format(job.measure)
    end
    return difference(job, seen)
end

-- ---- the job -------------------------------------------------------------------------------------------------------

--- Those of the texts that are not empty, with the separator between them.
local function joined(separator, ...)
    local parts = {}
    for _, part in ipairs { ... } do
        parts[#parts + 1] = part ~= "" and part or nil
    end
    return table.concat(parts, separator)
end

local function environment(job, conf)
    return { LD_PRELOAD = joined(":", job.library, os.getenv "LD_PRELOAD" or ""), LUNALLOC_FIGURES = "/dev/fd/3",
        LUNALLOC_CONF = joined(",", os.getenv "LUNALLOC_CONF" or "", conf) }
end

--- Runs the command: what was seen, and how it ended; nil, message, code if it cannot be started.
local function start(job, conf)
    local process, message, code = core.child.spawn(job.argv, environment(job, conf))
    if not process then
        return nil, message, code
    end
    local guard <close> = process
    local _ <close> = job.watch and job.watch(process:pid())
    local seen = follow(process, job.measure, job.timeout)
    process:kill()
    return seen, process:finish()
end

--- A command. options: argv (array of texts), library (path), timeout (seconds), and perhaps measure (name), settle
--- (seconds), clock ("wall" or "cpu"), same_output, rss ("peak", "mean" or "settled").
function trial.command(options)
    local job = { argv = options.argv, library = options.library, timeout = options.timeout, measure = options.measure,
        settle = options.settle, clock = options.clock, same_output = options.same_output,
        rss = options.rss or options.settle and "settled" or "peak" }

    --- One run: figures; nil and why it does not count.
    function job.run(conf)
        local floor = child.own_peak()
        local seen, done, code = start(job, conf)
        if not seen then
            return nil, done, code
        end
        job.conf_is_new = conf ~= ""
        local problem = problem_of(job, seen, done)
        if problem then
            return nil, problem
        end
        return figures_of(job, seen, done, floor)
    end

    --- A first run with the defaults, which does not count: it warms the file cache. True and nothing, or a warning if
    --- the library is not in it: then it does not complain of an option that does not exist. False and why it fails.
    function job.warm_up()
        local seen, done = start(job, "tune_warm_up:1")
        if not seen then
            return false, done
        end
        job.conf_is_new = false
        local problem = problem_of(job, seen, done)
        local loaded = table.concat(seen.err):find("tune_warm_up", 1, true)
        return not problem, problem or not loaded and "no process of the command says that it runs on the " ..
            "allocator: is it statically linked, or does it gain rights?" or nil
    end

    --- The messages of a run, for what the allocator reports at the end.
    function job.messages(conf)
        local seen = start(job, conf)
        return seen and table.concat(seen.err) or ""
    end

    return job
end

return trial
