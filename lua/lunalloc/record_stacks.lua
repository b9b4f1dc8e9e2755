--- Recordings of stacks: la.record{ mode = "stacks" }. The profiler of the process samples for that time.
--- The file gets, for each stack, what it has allocated in all and what of it lives at the end (prof_stacks.lua).
---
--- An object has the methods of a recorder of the core (lua/trace/lua_recorder.c), so record.lua treats both alike.
--- While somebody waits for the recording, the sums are read every two seconds: a process that is killed leaves those.
--- They are in the file after 2, 6, 14 ... seconds: a recorder that is killed leaves the last ones of these.

local core = require "lunalloc.core"
local stacks = require "lunalloc.prof_stacks"

local EVERY <const> = 2 -- seconds between two readings, and before they are written first

local Recorder = {}
Recorder.__index = Recorder

local record_stacks = {}

--- A recorder that begins when it is told to; take() -> rows, or nil, message. nil, message, code if the file cannot be
--- written.
function record_stacks.of(take, options)
    local writer, message, code = core.trace.writer(options.path)
    if not writer then
        return nil, message, code
    end
    return setmetatable({ take = take, writer = writer, rows = {}, state = "waiting", write_after = EVERY,
        duration = options.duration and options.duration / 1e9 or math.huge, seconds = 0.0 }, Recorder)
end

--- A recorder for the functions `api` of a target; nil, message, code if the file cannot be written.
function record_stacks.new(api, backend, options)
    local self, message, code = record_stacks.of(function() return stacks.of(backend) end, options)
    if self then
        self.api = api
    end
    return self, message, code
end

function Recorder:meta(key, value)
    self.writer:meta(key, value)
end

--- Switches the profiler on.
function Recorder:begin()
    if self.api.get "prof.active" then
        return nil, "the profiler is in use: prof.active is true, and a recording of stacks resets it", "EBUSY"
    end
    local done, message, code = self.api.prof.start()
    return done, message, code
end

function Recorder:start()
    self.state, self.began = "recording", core.child.clock()
    self.read_at = self.began
    self:mark(self.began)
    return true
end

--- A sample of that time, for the duration.
function Recorder:mark(time)
    self.writer:sample { time = math.floor(time * 1e9) }
end

--- Writes the rows; they replace those that were written before.
function Recorder:write()
    self.writer:stacks(#self.rows)
    for _, row in ipairs(self.rows) do
        self.writer:stack(row, table.concat(row.stack, "\n"))
    end
end

--- Reads the sums; those of before stay if the process cannot tell them any more.
function Recorder:read()
    local rows, message = self.take()
    self.rows, self.read_at = rows or self.rows, core.child.clock()
    return rows ~= nil, message
end

function Recorder:tick()
    if self.state == "recording" then
        self.seconds = core.child.clock() - self.began
        self.state = self.seconds >= self.duration and "time" or self.state
    end
    return self.state ~= "recording" and self.state ~= "waiting"
end

--- Waits for so many seconds; true if the recording is over.
function Recorder:wait(seconds)
    if not self:tick() then
        core.pause(math.max(0, math.min(seconds, self.duration - self.seconds)))
    end
    return self:tick()
end

--- Is called from time to time: reads the sums, so that something is left if one of both is killed.
function Recorder:statistics()
    local now = core.child.clock()
    if self.state ~= "recording" or now - self.read_at < EVERY then
        return true
    elseif not self:read() then
        self.state = "the target ended"
    elseif now - self.began >= self.write_after then
        self:write()
        self:mark(now)
        self.writer:flush()
        self.write_after = 2 * self.write_after + EVERY
    end
    return true
end

function Recorder:status()
    self:tick()
    local samples, bytes = 0, 0
    for _, row in ipairs(self.rows) do
        samples, bytes = samples + row.count, bytes + row.bytes
    end
    return { state = self.state, events = 0, lost = 0, bytes = 0, threads = 0, seconds = self.seconds, broken = 0,
        stacks = #self.rows, allocations = samples, allocated = bytes }
end

function Recorder:stop()
    self:tick()
    self.state = self.state == "recording" and "stopped" or self.state
end

--- The last reading, and the profiler off again.
function Recorder:finish()
    if self:read() and self.api then
        self.api.prof.stop()
    end
    return true
end

function Recorder:close()
    local status, writer = self:status(), self.writer
    writer:meta("reason", status.state)
    if self.began then
        self:mark(self.began + self.seconds)
    end
    self:write()
    local written, message, code = writer:finish()
    if not written then
        return nil, message, code
    end
    status.bytes = written.bytes
    return status
end

function Recorder:discard()
    self.writer:close()
end

return record_stacks
