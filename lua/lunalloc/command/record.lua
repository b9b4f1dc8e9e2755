--- lunalloc record: what a running process asks of malloc, as a trace.

local command = require "lunalloc.command"
local units = require "lunalloc.units"

local USAGE <const> = [[
record TARGET [-o FILE] [--for TIME] [--mode MODE] [--max-size SIZE]

Records each call of the process's threads for memory, with sizes, addresses, threads and times, until Ctrl-C, until
the time is over, or until the process ends. The process is never stopped, and never waits: what comes too fast is
lost, counted, and told at the end. A TARGET is a pid, or the name of a process. lunalloc run --record records a
program from its first call.

  -o FILE          the trace; NAME.PID.lnt if it is left out; "-" is the standard output
  --for TIME       how long: 30s
  --mode MODE      full (default): each call; classes: sums by size class and thread, with lifetimes, in a file that
                   does not grow with time; stacks: what each stack allocates, by the profiler's samples; pages: only
                   extents, for replaying decay and retention
  --max-size SIZE  ends the recording when the file has so many bytes: 1G
  --rings N        so many threads at once can be recorded (64)
  --ring-size N    most bytes of each thread's ring, a power of two (4M); larger ones lose less. A ring begins with
                   a quarter of that, and grows when it fills

lunalloc trace FILE shows what is in it; lunalloc replay FILE replays it on any malloc.]]

local record = {}

--- Shows on a terminal how far it is; nil elsewhere.
local function progress()
    local console = require "lunalloc.console"
    return console.colour and function(text)
        io.stdout:write("\r", text:sub(1, console.width() - 1), "\27[K"):flush()
    end
end

--- Waits to the end, with a line that tells how far it is. Ctrl-C ends the waiting, and with it the recording.
function record.follow(recording, quiet)
    local show = not quiet and progress()
    local ok, problem = pcall(function()
        while not recording:wait(0.5) do
            if show then
                show(require("lunalloc.record").line(recording:status()))
            end
        end
    end)
    if show then
        show ""
    end
    if not ok and not tostring(problem):find("interrupted!", 1, true) then
        error(problem, 0)
    end
end

--- What was lost, as a clause.
local function loss(result)
    if result.lost == 0 then
        return "nothing lost"
    end
    return ("%s lost (%.2g %%): larger rings lose less (--ring-size)"):format(units.human_count(result.lost),
        100 * result.lost / (result.events + result.lost))
end

--- Ends the recording, and tells on `out` what there is.
function record.finish(recording, out)
    local result = command.try(recording:stop())
    if result.stacks then
        out:write(("%s: %d stacks in %.1f s, %s allocated in about %s blocks, %s\n"):format(result.path, result.stacks,
            result.seconds, units.human(result.allocated), units.human_count(result.allocations),
            units.human(result.bytes)))
        return result
    end
    local per_event = result.events > 0 and (" (%.1f bytes an event)"):format(result.bytes / result.events) or ""
    out:write(("%s: %s events of %d thread%s in %.1f s, %s%s, %s\n"):format(result.path,
        units.human_count(result.events), result.threads, result.threads == 1 and "" or "s", result.seconds,
        units.human(result.bytes), per_event, loss(result)))
    if result.refused then
        out:write("lunalloc: the system had no memory for larger rings\n")
    end
    if result.broken > 0 then
        out:write(("lunalloc: %d ring%s of the process had bytes that are no events\n"):format(result.broken,
            result.broken == 1 and "" or "s"))
    end
    return result
end

--- The options of a recording, as t.record takes them.
record.SPEC = { o = "text", ["for"] = "time", mode = "text", ["max-size"] = "size", rings = "count",
    ["ring-size"] = "size" }

local MODES <const> = { full = true, classes = true, stacks = true, pages = true }

function record.options(given, path)
    if given.mode and not MODES[given.mode] then
        command.misuse("%s: --mode is full, classes, stacks or pages, not '%s'", command.running, given.mode)
    end
    return { path = path, duration = given["for"], mode = given.mode, max_size = given["max-size"],
        rings = given.rings, ring_size = given["ring-size"] }
end

-- ---- a program from its start --------------------------------------------------------------------------------------

--- The options of a recorder of the core; ends the command if one is wrong.
local function checked(given, path)
    local ok, options = pcall(require("lunalloc.record").options, record.options(given, path))
    if not ok then
        command.misuse("%s", (tostring(options):gsub("^[^:]*:%d+: ", "")))
    end
    return options
end

--- The recording of the child, once its agent answers, knows whom to ask for counters.
local function connect(recording, pid)
    local t = require("lunalloc").attach(pid, { way = "agent", wait = "50ms" })
    if t then
        require("lunalloc.record").ask(recording, t)
    end
    return t
