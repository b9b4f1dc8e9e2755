--- Allocation workloads: described in Lua, run by threads in C (the engine is in lua/workload/).
---
---     w = la.workload{ threads = 2, duration = "10s", mix = { {size = "exp(100)", lifetime = "exp(1000)"} } }
---     print(w:run())                        -- to its end; Ctrl-C stops it
---     w:start()  print(w:status())  w:set{scale = 2}  print(w:stop())      -- in the background
---
--- Keys of the description:
---   threads   1 .. 512                      seed       the same seed and description: the same sequence of requests
---   duration  "10s" or "forever", or ops    ops        operations of all threads; one is an allocation and its effects
---   rate      operations per second of all threads, also if the allocator is slower; 0: as fast as possible; a curve
---             over time: "ramp(from,to,time)", "sine(mean,amplitude,period)", "square(low,high,period)",
---             "steps(time:value,...)", "points(time:value,...)", in which 0 is a pause (workload_curve.lua). With a
---             rate, result.response has times from the moment at which an operation was due until it was done
---   scale     as in a phase, from the start; also a curve
---   verify    true: checks contents, alignment, overlap and zeroing (and writes each block)
---   limits    { ["rss/live"] = 1.3, ["malloc.p99.9"] = "5us", ops_per_s = "1M",
---             failures = { at_most = 0, reason = "..." }, rss = { slope = true, at_most = "64K/s" } }:
---             see lunalloc/workload_limits.lua
---   allocator "process", the malloc of this process, which la.allocators() names (the default); "lunalloc": also if
---             it is only loaded beside that      sample     one call in this many is timed (16)
---   live_max  while more is live, new blocks are freed at once (default: half of the available memory)
---   interval  of the timeline
---   trace     in the place of mix, threads, seed, ops and rate: the path of a trace of Android's malloc, or
---             {file =, touch =, writes =, speed =}: each of its threads makes its calls, at their times if speed is
---             1 or more (lua/replay/text.h has the form). The engine is that of la.replay (lua/replay/plan.h): threads
---             are made and end where the trace says so; result.sizes_hash is over the trace and the calls made, by
---             kind and class of sizes; result.problem says why a trace ended early (no thread more)
---
--- Keys of each row of mix:
---   weight    how often, relative to the other rows
---   size      bytes: n, "64K", "uniform(a,b)", "exp(mean)", "normal(mean,deviation)", "lognormal(median,sigma,max)",
---             "pareto(least,alpha,max)", "zipf(n,s,step)", "histogram(path)": a file of lines "value count",
---             {[value] = weight}, "fleetbench(path)"
---   lifetime  later operations of the same thread: n, the same distributions, "fifo(n)", "forever"
---   joint     in the place of these two: { {weight =, size =, lifetime =}, ... }: drawn together; "histogram2d(path)":
---             a file of lines "size lifetime count"; "fleetbench(path)": see workload_import.lua
---   free_by   {other = 0.1}: any other thread frees that share; {thread = 2}: that thread does
---   touch     part of the block that is written (1)           writes  how many times (1)
---   realloc   share of the blocks that is resized, to a newly drawn size, in the middle of its life; or
---             {share =, times =, grow = 1.5}: so many times, by that factor
---   zero      share from calloc      align  from aligned_alloc      on  numbers of the threads that allocate it
---   sized     share freed with its size: free_sized, sdallocx or operator delete; result.sized_free names the form
---   batch     100: so many blocks that have ended are freed in one burst; {blocks =, order = "forward" | "reversed" |
---             "random"}
---
--- The engine decides some operations ahead and then makes their calls in a row. result.executing is the time of that,
--- with the writing of blocks; result.preparing that of the engine's decisions, and result.clocking that of the clock,
--- by which calls are timed: seconds of all threads. Without a rate, the load stands still in the last two, so
--- ops_per_s does not count them.
---
--- A phase is {at = "3s", scale =, rate =, set = {[control] = value}, mark = "text"}. scale multiplies the lifetimes of
--- blocks that are allocated from then on, and so the live memory. Quantities may be texts: see lunalloc/units.lua.

local core = require "lunalloc.core"
local apart = require "lunalloc.apart"
local check = require "lunalloc.check"
local running = require "lunalloc.running"
local units = require "lunalloc.units"
local spec = require "lunalloc.workload_spec"
local import = require "lunalloc.workload_import"
local limits = require "lunalloc.workload_limits"
local spans = require "lunalloc.workload_spans"
local report = require "lunalloc.workload_report"

local Workload = { __name = "lunalloc.workload" }
Workload.__index = Workload

-- C waits in slices of so many seconds. Between them Lua code runs, and with it the hook that Ctrl-C sets.
local SLICE <const> = 0.05

--- Calls f(...). If it raises, raises the same with the position of the user's call.
local function at_caller(f, ...)
    local results = table.pack(pcall(f, ...))
    if not results[1] then
        error(results[2], 3)
    end
    return table.unpack(results, 2, results.n)
end

--- Starts the threads and returns the workload; nil, message, code if it is running or the system refuses.
function Workload:start()
    check.self(self, Workload, "workload:start")
    local ok, message, code = self.run_.start(self.run_)
    if not ok then
        return nil, message, code
    end
    self.started = true
    running.add(self)
    return self
