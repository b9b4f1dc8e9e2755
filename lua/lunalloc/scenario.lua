--- Scenarios: a workload with what it models, why it hurts allocators, and limits, in a file of its own. A continuous
--- integration runs it and fails with the limit that was missed. scripts/scenarios/ has examples.
---
---     require "lunalloc.scenario" {
---         name = "message_queue",
---         models = "two threads that hand messages to a third",
---         hurts = "blocks never return to the thread that allocated them",
---         workload = { threads = 3, duration = "5s", mix = {...} },      -- see lunalloc/workload.lua
---         limits = { failures = 0, ["malloc.p99"] = { at_most = "500us", reason = "a frame has 16 ms" } },
---     }
---
--- Run by `lua5.4 FILE [DURATION] [KEY=VALUE...]` or by the console, the call runs the scenario on the malloc of the
--- process and prints the result; the process ends with the exit status 4 if a limit was missed. Elsewhere (dofile) it
--- returns the result. Run by `lunalloc test FILE`, the same call only registers the scenario.
---
--- In the place of `workload`, a scenario of several workloads has `duration` and `run`, a function that gets an object
--- `s`:
---     s.seconds                        how long all of it should take
---     s:run(description [, share])     runs a workload for that share of the time (1), unless it has `ops`; its result
---     s:expect(name, value, limit)     a figure of its own, with a limit { at_most = or at_least =, reason = }
---     s:note(format, ...)              a line of text to go with the result
--- It returns a result of s:run; without, the last one counts. The limits of the scenario hold for each s:run.

local check = require "lunalloc.check"
local units = require "lunalloc.units"

local scenario = {}

local MISSED <const> = 4 -- exit status

-- While load() runs a file, the array of the scenarios that the file defines.
local collected

-- ---- checks --------------------------------------------------------------------------------------------------------

local KEYS <const> = { name = "string", models = "string", hurts = "string", duration = "any", run = "function",
    workload = "table", limits = "table" }

local function fail(level, format, ...)
    error("scenario: " .. format:format(...), level + 1)
end

--- Complains of what is wrong with the keys of a definition, at the line of that level.
local function check_keys(definition, level)
    for key, value in pairs(definition) do
        local kind = KEYS[key]
        if not kind then
            fail(level + 1, "unknown key %s; allowed: name, models, hurts, duration, run, workload, limits",
                check.shown(key))
        elseif kind ~= "any" and type(value) ~= kind then
            fail(level + 1, "%s: a %s expected, got %s", key, kind, check.shown(value))
        end
    end
    for _, key in ipairs { "name", "models", "hurts" } do
        if not definition[key] then
            fail(level + 1, "%s is missing", key)
        end
    end
    if (definition.run ~= nil) == (definition.workload ~= nil) then
        fail(level + 1, "either workload or run expected")
    elseif definition.workload and definition.duration then
        fail(level + 1, "duration belongs into the workload")
    end
end

local function merged(first, second)
    local all = check.plain(first or {})
    for key, value in pairs(second or {}) do
        all[key] = value
    end
    return all
end

--- The description of a workload with the scenario's limits; those of the description come first.
local function with_limits(description, limits)
    local copy = check.plain(description)
    copy.limits = merged(limits, copy.limits)
    return copy
end

--- Complains of a wrong description at the line of that level.
local function check_description(description, level)
    local ok, message = pcall(require("lunalloc.workload_spec").compile, description)
    if not ok then
        error(message, level + 1)
    end
end

local function seconds_of(value, level)
    local ns = units.time(value)
    return ns and ns / 1e9 or fail(level + 1, "duration = %s: a time expected: %s", check.shown(value),
        units.ACCEPTED.time)
end

-- ---- the object that run() gets ------------------------------------------------------------------------------------

local Session = { __name = "lunalloc.scenario.session" }
Session.__index = Session

--- Makes the run last `seconds`; phases move along.
local function stretch(description, seconds)
    local own = units.time(description.duration)
    if own and own > 0 and type(description.phases) == "table" then
        local phases = {}
        for i, phase in ipairs(description.phases) do
            local at = type(phase) == "table" and units.time(phase.at)
            phases[i] = at and merged(phase, { at = at / own * seconds }) or phase
        end
        description.phases = phases
    end
    description.duration, description.ops = seconds, nil
end