end

--- Waits until the program has ended. The recording may end before that.
local function attend(exec, recording, pid)
    local turns, t, over = 0, nil, false
    while true do
        local status, signal, peak = exec.wait()
        if status then
            return status, signal, peak
        end
        turns = turns + 1
        if not over and recording:wait(0.05) then
            over = true
            require("lunalloc.record").release(recording)
        elseif over then
            command.sleep(0.05)
        elseif not t and turns % 5 == 0 and turns <= 50 and recording:status().state == "recording" then
            t = connect(recording, pid)
        end
    end
end

--- Starts the program with these settings; its pid.
local function spawn(exec, path, words, conf, recorder)
    exec.setenv("LUNALLOC_CONF", conf)
    local pid, message = exec.spawn(path, words)
    if not pid then
        recorder:discard()
        command.stop("%s", message)
    end
    return pid
end

--- What the file tells of the program.
local function describe(recorder, pid, words, conf, mode)
    require("lunalloc.record").describe(recorder, { pid = pid, name = words[1]:match "[^/]*$",
        version = require("lunalloc.core").version, conf = conf, mode = mode,
        page = require("lunalloc").get "arenas.page" or nil, start = "exec" })
end

--- Waits until the program has ended, and reads its stacks from time to time, in case that it is killed.
local function attend_stacks(exec, recorder, pid)
    local turns, t = 0, nil
    recorder.take = function() return t and t.prof.stacks() end
    while true do
        local status = exec.wait()
        if status then
            return status
        end
        turns = turns + 1
        if recorder:wait(0.05) then -- the agent does not answer any more
            command.sleep(0.05)
        elseif t then
            recorder:statistics()
        elseif turns % 5 == 0 and turns <= 50 then
            t = require("lunalloc").attach(pid, { way = "agent", wait = "50ms" })
        end
    end
end

--- Runs the program with its stacks recorded; its exit status.
local function run_stacks(exec, options, path, words, conf)
    if options.duration or options.max_size then
        command.misuse "run: --mode stacks is of the whole run: --for and --max-size do not go with it"
    end
    local profile <close> = require("lunalloc.record_exit").profile()
    local recorder = command.try(require("lunalloc.record_stacks").of(nil, options))
    local pid = spawn(exec, path, words, conf .. profile:conf(), recorder)
    describe(recorder, pid, words, conf, "stacks")
    recorder:start()
    local status = attend_stacks(exec, recorder, pid)
    recorder:tick()
    recorder.state, recorder.take = "the target ended", function() return profile:rows(pid) end
    local whole, why = recorder:read()
    if not whole then
        io.stderr:write(("lunalloc: run: %s; what was read while it ran is kept\n"):format(why))
    end
    record.finish(require("lunalloc.record").new(recorder, nil, options.path), io.stderr)
    return status
end

--- Runs the program with its calls recorded; its exit status.
function record.run(exec, given, path, words, conf)
    local core, recordings = require "lunalloc.core", require "lunalloc.record"
    local options = checked(given, given.record)
    if options.mode == "stacks" then
        return run_stacks(exec, options, path, words, conf)
    end
    local recorder = command.try(core.trace.record(options))
    local floor = require("lunalloc.child").own_peak()
    local pid = spawn(exec, path, words, conf .. ",record:" .. recorder:area(), recorder)
    describe(recorder, pid, words, conf, options.mode or "full")
    command.try(recorder:start(pid))
    local recording = recordings.new(recorder, nil, options.path)
    local status, _, peak = attend(exec, recording, pid)
    if peak and peak > floor then -- up to there it is inherited from this process
        recorder:highest(peak)
    end
    local result = record.finish(recording, io.stderr)
    if result.threads == 0 then
        io.stderr:write("lunalloc: run: nothing was recorded: the program did not take the allocator\n")
    end
    return status
end

local function run(args)
    local given, words = command.options(args, record.SPEC)
    command.no_more(words, 1)
    local t <close> = command.target(words[1])
    local path = given.o or ("%s.%d.lnt"):format(tostring(t.name):gsub("[^%w._-]", "_"), t.pid or 0)
    local ok, recording, message = pcall(t.record, record.options(given, path))
    if not ok then
        command.misuse("%s", (tostring(recording):gsub("^[^:]*:%d+: ", "")))
    elseif not recording then
        command.stop("%s", message)
    end
    record.follow(recording, path == "-")
    record.finish(recording, path == "-" and io.stderr or io.stdout)
end

return { summary = "what a process asks of malloc, as a trace", usage = USAGE, run = run, shared = record }
