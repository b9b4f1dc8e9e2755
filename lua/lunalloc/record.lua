--- Recordings: what a process asks of malloc goes into a trace file while it runs.
---
---     local r = assert(t.record{ path = "redis.lnt", duration = "30s" })
---     r:wait()                                   Ctrl-C interrupts the waiting, not the recording
---     print(r:status().events, r:stop().lost)
---
--- The process writes into memory that it shares with this one, and never waits; a thread here moves the events from
--- there into the file. Events that come too fast are lost, counted, and told. The file is whole once stop() has
--- returned; until then it is beside its name (NAME.PID.tmp), and can be read up to where it is.
---
--- Options: path; mode = "full" (each call), "classes" (sums by size class and thread: the file does not grow with
--- time), "stacks" (what each stack has allocated, by the profiler) or "pages" (extents, for replaying decay);
--- duration; max_size of the file; rings, ring_size: the shared memory, of which each thread has a ring.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local host = require "lunalloc.host"
local units = require "lunalloc.units"

local record = {}

local Recording = { __name = "lunalloc.recording" }
Recording.__index = Recording

-- Recording -> { recorder =, target = of the core or nil, path = }
local private = setmetatable({}, { __mode = "k" })

local SLICE <const> = 0.05      -- seconds between two chances for Ctrl-C
local STATISTICS <const> = 0.2  -- seconds between two questions to the target
local MOST_LATE <const> = 5     -- so many answers in a row whose time is vague are passed over
local MODES <const> = { full = true, pages = true, classes = true, stacks = true }

-- ---- options -------------------------------------------------------------------------------------------------------

local function wrong(key, what, value)
    error(("record: %s is %s, not %s"):format(key, what, check.shown(value)), 4)
end

local readers = {}

function readers.path(value)
    if type(value) ~= "string" or value == "" or value:find "%z" then
        wrong("path", "the path of the file to write", value)
    end
    return "path", value
end

function readers.mode(value)
    return "mode", MODES[value] and value or wrong("mode", '"full", "classes", "stacks" or "pages"', value)
end

function readers.duration(value)
    local ns = units.time(value)
    return "duration", ns and ns > 0 and ns or wrong("duration", units.ACCEPTED.time .. ", above 0", value)
end

function readers.max_size(value)
    local size = units.size(value)
    return "max_size", size and size > 0 and size or wrong("max_size", units.ACCEPTED.bytes .. ", above 0", value)
end

function readers.rings(value)
    return "rings", math.type(value) == "integer" and value >= 1 and value <= 1024 and value
        or wrong("rings", "a whole number from 1 to 1024", value)
end

--- A power of two.
function readers.ring_size(value)
    local size = units.size(value)
    for lg = 12, 26 do
        if size == 1 << lg then
            return "lg_ring", lg
        end
    end
    wrong("ring_size", 'a power of two from "4K" to "64M"', value)
end

--- The options as the core takes them; raises at the caller of the public function.
function record.options(options)
    local result = {}
    for key, value in pairs(options) do
        if not readers[key] then
            error(("record: no option %s (there are: %s)"):format(check.shown(key),
                table.concat(check.names(readers), ", ")), 3)
        end
        local name, read = readers[key](value)
        result[name] = read
    end
    if not result.path then
        error("record: path is missing: the file to write", 3)
    end
    return result
end

-- The functions of a target -> the core's target.
local targets = setmetatable({}, { __mode = "k" })

--- The core's target of what la.attach returns.
function record.target_of(t)
    return targets[t]
end

-- ---- recordings ----------------------------------------------------------------------------------------------------

local function inside(self, call)
    local of = private[self]
    if not of then
        error(("calling '%s' on bad self (recording expected, got %s): it is called with a colon"):format(call,
            type(self)), 3)
    end
    return of
end

--- A recording of a recorder that has been started; `target`: of the core, or nil if nobody can ask it.
function record.new(recorder, target, path)
    local self = setmetatable({}, Recording)
    private[self] = { recorder = recorder, target = target, path = path, late = 0 }
    return self
end

--- The texts of the file that say what was recorded; `facts` { [key] = value }.
function record.describe(recorder, facts)
    facts.started = os.time()
    for key, value in pairs(facts) do
        recorder:meta(key, tostring(value))
    end
end

local function own_name()
    local file <close> = host.io.open "/proc/self/comm"
    return file and file:read "l"
end

--- What a target says of itself, for the file.
function record.facts(t)
    return { pid = t.pid or core.child.identity(), name = t.name or own_name(), version = t.get "version" or nil,
        conf = t.conf() or nil, page = t.get "arenas.page" or nil }
end

--- Asks the target for its counters, unless it cannot be asked.
local function ask(of)
    local told
    if of.target then
        told = of.recorder:statistics(of.target, of.late >= MOST_LATE)
        of.late = told and 0 or of.late + 1
    end
    if told == nil then
        of.target = nil
    end
