--- What `lunalloc top` knows of its targets: the last reading of each with rates, and ten minutes of figures.
---
---     m = model.new({ t1, t2 }, { interval = 1 })
---     m:sample(clock)          reads every target; `clock` is in seconds, monotonic
---     m:freeze(true)           from now on `now` stays as it is; reading goes on
---     m.rows[i]                one target: pid, name, way, state, message, now (the reading that is shown), line (the
---                              figures over time), marks (of changed settings)
---
--- The state of a row is "ok", "stopped" (by a signal), "silent" (it did not answer: `message`) or "lost" (it has
--- ended). A process that is stopped or silent is read without its help. lunalloc/top/view.lua draws a model.

local la = require "lunalloc"
local sample = require "lunalloc.top.sample"

local Model = {}
Model.__index = Model

local Row = {}
Row.__index = Row

--- The figures over time, in the order in which they are drawn.
local SERIES <const> = { "rss", "allocated", "active", "dirty", "muzzy", "retained" }

local SECONDS <const> = 600 -- of figures that are kept
local PATIENCE <const> = 5  -- s until a target that did not answer is asked again,
local LONG_PATIENCE <const> = 30 -- if it can be read meanwhile
local STACKS_AGE <const> = 5 -- s after which the stacks are read again: all samples are
local CLASSES_AGE <const> = 10 -- s after which the description of the classes is read again: slab sizes can change

-- ---- figures over time ---------------------------------------------------------------------------------------------

--- { time = {...}, rss = {...}, ... }: parallel arrays. A figure that is not known is NaN.
local function new_line()
    local line = { time = {} }
    for _, name in ipairs(SERIES) do
        line[name] = {}
    end
    return line
end

local NAN <const> = 0 / 0

