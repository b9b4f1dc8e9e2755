--- The commands of the prompt: thin aliases of Lua functions, on the target that is in use.
---
---     .stats   .get NAME   ?word   quit
---
--- A command exists if the function that it calls does: parts of the module and of a target may be missing.

local chains = require "lunalloc.chains"
local errors = require "lunalloc.errors"
local prompt = require "lunalloc.prompt"
local suggest = require "lunalloc.suggest"
local show_value = require "lunalloc.show_value"

local dot = {}

--- name -> { usage=, does=, run=, needs= }. run(rest, target) returns what is printed, or nil, message, code. `needs`:
--- the function of the target that must exist.
dot.commands = {}

local function add(name, usage, does, run, needs)
    dot.commands[name] = { usage = usage, does = does, run = run, needs = needs }
end

-- ---- arguments -----------------------------------------------------------------------------------------------------

--- A word as a value: a number, a boolean, or the text.
local function value_of(word)
    local number = tonumber(word)
    if number then
        return math.tointeger(number) or number
    elseif word == "true" or word == "false" then
        return word == "true"
    end
    return word
end

--- The table that "state=dirty min_size=1M" stands for; nil and a message.
local function conditions(rest)
    local list = {}
    for word in rest:gmatch "%S+" do
        local key, value = word:match "^([%w_]+)=(.+)$"
        if not key then
            return nil, ("'%s' is no condition: write KEY=VALUE"):format(word)
        end
        list[key] = value_of(value)
    end
    return list
end

--- As call(f, ...), but an error is a failure: the command has no line of code to show.
local function safely(f, ...)
    local results = table.pack(pcall(f, ...))
    if results[1] then
        return table.unpack(results, 2, results.n)
    end
    local message = tostring(results[2])
    if message:find "interrupted!" then
        error(message, 0)
    end
    return nil, (message:gsub("^[^\n:]+:%d+: ", ""))
end

--- A text without the quotes that may be around it.
local function unquoted(text)
    return text:match "^\"(.*)\"$" or text:match "^'(.*)'$" or text
end

local function needs_word(rest, usage)
    if rest == "" then
        return nil, "usage: " .. usage
    end
    return unquoted(rest)
end

-- ---- commands that look --------------------------------------------------------------------------------------------

--- What ".help WORD" is about: nil, a word, or the value of a chain of names that help does not know as a word.
local function help_subject(rest)
    if rest == "" then
        return nil
    end
    local word = unquoted(rest)
    local keys = word == rest and word:find "^[%a_][%w_.]*$" and chains.keys(word)
    local value = keys and chains.resolve(keys, errors.scope())
    local help = require "lunalloc.help"
    local known = help.words()
    if value == nil or known[word] or known["la." .. word] then
        return word
    end
    return value
end

add("help", ".help [WORD]", "what WORD is, or the overview", function(rest)
    require("lunalloc.help")(help_subject(rest))
end)

add("stats", ".stats", "the counters: la.stats()", function(_, target)
    return target.stats()
end, "stats")

