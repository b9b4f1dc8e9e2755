--- Runs the definition of a scenario (see scenario.lua), and makes the object `s` that its function run() gets.

local check = require "lunalloc.check"
local units = require "lunalloc.units"
local result = require "lunalloc.scenario_result"

local running = {}

local DURATION <const> = 5  -- seconds, of a scenario that states none
local TICK <const> = 0.25   -- seconds between two reports of progress
local SHORT <const> = 2e9   -- ns; a longer run has a timeline of its own accord
local ENTRIES <const> = 100

-- ---- descriptions --------------------------------------------------------------------------------------------------

local function merged(first, second)
    local all = check.plain(first or {})
    for key, value in pairs(second or {}) do
        all[key] = value
    end
    return all
end

--- The description with the limits of the scenario; its own limits come first.
function running.with_limits(description, limits)
    local copy = check.plain(description)
    copy.limits = merged(limits, copy.limits)
    return copy
end

--- Complains of a wrong description at the line of that level.
function running.check_description(description, level)
    local ok, message = pcall(require("lunalloc.workload_spec").compile, description)
    if not ok then
        error(message, level + 1)
    end
end

--- A short run has as many entries in its timeline as are needed to judge slopes.
local function refine(description)
    local ns = units.time(description.duration)
    if description.interval == nil and ns and ns > 0 and ns < SHORT then
        description.interval = ns / 1e9 / ENTRIES
    end
end

--- Makes the run last `seconds`; phases move along.
local function stretch(description, seconds)
    local own = units.time(description.duration)
    if own and own > 0 and type(description.phases) == "table" then
        local phases = {}
        for i, phase in ipairs(description.phases) do
            local at = units.time(phase.at)
            phases[i] = at and merged(phase, { at = at / own * seconds }) or phase
        end
        description.phases = phases
    end
    description.duration, description.ops = seconds, nil
    refine(description)
end

-- ---- the object that run() gets ------------------------------------------------------------------------------------

local Session = { __name = "lunalloc.scenario.session" }
Session.__index = Session

--- Runs the workload to its end, and calls tick(status) meanwhile.
local function run_with_ticks(workload, tick)
    local guard <close> = assert(workload:start()) -- an error stops it
    while not workload:wait(TICK) do
        tick(workload:status())
    end
    return workload:result()
end

--- Runs the description with the changes of the options.
local function run(self, description)
    local workload = assert(require "lunalloc.workload"(description))
    local tick, one = self.options.tick, nil
    for _ = 1, self.options.times or 1 do
        one = assert(tick and run_with_ticks(workload, tick) or not tick and workload:run())
    end
    self.results[#self.results + 1] = one
    return one
end

--- The description with the changes of the options.
local function changed(self, description)
    local copy = merged(description, self.options.set)
    return self.options.adjust and self.options.adjust(copy) or copy
end

function Session:run(description, share)
    check.self(self, Session, "s:run")
    check.table(description, "s:run", 1, "a description")
    check.that(share == nil or math.type(share) and share > 0, "s:run", 2, "a number above 0 expected")
    local copy = running.with_limits(description, self.definition.limits)
    if not copy.ops and not copy.duration then
        copy.duration = math.max(self.seconds * (share or 1), 1e-3)
        refine(copy)
    end
    copy = changed(self, copy)
    running.check_description(copy, 2)
    return run(self, copy)
end

function Session:expect(name, value, limit)
    check.self(self, Session, "s:expect")
    check.text(name, "s:expect", 1, "a name")
    check.that(math.type(value), "s:expect", 2, "a number expected")
    check.table(limit, "s:expect", 3, "a table such as { at_most = 2, reason = \"...\" }")
    check.that(math.type(limit.at_most or limit.at_least) and not (limit.at_most and limit.at_least), "s:expect", 3,
        "a number as at_most or as at_least expected")
    self.figures[#self.figures + 1] = result.figure(name, value, limit)
end

function Session:note(format, ...)
    check.self(self, Session, "s:note")
    check.text(format, "s:note", 1, "a format")
    self.notes[#self.notes + 1] = format:format(...)
end

-- ---- the whole -----------------------------------------------------------------------------------------------------

local function session_of(definition, options)
    local ns = units.time(options.duration or definition.duration or DURATION)
    return setmetatable({ definition = definition, options = options, results = {}, figures = {}, notes = {},
        seconds = ns / 1e9 }, Session)
end

local function is_time(value)
    return value == nil or units.time(value) ~= nil
end

--- Runs a definition. Options: duration (seconds, or "2s"), in the place of its own; set = { [key] = value }, keys of
--- every description that are replaced; adjust, a function that gets each description and returns the one to run;
--- times, how often each workload runs; tick, a function that gets the status of a workload while it runs. Returns the
--- result (scenario_result.lua). Raises if a workload cannot run.
function running.run(definition, options)
    check.table(definition, "scenario.run", 1, "a scenario")
    check.that(options == nil or type(options) == "table", "scenario.run", 2, "a table of options expected")
    options = options or {}
    check.that(is_time(options.duration), "scenario.run", 2, "duration: a time expected: " .. units.ACCEPTED.time)
    local session = session_of(definition, options)
    if definition.run then
        session.last = definition.run(session) or session.results[#session.results]
        check.that(session.last, "scenario.run", 1, ("%s: run() has run no workload"):format(definition.name))
        return result.new(definition, session)
    end
    local description = running.with_limits(definition.workload, definition.limits)
    if options.duration then
        stretch(description, session.seconds)
    end
    session.last = run(session, changed(session, description))
    return result.new(definition, session)
end

return running