end

--- Waits until it is over, or for `time` (seconds, or "100ms"); true if it is over. Ctrl-C interrupts it.
function Workload:wait(time)
    check.self(self, Workload, "workload:wait")
    local ns = units.time(time)
    check.that(time == nil or ns or math.type(time) and time > 0, "workload:wait", 1,
        ("a time expected: %s; got %s"):format(units.ACCEPTED.time, check.shown(time)))
    if not self.started then
        return nil, "the workload was not started", "EINVAL"
    end
    local left = ns and ns / 1e9 or math.huge
    while not self.run_:wait(math.max(0, math.min(SLICE, left))) do
        left = left - SLICE
        if left <= 0 then
            return false
        end
    end
    return true
end

--- Stops it if it runs, and joins its threads; for errors that leave a run.
local function abort(self)
    if self.started then
        self.run_:stop()
        self.run_:wait(1e9)
    end
end

--- Runs it to its end and returns the result. An error meanwhile (Ctrl-C) stops the threads, then propagates.
function Workload:run()
    check.self(self, Workload, "workload:run")
    local ran = false
    local guard <close> = setmetatable({}, { __close = function(_, problem)
        if problem ~= nil and ran then
            abort(self)
        end
    end })
    local ok, message, code = self:start()
    if not ok then
        return nil, message, code
    end
    ran = true
    self:wait()
    return self:result()
end

--- Ends it now, waits until all its memory is freed, and returns the result.
function Workload:stop()
    check.self(self, Workload, "workload:stop")
    if not self.started then
        return nil, "the workload was not started", "EINVAL"
    end
    self.run_:stop()
    self:wait()
    return self:result()
end

--- Changes it while it runs: scale, rate, set, mark, as in a phase. True, or nil, message, code.
function Workload:set(changes)
    check.self(self, Workload, "workload:set")
    check.table(changes, "workload:set", 1, "a table of changes")
    local change = at_caller(spec.change, changes, self.allocator)
    if not self.started then
        return nil, "the workload was not started", "EINVAL"
    end
    return self.run_:change(change)
end

--- Its state now: state ("idle", "running", "freeing", "done"), elapsed, ops, ops_per_s, live, blocks, rss, ...
function Workload:status()
    check.self(self, Workload, "workload:status")
    return report.status(self.run_:status() or { state = "idle" })
end

--- Memory over time so far: array of {t, rss, live, ops, allocated, active, dirty, muzzy, retained, fragmentation,
--- mark}.
function Workload:timeline()
    check.self(self, Workload, "workload:timeline")
    return self.run_:timeline()
end

local function marks_of(timeline)
    local marks = {}
    for _, entry in ipairs(timeline) do
        if entry.mark then
            marks[#marks + 1] = { t = entry.t, mark = entry.mark }
        end
    end
    return marks
end

--- The result of the run; nil, message, code before its end.
function Workload:result()
    check.self(self, Workload, "workload:result")
    if not self.started then
        return nil, "the workload was not started", "EAGAIN"
    end
    local result, message, code = self.run_:result()
    if not result then
        return nil, message, code
    end
    for key, value in pairs(self.run_:info()) do
        result[key] = value
    end
    result.seed, result.sample, result.live_max = self.canonical.seed, self.canonical.sample, self.canonical.live_max
    result.timeline = self:timeline()
    result.marks = marks_of(result.timeline)
    spans.complete(result, self.run_, self.canonical.phases)
    limits.judge(result, self.limits)
    return report.result(result)
end

--- Facts that need no run: plan_hash, expected_live (bytes), threads, producers, allocator, sized_free (the form).
function Workload:info()
    check.self(self, Workload, "workload:info")
    return self.run_:info()
end

Workload.__call = Workload.run
Workload.__close = abort

function Workload:__tostring()
    return report.workload(self.run_:info(), self:status())
end

--- The arena of this Lua state, if it has one of its own (la.adopt): its memory is none of the workload's.
local function arena_apart()
    local meter = core.meter()
    return meter and meter:stats().arena or nil
end

--- Makes a workload of a description. A wrong description raises; nil, message, code if a file is missing or wrong, or
--- memory is missing.
local function create(_, description)
    local canonical, allocator, bounds = at_caller(import.guarded, spec.compile, description)
    if not canonical then
        return nil, allocator, bounds
    end
    apart.begin()
    canonical.apart = arena_apart()
    local run, message, code = core.workload.create(canonical, allocator)
    if not run and code == "EINVAL" then
        error("workload: " .. message, 2)
    elseif not run then
        return nil, message, code == "EBADMSG" and "EINVAL" or code -- of a file that is wrong
    end
    local self = { run_ = run, canonical = canonical, allocator = allocator, limits = bounds, started = false }
    return setmetatable(self, Workload)
end

local workload = {}

--- A description of the load that a file of another program tells of, for la.workload; nil, message, code if the file
--- is missing or wrong.
function workload.import(path, options)
    check.text(path, "la.workload.import", 1, "the path of a file")
    local description, message, code = at_caller(import.guarded, import.describe, path, options) -- no tail call
    return description, message, code
end

return setmetatable(workload, { __call = create })