local function append(line, time, figures)
    line.time[#line.time + 1] = time
    for _, name in ipairs(SERIES) do
        line[name][#line.time] = figures[name] or NAN
    end
end

--- Drops what is older than `oldest`.
local function trim(line, oldest)
    local drop = 0
    while line.time[drop + 1] and line.time[drop + 1] < oldest do
        drop = drop + 1
    end
    if drop > 0 then
        for _, values in pairs(line) do
            local n = #values
            table.move(values, drop + 1, n + drop, 1)
        end
    end
end

--- Drops marks that are older than `oldest`.
local function trim_marks(marks, oldest)
    while marks[1] and marks[1].time < oldest do
        table.remove(marks, 1)
    end
end

-- ---- rates ---------------------------------------------------------------------------------------------------------

local function rate(now, before, seconds)
    return seconds > 0 and before and math.max(0, (now - before) / seconds) or nil
end

local function by_key(list, key)
    local map = {}
    for _, entry in ipairs(list or {}) do
        map[entry[key]] = entry
    end
    return map
end

--- Adds `rate` to each entry that has `requests`, from that of the same key before. An entry that is new counts from 0.
local function add_rates(list, before, key, seconds)
    if not before then
        return
    end
    local old = by_key(before, key)
    for _, entry in ipairs(list or {}) do
        local last = old[entry[key]]
        entry.rate = rate(entry.requests, last and last.requests or 0, seconds)
    end
end

local function compare(now, before, seconds)
    now.rate = rate(now.requests, before.requests, seconds)
    add_rates(now.arenas, before.arenas, "arena", seconds)
    add_rates(now.classes, before.classes, "class", seconds)
    if now.threads then
        add_rates(now.threads, before.threads, "tid", seconds)
    end
end

--- What part of the active pages holds nothing that is in use: 0 to 1.
local function fragmentation(reading)
    return reading.active > 0 and math.max(0, 1 - (reading.allocated + reading.cached) / reading.active) or 0
end

-- ---- one target ----------------------------------------------------------------------------------------------------

--- What the system says of the target. A core file has no process.
local function process_of(t)
    return t.way ~= "core" and sample.process(t.pid) or nil
end

local function new_row(t, attach)
    local process = process_of(t)
    return setmetatable({
        t = t, attach = attach, pid = t.pid, name = t.name or process and process.name or "?", way = t.way or "self",
        state = "ok", line = new_line(), marks = {}, changed = {},
    }, Row)
end

function Row:set_state(state, message)
    self.state, self.message = state, message
end

--- The classes' descriptions, read again at times.
function Row:descriptions(clock)
    if not self.classes or clock - self.classes_read >= CLASSES_AGE then
        self.classes = self.t.sizeclasses() or self.classes or {}
        self.classes_read = clock
    end
    return self.classes
end

--- The figures of the time before we attached.
function Row:add_moments(moments, clock, now)
    for _, moment in ipairs(moments) do
        append(self.line, clock - (now - moment.time) / 1e9, moment)
    end
end

--- Settings that were changed, by anybody. An action has no value.
function Row:add_marks(marks, clock, now)
    for _, mark in ipairs(marks) do
        local value = mark.value ~= "" and mark.value or nil
        self.marks[#self.marks + 1] = { time = clock - (now - mark.time) / 1e9, name = mark.name, value = value }
        self.changed[mark.name] = value
    end
end

--- Reads the agent's history: all of it at first, then what was added since. `now`: the clock of the target, ns.
function Row:read_history(clock, now)
    if self.history == false or not self.t.history then
        self.history = false
        return
    end
    local history = self.t.history { after = self.history }
    if not history then
        self.history = false
        return
    end
    if not self.history then
        self:add_moments(history.moments, clock, now)
    end
    self:add_marks(history.marks, clock, now)
    self.history = history
end

--- Notes a setting that top has changed. A target with a history tells by itself.
function Row:mark(clock, name, value)
    self.changed[name] = value
    if not self.history then
        self.marks[#self.marks + 1] = { time = clock, name = name, value = value }
    end
end

function Row:took(reading, clock, process)
    reading.clock, reading.rss = clock, process and process.rss
    reading.fragmentation = fragmentation(reading)
    if self.last and clock > self.last.clock then
        compare(reading, self.last, clock - self.last.clock)
    end
    self.last = reading
    self.now = self.frozen and self.now or reading
    append(self.line, clock, reading)
    trim(self.line, clock - SECONDS)
    trim_marks(self.marks, clock - SECONDS)
end

--- A stopped process can be read only without its help.
local function cannot_answer(row, process)
    return process and process.state == "T" and row.way == "agent"
end

--- Which lists are to be read now.
function Row:due(wanted, clock)
    local stacks = wanted.stacks and clock - (self.stacks_read or -math.huge) >= STACKS_AGE
    self.stacks_read = stacks and clock or self.stacks_read
    return { threads = wanted.threads, stacks = stacks }
end

--- Between two readings of the stacks, those of the last one are shown.
function Row:keep_stacks(reading)
    if not reading.stacks and not reading.why.stacks and self.last then
        reading.stacks, reading.why.stacks = self.last.stacks, self.last.why.stacks
    end
end

--- The same process, read without its help: its agent can hang where its threads do. nil if there is no such way.
function Row:reader()
    if self.way == "agent" and self.by_reading == nil then
        self.by_reading = self.attach(self.pid, { way = "memory" }) or false
    end
    return self.by_reading or nil
end

--- Reads `t`, the target or its reader. nil, message, code.
function Row:read(t, clock, wanted, process)
    local reading, message, code = sample.read(t, self:due(wanted, clock), self:descriptions(clock))
    if not reading then
        return nil, message, code
    end
    self:keep_stacks(reading)
    if t == self.t then
        self:read_history(clock, reading.time)
    end
    self:took(reading, clock, process)
    return true
end

--- The target itself is asked, unless it did not answer just now.
function Row:ask(clock, wanted, process)
    local patience = self.by_reading and LONG_PATIENCE or PATIENCE
    if self.state == "silent" and clock < self.asked + patience then
        return false
    end
    self.asked = clock
    local done, message, code = self:read(self.t, clock, wanted, process)
    if done then
        self:set_state "ok"
    elseif code == "ESRCH" or not process and self.way ~= "core" then
        self:set_state("lost", message)
    else
        self:set_state("silent", message)
    end
    return done
end

function Row:sample(clock, wanted)
    local process = self.state ~= "lost" and process_of(self.t)
    if self.state == "lost" then
        return
    elseif cannot_answer(self, process) then
        self:set_state("stopped", "stopped by a signal: it answers when it continues")
    elseif self:ask(clock, wanted, process) or self.state == "lost" then
        return
    end
    local reader = self:reader()
    if reader and not self:read(reader, clock, wanted, process) and not process then
        self:set_state("lost", self.message)
    end
end

-- ---- the model -----------------------------------------------------------------------------------------------------

local model = { SERIES = SERIES, SECONDS = SECONDS }

--- options.interval: s between samples, for the title; options.attach: instead of la.attach.
function model.new(targets, options)
    local rows = {}
    for i, t in ipairs(targets) do
        rows[i] = new_row(t, options.attach or la.attach)
    end
    return setmetatable({ rows = rows, interval = options.interval }, Model)
end

--- Reads every target that is not lost. wanted: which lists besides the counters, { threads=, stacks= }.
function Model:sample(clock, wanted)
    self.clock = clock
    for _, row in ipairs(self.rows) do
        row:sample(clock, wanted or {})
    end
end

--- Whether what is shown stays as it is.
function Model:freeze(frozen)
    for _, row in ipairs(self.rows) do
        row.frozen, row.now = frozen, frozen and row.now or row.last
    end
end

--- True if no target is left.
function Model:all_lost()
    for _, row in ipairs(self.rows) do
        if row.state ~= "lost" then
            return false
        end
    end
    return true
end

return model
