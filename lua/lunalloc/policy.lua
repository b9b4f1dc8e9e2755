--- The frame of a policy: a small loop that watches an allocator and acts on it. A policy is a file that ends with
---
---     return policy.new {
---         name = "dirty_cap", does = "gives free pages back while there are more than `limit`",
---         options = { limit = { "size", "64M", "bytes of free pages that may stay" } },    -- kind, default, meaning
---         start = function(t, options)    -- t: the functions of `la`, on this process or on another one
---             return function()           -- a step; its result says what was done, nil: nothing was to be done
---                 ...
---             end                         -- a second function undoes what the policy has set; it runs at the end
---         end,
---     }
---
--- and the same file runs in three ways:
---
---     lunalloc dirty_cap.lua redis-server limit=32M     on another process, by its number or name;
---     lunalloc attach redis-server dirty_cap.lua        the same
---     lunalloc dirty_cap.lua                            on the process that runs it; under lua5.4, too
---     step = dofile "dirty_cap.lua" { limit = "32M" }   in a host, which calls step() as often as it likes
---
--- The kinds of options are size, time (seconds), count, ratio and text. Every policy has two more: `every`, the time
--- between two steps of a loop, and `rounds`, after which it ends. A step calls policy.try() around what may fail.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local units = require "lunalloc.units"

local policy = {}

-- ---- failures -------------------------------------------------------------------------------------------------------

-- What try() raises.
local Failure = { __name = "lunalloc.failure", __tostring = function(self) return self.message end }

--- Returns its arguments, the results of a call. If the call has failed (nil, message, code), the step ends, and
--- returns the same.
function policy.try(...)
    local value, message, code = ...
    if value == nil and message ~= nil then
        error(setmetatable({ message = message, code = code }, Failure))
    end
    return ...
end

local function unwrap(ok, ...)
    if ok then
        return ...
    end
    local problem = ...
    if getmetatable(problem) ~= Failure then
        error(problem, 0)
    end
    return nil, problem.message, problem.code
end

--- The same function, with a failure of try() as its result.
local function guarded(body)
    return body and function(...)
        return unwrap(pcall(body, ...))
    end
end

-- ---- options --------------------------------------------------------------------------------------------------------

local kinds = {
    size = { read = units.size, allowed = units.ACCEPTED.bytes },
    time = { read = function(value)
        local ns = units.time(value)
        return ns and ns / 1e9
    end, allowed = units.ACCEPTED.time },
    count = { read = units.count, allowed = "a whole number, " .. units.ACCEPTED.count },
    ratio = { read = units.ratio, allowed = "a number, " .. units.ACCEPTED.ratio },
    text = { read = function(value) return type(value) == "string" and value or nil end, allowed = "a text" },
}

--- Is it a table of options?
local function are_options(options)
    for name, option in pairs(type(options) == "table" and options or { options }) do
        if type(name) ~= "string" or type(option) ~= "table" or not kinds[option[1]] or type(option[3]) ~= "string" then
            return false
        end
    end
    return true
end

local COMMON <const> = {
    every = { "time", "1s", "between two steps" },
    rounds = { "count", 0, "after which the loop ends; 0: never" },
}

--- All options with their values, from those that were given; nil and a message.
local function read_options(self, given)
    local values = {}
    for name in pairs(given) do
        if not self.options[name] then
            local near = type(name) == "string" and core.nearest(name, check.names(self.options))
            return nil, ("no option %s%s (there are: %s)"):format(check.shown(name),
                near and ("; did you mean '%s'?"):format(near) or "", table.concat(check.names(self.options), " "))
        end
    end
    for name, option in pairs(self.options) do
        local value = given[name] == nil and option[2] or given[name]
        values[name] = kinds[option[1]].read(value)
        if values[name] == nil and (value or given[name] ~= nil) then
            return nil, ("%s is %s, not %s"):format(name, kinds[option[1]].allowed, check.shown(value))
        end
    end
    return values
end

-- ---- a loop ---------------------------------------------------------------------------------------------------------

local LONGEST <const> = 86400 -- seconds that a pause can take

local function say(self, format, ...)
    print(("%s %s: %s"):format(os.date "%H:%M:%S", self.name, format:format(...)))
    io.stdout:flush()
end

local function complain(self, message)
    io.stdout:flush()
    io.stderr:write(self.name, ": ", message, "\n")
end

--- The steps. Returns the exit status: 2 once the process is gone, else 0. counts.acted: the steps that did something.
local function steps(self, step, options, counts)
    local last
    while options.rounds == 0 or counts.done < options.rounds do
        local did, problem, code = step()
        counts.done = counts.done + 1
        if did then
            counts.acted = counts.acted + 1
            say(self, "%s", did)
        elseif problem and (code == "ESRCH" or problem ~= last) then
            complain(self, problem)
        end
        last = problem
        if code == "ESRCH" then
            return 2
        elseif counts.done ~= options.rounds then
            core.pause(math.min(options.every, LONGEST))
        end
    end
    return 0
end

--- Ctrl-C is the usual end of a loop: no error.
local function until_interrupted(...)
    local ok, status = pcall(steps, ...)
    if not ok and not tostring(status):find "interrupted!$" then
        return nil, status
    end
    return ok and status or 0