local function run_once(self, description)
    local workload = assert(require "lunalloc.workload"(description))
    for _ = 2, self.options.times or 1 do
        assert(workload:run())
    end
    local result = assert(workload:run())
    self.results[#self.results + 1] = result
    return result
end

--- The description as it is run: with the changes of the options.
local function final(self, description)
    local changed = merged(description, self.options.set)
    return self.options.adjust and self.options.adjust(changed) or changed
end

function Session:run(description, share)
    check.self(self, Session, "s:run")
    check.table(description, "s:run", 1, "a description")
    check.that(share == nil or math.type(share) and share > 0, "s:run", 2, "a number above 0 expected")
    local copy = with_limits(description, self.definition.limits)
    if not copy.ops and not copy.duration then
        copy.duration = math.max(self.seconds * (share or 1), 1e-3)
    end
    copy = final(self, copy)
    check_description(copy, 2)
    return run_once(self, copy)
end

function Session:expect(name, value, limit)
    check.self(self, Session, "s:expect")
    check.text(name, "s:expect", 1, "a name")
    check.that(math.type(value), "s:expect", 2, "a number expected")
    check.table(limit, "s:expect", 3, "a table such as { at_most = 2, reason = \"...\" }")
    local bound = limit.at_most or limit.at_least
    check.that(math.type(bound) and not (limit.at_most and limit.at_least), "s:expect", 3,
        "a number as at_most or as at_least expected")
    local ok = limit.at_least and value >= bound or limit.at_most and value <= bound
    self.figures[#self.figures + 1] = { name = name, value = value, limit = bound, least = limit.at_least ~= nil,
        ok = ok, unit = "", reason = limit.reason }
end

function Session:note(format, ...)
    check.self(self, Session, "s:note")
    check.text(format, "s:note", 1, "a format")
    self.notes[#self.notes + 1] = format:format(...)
end

-- ---- a result ------------------------------------------------------------------------------------------------------

local Result = { __name = "lunalloc.scenario.result" }

--- All that the workload's result has, and the scenario's own.
function Result.__index(result, key)
    return rawget(result, "last")[key]
end

local function key_of(limit)
    return limit.name .. "\0" .. tostring(limit.phase or "")
end

--- The limits of several runs, each once: as it was first missed, or else as it was last met.
local function worst(results)
    local all, place = {}, {}
    for _, result in ipairs(results) do
        for _, limit in ipairs(result.limits) do
            local key = key_of(limit)
            place[key] = place[key] or #all + 1
            local known = all[place[key]]
            all[place[key]] = known and not known.ok and known or limit
        end
    end
    return all
end

local function all_ok(list)
    for _, element in ipairs(list) do
        if not element.ok then
            return false
        end
    end
    return true
end

local function conclude(session, last)
    local limits = table.move(session.figures, 1, #session.figures, 1, {})
    local judged = worst(session.results)
    table.move(judged, 1, #judged, #limits + 1, limits)
    return setmetatable({
        scenario = session.definition.name,
        models = session.definition.models,
        ok = all_ok(session.results) and all_ok(session.figures),
        limits = limits,
        figures = session.figures,
        notes = session.notes,
        runs = #session.results,
        last = last,
    }, Result)
end

local function figure_line(figure)
    return ("  %-22s %.4g (%s %.4g) %s"):format(figure.name, figure.value, figure.least and "at least" or "at most",
        figure.limit, figure.ok and "ok" or "MISSED")
end

function Result.__tostring(result)
    local lines = { ("scenario   %s: %s"):format(result.scenario, result.models), tostring(result.last) }
    table.move(result.notes, 1, #result.notes, #lines + 1, lines)
    if #result.figures > 0 then
        lines[#lines + 1] = "figures of the scenario"
        for _, figure in ipairs(result.figures) do
            lines[#lines + 1] = figure_line(figure)
        end
    end
    lines[#lines + 1] = result.ok and "passed" or "FAILED: " .. table.concat(scenario.missed(result), "; ")
    return table.concat(lines, "\n")
end

--- A value of that limit, or the limit itself, as text.
local function shown(limit, value)
    local unit = limit.unit or limit.name:find "^[%w_]+%.%w" and "ns" or limit.name == "peak_rss" and "bytes"
    local format = unit == "ns" and units.human_time or unit == "bytes" and units.human
    return format and format(value) or ("%.4g"):format(value)
end

--- "malloc.p99 is 740 us, at most 500 us expected (a frame has 16 ms)": a limit of a result as one line.
function scenario.explain(limit)
    local phase = limit.phase and (" in phase %s"):format(limit.phase) or ""
    local found = limit.value == nil and "was not measured" or "is " .. shown(limit, limit.value)
    return ("%s%s %s, %s %s expected%s"):format(limit.name, phase, found, limit.least and "at least" or "at most",
        shown(limit, limit.limit), limit.reason and " (" .. limit.reason .. ")" or "")
end

--- Why a result is not ok: an array of lines.
function scenario.missed(result)
    local lines = {}
    for _, limit in ipairs(result.limits) do
        if not limit.ok then
            lines[#lines + 1] = scenario.explain(limit)
        end
    end
    if #lines == 0 and not result.ok then
        local first = result.verify and result.verify.first
        lines[1] = first and "verification: " .. first or "verification or a change of settings failed"
    end
    return lines
end

-- ---- running -------------------------------------------------------------------------------------------------------

--- Runs a definition. Options: duration (seconds, or "2s"), in the place of its own; set = { [key] = value }, keys of
--- every description that are replaced; adjust, a function that gets each description and returns the one to run;
--- times, how often each workload runs. The result is that of the workload, with scenario, models, notes, and the
--- limits of all runs.
function scenario.run(definition, options)
    check.table(definition, "scenario.run", 1, "a scenario")
    check.that(options == nil or type(options) == "table", "scenario.run", 2, "a table of options expected")
    options = options or {}
    local seconds = options.duration and seconds_of(options.duration, 2)
    local session = setmetatable({ definition = definition, options = options, results = {}, figures = {}, notes = {},
        seconds = seconds or definition.duration and seconds_of(definition.duration, 2) or 5 }, Session)
    if definition.run then
        local last = definition.run(session) or session.results[#session.results]
        check.that(last, "scenario.run", 1, ("%s: run() has run no workload"):format(definition.name))
        return conclude(session, last)
    end
    local description = with_limits(definition.workload, definition.limits)
    if seconds then
        stretch(description, seconds)
    end
    return conclude(session, run_once(session, final(session, description)))
end

--- Runs the file, and returns the array of scenarios that it defines; nil, message, code if it cannot be read or run.
function scenario.load(path)
    check.text(path, "scenario.load", 1, "a path")
    local chunk, message = loadfile(path)
    if not chunk then
        return nil, message, message:find "^cannot " and "ENOENT" or "EINVAL"
    end
    local before, list = collected, {}
    collected = list
    local ok, problem = pcall(chunk)
    collected = before
    if not ok then
        return nil, tostring(problem), "EINVAL"
    elseif #list == 0 then
        return nil, ("%s defines no scenario"):format(path), "EINVAL"
    end
    return list
end

--- The value of a text: a boolean, a number, or the text.
local function value_of(text)
    if text == "true" or text == "false" then
        return text == "true"
    end
    return tonumber(text) or text
end

--- Adds "KEY=VALUE" to `set`; false if it is of another form.
function scenario.parse_set(set, text)
    local key, value = text:match "^([%w_]+)=(.*)$"
    if key then
        set[key] = value_of(value)
    end
    return key ~= nil
end

--- The options of a script's own command line.
local function options_of(words)
    local options = { set = {} }
    for _, word in ipairs(words) do
        if units.time(word) then
            options.duration = word
        elseif not scenario.parse_set(options.set, word) then
            io.stderr:write(("%s: unexpected '%s': a duration such as 2s, or KEY=VALUE, expected\n"):format(words[0],
                word))
            os.exit(1, true)
        end
    end
    return options
end

--- Is the function at that level the script that the process was started with?
local function is_program(level)
    local info = debug.getinfo(level + 1, "S")
    local script = type(arg) == "table" and arg[0]
    return info.what == "main" and (info.source == "@" .. tostring(script) or info.source == "=stdin")
end

local function define(_, definition)
    check.table(definition, "scenario", 1, "a definition")
    check_keys(definition, 2)
    if definition.workload then
        check_description(with_limits(definition.workload, definition.limits), 2)
    end
    if collected then
        collected[#collected + 1] = definition
        return
    end
    local main = is_program(2)
    local result = scenario.run(definition, main and options_of(arg) or nil)
    print(result)
    if main and not result.ok then
        os.exit(MISSED, true)
    end
    return result
end

return setmetatable(scenario, { __call = define })