end

--- Waits until it is over, or for `time` (seconds, or "100ms"); true if it is over.
function Recording:wait(time)
    local of = inside(self, "recording:wait")
    local ns = time == nil and math.maxinteger or units.time(time)
    check.that(ns, "recording:wait", 1, ("a time expected: %s; got %s"):format(units.ACCEPTED.time, check.shown(time)))
    local left, since = ns / 1e9, STATISTICS
    while of.recorder and not of.recorder:wait(math.max(0, math.min(SLICE, left))) do
        left, since = left - SLICE, since + SLICE
        if left <= 0 then
            return false
        elseif since >= STATISTICS then
            ask(of)
            since = 0
        end
    end
    return true
end

--- From now on the counters of the attached process go into the file, too.
function record.ask(self, t)
    private[self].target, private[self].attached = targets[t], t
end

--- The process is not to record any more, though the recording is not stopped yet.
function record.release(self)
    local of = private[self]
    if of.attached then
        of.attached.set("record.active", false)
    end
end

--- How far it is: state, events, lost, bytes, threads, seconds, rss, peak_rss, fullest.
function Recording:status()
    local of = inside(self, "recording:status")
    return of.recorder and of.recorder:status() or of.result
end

--- Ends the file. If Lua's memory runs out meanwhile, that is the failure which later calls tell.
local function finish(of, recorder)
    local failure = { "memory ran out while the recording ended", "ENOMEM" }
    local result = { state = "failed", path = of.path }
    of.recorder, of.result, of.failure = nil, result, failure
    local last, message, code = recorder:close()
    if last then
        last.path = of.path
        of.result, of.failure = last, nil
    else
        failure[1], failure[2] = message, code
    end
end

--- Ends the recording and the file. Returns the last status; nil, message, code if the file could not be written.
function Recording:stop()
    local of = inside(self, "recording:stop")
    if of.recorder then
        local recorder = of.recorder
        recorder:stop()
        ask(of)
        if of.target and not of.attached then
            recorder:finish(of.target)
        elseif of.attached then
            record.release(self)
        end
        finish(of, recorder)
    end
    if of.failure then
        return nil, of.failure[1], of.failure[2]
    end
    return of.result
end

Recording.__close = Recording.stop
Recording.__gc = Recording.stop

function Recording:__tostring()
    local of = private[self]
    local s = of.recorder and of.recorder:status() or of.result
    return ("recording %s: %s"):format(check.shown(of.path), record.line(s))
end

--- "recording: 12.3 M events (4.1 M/s) of 5 threads in 3.0 s, 74.2 MiB, 0 lost"
function record.line(s)
    if not s.events then
        return s.state
    end
    local rate = s.seconds > 0 and s.events / s.seconds or 0
    return ("%s: %s events (%s/s) of %d thread%s in %.1f s, %s, %s lost"):format(s.state,
        units.human_count(s.events), units.human_count(rate), s.threads, s.threads == 1 and "" or "s", s.seconds,
        units.human(s.bytes), units.human_count(s.lost))
end

-- ---- the beginning -------------------------------------------------------------------------------------------------

-- What has been done so far of a recording that begins; made before any of it, so that nothing is left behind when
-- Lua's memory runs out in between.
local Beginning = {}

function Beginning:__close()
    if self.begun then
        pcall(self.recorder.finish, self.recorder, self.target) -- memory may be out for its message, too
    end
    if self.recorder then
        self.recorder:discard()
    end
end

--- Begins a recording of the functions `api` of a backend: a recording; or nil, message, code.
local function begin(api, backend, options)
    local target = backend.target
    local beginning <close> = setmetatable({ target = target, recorder = false, begun = false }, Beginning)
    local recorder, message, code
    if options.mode == "stacks" then
        recorder, message, code = require("lunalloc.record_stacks").new(api, backend, options)
    else
        recorder, message, code = core.trace.record(options)
    end
    beginning.recorder = recorder
    if not recorder then
        return nil, message, code
    end
    local facts = record.facts(api)
    facts.mode = options.mode or "full"
    beginning.begun, message, code = recorder:begin(target)
    if not beginning.begun then
        return nil, message, code
    end
    record.describe(recorder, facts)
    local recording = record.new(recorder, target, options.path)
    local started
    started, message, code = recorder:start(api.pid)
    if not started then
        private[recording].recorder = nil
        return nil, message, code
    end
    beginning.recorder, beginning.begun = false, false
    return recording
end

local part = record

--- Adds record() to the functions of a target.
function part.install(api, backend)
    targets[api] = backend.target

    --- Begins to record what the process asks of the allocator into a file, in the background.
    function api.record(options)
        check.table(options, "record", 1, "a table of options")
        return begin(api, backend, record.options(options))
    end
end

return record