end

--- Runs the loop with options that are checked. Returns its exit status.
local function loop(self, t, options)
    local step, undo = self.start(t, options)
    local counts = { done = 0, acted = 0 }
    say(self, "watches %s", t.pid and tostring(t) or "this process")
    local status, problem = until_interrupted(self, guarded(step), options, counts)
    if undo and status ~= 2 then
        guarded(undo)()
    end
    say(self, "ends: %d of %d steps had something to do", counts.acted, counts.done)
    if not status then
        error(problem, 0)
    end
    return status
end

-- ---- a script -------------------------------------------------------------------------------------------------------

local function usage(self)
    local lines = { ("usage: %s [PROCESS] [OPTION=VALUE ...]"):format(self.file), "",
        ("%s: %s"):format(self.name, self.does), "" }
    for _, name in ipairs(check.names(self.options)) do
        local option = self.options[name]
        lines[#lines + 1] = ("  %-16s %s%s"):format(("%s=%s"):format(name, option[1]:upper()), option[3],
            option[2] and (" (default %s)"):format(option[2]) or "")
    end
    return table.concat(lines, "\n")
end

--- The process and the options of a command line; nil and a message.
local function read_words(words)
    local given, process = {}, nil
    for _, word in ipairs(words) do
        local name, value = word:match "^([%w_]+)=(.*)$"
        if name then
            given[name] = value
        elseif process or word:find "^%-" then
            return nil, ("unknown word '%s' (--help explains)"):format(word)
        else
            process = word
        end
    end
    return given, process
end

--- The functions of the process of that name or number; of this one without it. nil, message, code. Under `lunalloc
--- attach` it is the one that is attached.
local function target(process)
    local la, command = require "lunalloc", package.loaded["lunalloc.command"]
    if process then
        return la.attach(process)
    elseif command and command.attached then
        return command.attached
    elseif not la.loaded then
        return nil, "the allocator is not in this process: name another one (--help explains)", "ENOSYS"
    end
    return la
end

--- Runs as a script with the words of its command line. Returns the exit status.
local function main(self, words)
    if words[1] == "--help" then
        print(usage(self))
        return 0
    end
    local given, process = read_words(words)
    local options, problem = given, process
    if given then
        options, problem = read_options(self, given)
    end
    if not options then
        complain(self, problem)
        return 1
    end
    local t, message = target(process)
    local status, failure, code = nil, message, nil
    if t then
        status, failure, code = guarded(loop)(self, t, options)
    end
    if not status then
        complain(self, failure)
        return t and code == "ESRCH" and 2 or 1
    end
    return status
end

--- Is the file of the policy the script that this process runs?
local function is_script(self)
    return type(arg) == "table" and type(arg[0]) == "string" and self.file == arg[0]
end

-- ---- public ---------------------------------------------------------------------------------------------------------

local Policy = { __name = "lunalloc.policy" }
Policy.__index = Policy

function Policy:__tostring()
    return ("policy %s: %s"):format(self.name, self.does)
end

--- Starts the policy in a host: the function that makes one step, and, if the policy sets anything, one that undoes it.
--- The step returns what was done, as a text; nil if there was nothing to do; or nil, message, code. If the policy
--- cannot start, the result is nil, message, code.
function Policy:__call(options, t)
    check.table(options or {}, self.name, 1, "a table of options")
    local checked, problem = read_options(self, options or {})
    if not checked then
        error(("%s: %s"):format(self.name, problem), 2)
    end
    local step, undo, code = guarded(self.start)(t or require "lunalloc", checked)
    if not step then
        return nil, undo, code
    end
    return guarded(step), guarded(undo)
end

--- Runs the policy's loop, at the prompt say, until Ctrl-C or the end of the process t: then the result is 2, else 0;
--- or nil, message, code.
function Policy:run(options, t)
    check.table(options or {}, self.name, 1, "a table of options")
    local checked, problem = read_options(self, options or {})
    if not checked then
        error(("%s: %s"):format(self.name, problem), 2)
    end
    return guarded(loop)(self, t or require "lunalloc", checked)
end

--- Makes a policy of its description. If its file is the script of this process, it runs: the process ends with the
--- exit status 2 if the process that it watches has ended, and 1 after another failure.
function policy.new(spec)
    check.table(spec, "policy.new", 1, "a description")
    check.that(type(spec.name) == "string" and type(spec.does) == "string", "policy.new", 1, "name and does are texts")
    check.that(type(spec.start) == "function", "policy.new", 1, "start is a function")
    check.that(are_options(spec.options or {}), "policy.new", 1,
        "options are { name = { kind, default, meaning } }; kinds: count ratio size text time")
    local self = setmetatable({ name = spec.name, does = spec.does, start = spec.start, options = {} }, Policy)
    self.file = debug and debug.getinfo(spec.start, "S").source:match "^@(.*)$"
    for _, options in ipairs { COMMON, spec.options or {} } do
        for name, option in pairs(options) do
            self.options[name] = option
        end
    end
    if is_script(self) then
        local status = main(self, arg)
        if status ~= 0 then
            os.exit(status, true)
        end
    end
    return self
end

return policy