--- The rows of a snapshot as plain tables, without those that hold nothing.
local function rows_of(rows, key, holds)
    local list = {}
    for index, row in pairs(rows) do
        local plain = { [key] = index }
        for name, value in pairs(row) do
            plain[name] = value
        end
        plain.szind = nil -- it is the index
        if plain[holds] ~= 0 then
            list[#list + 1] = plain
        end
    end
    return list
end

add("arenas", ".arenas", "the counters of each arena", function(_, target)
    local stats, message, code = target.stats()
    if not stats then
        return nil, message, code
    end
    return rows_of(stats.arenas, "index", "mapped")
end, "stats")

add("bins", ".bins", "the size classes in use, with their counters", function(_, target)
    local stats, message, code = target.stats()
    if not stats then
        return nil, message, code
    end
    return rows_of(stats.classes, "index", "nmalloc")
end, "stats")

add("extents", ".extents [by=FIELD] [KEY=VALUE]...", "extents, summed up: la.extents_summary{}", function(rest, target)
    local options, message = conditions(rest)
    if not options then
        return nil, message
    end
    return safely(target.extents_summary, options)
end, "extents_summary")

add("sizeclasses", ".sizeclasses", "the size classes: la.sizeclasses()", function(_, target)
    return target.sizeclasses()
end, "sizeclasses")

add("threads", ".threads", "the threads and what they cache: la.threads()", function(_, target)
    return target.threads()
end, "threads")

add("doctor", ".doctor", "findings: la.doctor()", function(_, target)
    return target.doctor()
end, "doctor")

add("waste", ".waste [by=arena|class|stack]", "bytes held but not in use: la.waste{}", function(rest, target)
    local options, message = conditions(rest)
    if not options then
        return nil, message
    end
    return safely(target.waste, options)
end, "waste")

add("report", ".report [FILE]", "writes a page for a browser: la.report(FILE)", function(rest, target)
    local path = rest == "" and "report.html" or unquoted(rest)
    local result, message = safely(target.report, path)
    if not result then
        return nil, message
    end
    return ("%s: %s, with %s"):format(path, require("lunalloc.units").human(result.bytes),
        table.concat(result.sections, ", "))
end, "report")

-- The recording that .record has started.
local recording

local function stop_recording()
    local r = recording
    recording = nil
    if not r then
        return nil, ".record stop: nothing is recorded"
    end
    return r:stop()
end

add("record", ".record FILE [TIME] | .record stop", "records the target's calls in the background: la.record{}",
    function(rest, target)
        if rest == "stop" then
            return stop_recording()
        end
        local path, time = rest:match "^(%S+)%s*(%S*)$"
        if recording and (not path or recording:status().state == "recording") then
            return recording
        elseif not path then
            return nil, "usage: .record FILE [TIME] | .record stop"
        end
        local r, message, code = safely(target.record, { path = unquoted(path), duration = time ~= "" and time or nil })
        recording = r
        return r, message, code
    end, "record")

add("replay", ".replay FILE [KEY=VALUE]...", "replays a recorded trace in a process of its own: la.replay{}",
    function(rest)
        local path, list = rest:match "^(%S+)%s*(.*)$"
        if not path then
            return nil, "usage: .replay FILE [KEY=VALUE]..., such as conf=narenas:1 speed=max allocator=glibc"
        end
        local options, message = conditions(list)
        if not options then
            return nil, message
        end
        options.trace = unquoted(path)
        return safely(require("lunalloc").replay, options)
    end)

add("map", ".map [by=state|occupancy|age|residency|arena|class] [KEY=VALUE]...",
    "the address space of the heap as a picture: la.map{}", function(rest, target)
        local options, message = conditions(rest)
        if not options then
            return nil, message
        end
        return safely(target.map, options)
    end, "map")

local OBJECTIVES <const> = { rss = true, time = true, p99 = true, balanced = true }

add("tune", ".tune [rss|time|p99|balanced] [COMMAND]",
    "searches settings for a command, or for the attached process: la.tune{}", function(rest, target)
        local first, command = rest:match "^(%S*)%s*(.*)$"
        local given = { objective = OBJECTIVES[first] and first or nil }
        command = given.objective and command or rest
        if command ~= "" then
            given.command = command
        elseif prompt.is_attached() then
            given.target = target
        else
            return nil, "usage: .tune [rss|time|p99|balanced] COMMAND, or attach a process first"
        end
        return safely(require("lunalloc").tune, given)
    end)

add("ps", ".ps", "processes that can be attached: la.ps()", function()
    return require("lunalloc").ps()
end, "ps")

-- ---- commands that change ------------------------------------------------------------------------------------------

add("get", ".get NAME", "reads a control", function(rest, target)
    local name, message = needs_word(rest, ".get NAME")
    if not name then
        return nil, message
    end
    return safely(target.get, name)
end, "get")

add("set", ".set NAME VALUE", "writes a control", function(rest, target)
    local name, value = rest:match "^(%S+)%s+(.+)$"
    if not name then
        return nil, "usage: .set NAME VALUE"
    end
    return safely(target.set, unquoted(name), value_of(unquoted(value)))
end, "set")

add("plot", ".plot [EXPR]", "a picture of the history, or of EXPR: a workload, its timeline, or numbers", function(rest,
    target)
    return require "lunalloc.prompt.picture" (rest ~= "" and prompt.evaluate(rest) or nil, target)
end)

add("history", ".history", "the last ten minutes: la.history()", function(_, target)
    return target.history()
end, "history")

add("top", ".top", "where the memory is, live, on the full screen", function(_, target)
    local status, message, code = safely(require "lunalloc.top", { target }, {})
    if not status then
        return nil, message, code
    end
end)

add("purge", ".purge", "returns all unused memory to the system: la.purge()", function(_, target)
    return target.purge()
end, "purge")

add("workload", ".workload KEY=VALUE, ...", "starts la.workload{KEY=VALUE, ...} as the global w", function(rest)
    local w = prompt.evaluate("la.workload{" .. rest .. "}:start()")
    rawset(_G, "w", w)
    return w
end)

-- ---- commands about the prompt -------------------------------------------------------------------------------------

add("attach", ".attach PID|NAME|CORE", "commands act on that process, which becomes the global t", function(rest)
    local name, message = needs_word(rest, ".attach PID|NAME|CORE")
    if not name then
        return nil, message
    end
    local target, code
    target, message, code = safely(require("lunalloc").attach, math.tointeger(tonumber(name)) or name)
    if not target then
        return nil, message, code
    end
    dot.detach()
    prompt.use(target)
    print(tostring(target) .. (target.why and ": " .. target.why or ""))
end, "attach")

--- Leaves the target that is in use.
function dot.detach()
    local target = prompt.is_attached() and prompt.target()
    prompt.use(nil)
    if target and target.close then
        pcall(target.close)
    end
end

add("detach", ".detach", "back to this process", function()
    if not prompt.is_attached() then
        return nil, "no process is attached"
    end
    dot.detach()
end, "attach")

local function clock()
    return package.loaded["lunalloc.console"].clock()
end

local units = require "lunalloc.units"

add("time", ".time EXPR", "evaluates EXPR and says how long that took", function(rest)
    local word, message = needs_word(rest, ".time EXPR")
    if not word then
        return nil, message
    end
    local cpu, start = os.clock(), clock()
    local results = table.pack(prompt.evaluate(rest))
    local took, used = clock() - start, os.clock() - cpu
    prompt.print(table.unpack(results, 1, results.n))
    print(("(%s; processor %s)"):format(units.human_time(took * 1e9), units.human_time(used * 1e9)))
end)

--- The times of ".watch 1s 3x EXPR": seconds, how often or nil, and the text.
local function watch_arguments(rest)
    local interval, text = rest:match "^(%d[%w.]*)%s+(.+)$"
    local seconds = interval and units.time(interval)
    if not seconds then
        text, seconds = rest, 1e9
    end
    local times, more = text:match "^(%d+)x%s+(.+)$"
    return seconds / 1e9, tonumber(times), more or text
end

add("watch", ".watch [INTERVAL] [COUNTx] EXPR", "evaluates EXPR, or a command, every INTERVAL (1s) until a key",
    function(rest)
        local word, message = needs_word(rest, dot.commands.watch.usage)
        if not word then
            return nil, message
        end
        local seconds, times, text = watch_arguments(rest)
        if seconds < 0.01 or seconds > 1e6 then
            return nil, ".watch: the interval is from 10ms to 1000000s"
        end
        require "lunalloc.prompt.watch" (prompt.evaluate, text, seconds, times)
    end)

add("pager", ".pager on|off", "whether long results are shown by a pager", function(rest)
    if rest ~= "on" and rest ~= "off" then
        return nil, "usage: .pager on|off"
    end
    require("lunalloc.prompt.pager").enabled = rest == "on"
end)

add("quit", ".quit", "leaves", function() end)

-- ---- the interface -------------------------------------------------------------------------------------------------

--- The command of that name, if it can be used now.
local function find(name)
    local command = dot.commands[name]
    if command and command.needs then
        local target = prompt.target()
        local here = target[command.needs] or require "lunalloc"[command.needs]
        return here and command or nil
    end
    return command
end

--- The names of all commands that can be used now, sorted.
function dot.names()
    local names = {}
    for name in pairs(dot.commands) do
        if find(name) then
            names[#names + 1] = name
        end
    end
    table.sort(names)
    return names
end

--- A table of all commands, as text.
function dot.overview()
    local lines = {}
    for i, name in ipairs(dot.names()) do
        local command = dot.commands[name]
        lines[i] = ("%-36s %s"):format(command.usage, command.does)
    end
    return table.concat(lines, "\n")
end

local function unknown(name)
    local set = {}
    for _, known in ipairs(dot.names()) do
        set[known] = true
    end
    local near = suggest.word(name, set)
    return ("unknown command '.%s'%s; '.help commands' lists all"):format(name,
        near and ("; did you mean '.%s'?"):format(near) or "")
end

--- Splits a line into the command's name and the rest; "?word" is ".help word", and "exit" is ".quit".
local function split(line)
    if line:find "^%?" then
        return "help", line:match "^%?+%s*(.-)%s*$"
    elseif line:find "^%l" then
        return "quit", ""
    end
    return line:match "^%.(%S*)%s*(.-)%s*$"
end

--- Calls a command and returns its values; nil, message, code if there is no such command.
function dot.call(line)
    local name, rest = split(line)
    local command = find(name)
    if not command then
        return nil, unknown(name), "ENOENT"
    end
    return command.run(rest, prompt.target())
end

--- Runs a command line and prints its values. Returns whether it succeeded, and whether the prompt ends.
function dot.run(line)
    local results = table.pack(dot.call(line))
    if results[1] == nil and type(results[2]) == "string" then
        io.stdout:flush()
        io.stderr:write("lunalloc: ", errors.broken(show_value.printable(results[2])), "\n")
        return false, false
    end
    if results.n > 0 then
        prompt.print(table.unpack(results, 1, results.n))
    end
    return true, split(line) == "quit"
end

return dot
