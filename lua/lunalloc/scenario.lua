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
local result = require "lunalloc.scenario_result"
local running = require "lunalloc.scenario_run"

local scenario = { run = running.run, missed = result.missed }

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
end

--- Complains of keys that do not fit together.
local function check_parts(definition, level)
    local duration = definition.duration
    if (definition.run ~= nil) == (definition.workload ~= nil) then
        fail(level + 1, "either workload or run expected")
    elseif definition.workload and duration then
        fail(level + 1, "duration belongs into the workload")
    elseif duration and not units.time(duration) then
        fail(level + 1, "duration = %s: a time expected: %s", check.shown(duration), units.ACCEPTED.time)
    elseif definition.workload then
        running.check_description(running.with_limits(definition.workload, definition.limits), level + 1)
    end
end

-- ---- files ---------------------------------------------------------------------------------------------------------

--- Runs the file, and returns the array of scenarios that it defines; nil, message, code if it cannot be read or run.
--- `text`: what is in the file, if that is on another host.
function scenario.load(path, text)
    check.text(path, "scenario.load", 1, "a path")
    local chunk, message
    if text then
        chunk, message = load(text, "@" .. path)
    else
        chunk, message = loadfile(path)
    end
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

-- Where scenarios are, beside this file: in the tree, and where they are installed.
local FOLDERS <const> = { "../../scripts/scenarios/", "../../../lunalloc/scenarios/" }

local function is_readable(path)
    local file <close> = io.open(path)
    return file ~= nil
end

--- The folder of the scenarios that belong to the module, with a slash at its end; nil if they are not installed.
function scenario.folder()
    local here = debug.getinfo(1, "S").source:match "^@(.*)scenario%.lua$" or "./"
    for _, folder in ipairs(FOLDERS) do
        if is_readable(here .. folder .. "producer_consumer.lua") then
            return here .. folder
        end
    end
end

--- The file of a scenario: the path itself, or that of the scenario of that name that belongs to the module. nil,
--- message, code if there is none.
function scenario.find(word)
    check.text(word, "scenario.find", 1, "a path or a name")
    local folder = not word:find "[/.]" and scenario.folder()
    local path = folder and folder .. word .. ".lua" or word
    if is_readable(path) then
        return path
    elseif folder and is_readable(word) then
        return word
    end
    return nil, ("no scenario '%s': neither a file nor a scenario of that name"):format(word), "ENOENT"
end

-- ---- a script that is run by itself --------------------------------------------------------------------------------

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
    check_parts(definition, 2)
    if collected then
        collected[#collected + 1] = definition
        return
    end
    local main = is_program(2)
    local done = scenario.run(definition, main and options_of(arg) or nil)
    print(done)
    if main and not done.ok then
        os.exit(MISSED, true)
    end
    return done
end

return setmetatable(scenario, { __call = define })
