--- Subcommands: `lunalloc NAME ARGS` runs lunalloc/command/NAME.lua.
---
--- To add one, put its name in the list below, and make the file return a table:
---
---     summary = "one line for the list of commands",
---     usage = "NAME TARGET [--json]\n\nwhat it does, and a line for each option",
---     run = function(args)    -- an array of texts
---         local options, words = command.options(args, { json = "flag", n = "count" })
---         local t = command.target(words[1])
---         local stats = command.try(t.stats())
---         ...
---         return 4            -- the exit status; nothing is 0
---     end
---
--- A failure ends the command from anywhere: stop() for an own error (status 1), try() for a failed call (2 if the
--- target is gone, else 1). main() prints its one line on stderr. A command that returns "prompt" gets the prompt after
--- its work, which sees the globals that the command has set.

local core = require "lunalloc.core"

local command = {}

-- In the order of the list that people read.
local groups = {
    { "find a process", "ps", "run", "attach" },
    { "look into it", "top", "stats", "threads", "extents", "map", "doctor", "prof", "get" },
    { "change it", "set", "purge", "conf" },
    { "without its help", "core" },
    { "record its calls", "record", "trace" },
    { "test allocators", "test", "compare", "replay" },
    { "find settings", "tune" },
    { "show it to others", "report" },
    { "for other tools", "serve" },
    { "explain", "help" },
}

-- Those that are in no list.
local hidden = { complete = true }

local OWN <const>, LOST <const>, BUG <const> = 1, 2, 3

-- ---- the list ------------------------------------------------------------------------------------------------------

local function is_there(name)
    return package.searchpath("lunalloc.command." .. name, package.path) ~= nil
end

--- The names of all commands, in the order of the list; each group with its title if `grouped`.
function command.names(grouped)
    local names = {}
    for _, group in ipairs(groups) do
        for i = 2, #group do
            if is_there(group[i]) then
                names[#names + 1] = grouped and { title = group[1], name = group[i] } or group[i]
            end
        end
    end
    return names
end

--- The command of that name; nil if there is none.
function command.load(name)
    local known = hidden[name]
    for _, listed in ipairs(command.names()) do
        known = known or listed == name
    end
    return known and require("lunalloc.command." .. name) or nil
end

--- Prints the list of commands with their summaries.
function command.list()
    local title
    print "commands (lunalloc help NAME explains one):"
    for _, entry in ipairs(command.names(true)) do
        local shown = entry.title ~= title and entry.title or ""
        title = entry.title
        print(("  %-17s %-8s %s"):format(shown, entry.name, command.load(entry.name).summary))
    end
end

--- "; did you mean 'top'?", or "".
function command.hint(word, candidates)
    local near = core.nearest(word, candidates)
    return near and ("; did you mean '%s'?"):format(near) or ""
end

--- What to say of a word that is no command.
function command.unknown(word)
    return ("unknown command '%s'%s"):format(word, command.hint(word, command.names()))
end

-- ---- the end of a command ------------------------------------------------------------------------------------------

-- What stop() raises: status, and message, or the usage that was asked for.
local Stop = {}

--- Ends the command with one line on stderr; printf's arguments. An own error: status 1.
function command.stop(format, ...)
    error(setmetatable({ status = OWN, message = select("#", ...) > 0 and format:format(...) or format }, Stop))
end

--- The message of a call that the target's way cannot do: if there is a reason for that way, it says that.
local function why_not(message)
    local t = command.attached
    return t and t.why and ("%s: %s"):format(message:match "^[^:]*", t.why) or message
end

--- Returns its arguments: the results of a call. If the call has failed (nil, message, code), ends the command.
function command.try(...)
    local value, message, code = ...
    if value == nil and message ~= nil then
        message = code == "ENOTSUP" and why_not(message) or message
        error(setmetatable({ status = code == "ESRCH" and LOST or OWN, message = message }, Stop))
    end
    return ...
end

--- Bad usage: the reason, and how to get help.
function command.misuse(format, ...)
    command.stop("%s (lunalloc %s --help explains)", format:format(...), command.running or "help")
end

local function handler(problem)
    if getmetatable(problem) == Stop or tostring(problem):find("interrupted!", 1, true) then
        return problem
    end
    return setmetatable({ status = BUG, message = debug.traceback(tostring(problem), 2) }, Stop)
end

local function complain(message)
    io.stdout:flush()
    io.stderr:write("lunalloc: ", message, "\n")
end

--- Runs the function of a command. Returns what main() does. Ctrl-C is raised on: the console ends by the signal.
local function run(call, args)
    local ok, result = xpcall(call, handler, args)
    if ok then
        return result == "prompt" and 0 or result or 0, result == "prompt" and "prompt" or "done"
    elseif getmetatable(result) ~= Stop then
        error(result, 0)
    elseif result.usage then
        print("usage: lunalloc " .. result.usage)
    else
        complain(result.message)
    end
    return result.status, "done"
end

local function is_readable(path)
    local file <close> = io.open(path)
    return file ~= nil
end

--- Runs the command `word`. Returns its exit status, and "done", "prompt" or, if the word names a script, "script".
function command.main(word, args)
    local found = command.load(word)
    if found then
        command.running, command.usage = word, found.usage
        return run(found.run, args)
    elseif is_readable(word) then
        return 0, "script"
    end
    local problem = command.unknown(word)
    complain(problem .. (problem:find "%?$" and "" or ".") .. " A script of that name does not exist either.")
    return OWN, "done"
end

-- ---- options -------------------------------------------------------------------------------------------------------

local units = require "lunalloc.units"

-- How the value of an option is read, and what is allowed.
local kinds = {
    text = { read = function(text) return text end, allowed = "a text" },
    count = { read = units.count, allowed = "a whole number, " .. units.ACCEPTED.count },
    size = { read = units.size, allowed = units.ACCEPTED.bytes },
    time = { read = function(text) return units.time(text) and units.time(text) / 1e9 end,
        allowed = units.ACCEPTED.time },
}

local function is_option(word)
    return word:find "^%-" ~= nil and word ~= "-" and not word:find "^%-%d"
end

--- The long name and the kind of an option as it was typed ("--json", "-n"); ends the command if there is none.
local function option_of(typed, spec)
    local name = typed:match "^%-%-(.+)$"
    if name and spec[name] then
        return name, spec[name].kind or spec[name]
    end
    local words = { "--help" }
    for long, kind in pairs(spec) do
        local short = #long == 1 and long or kind.short
        if short and typed == "-" .. short then
            return long, kind.kind or kind
        end
        words[#words + 1] = (#long == 1 and "-" or "--") .. long
    end
    table.sort(words)
    command.stop("%s: unknown option '%s'%s (there are: %s)", command.running, typed, command.hint(typed, words),
        table.concat(words, " "))
end

--- The value of an option, from its text.
local function read_value(typed, kind, text)
    if not text then
        command.misuse("%s: '%s' needs a value: %s", command.running, typed, kinds[kind].allowed)
    end
    local value = kinds[kind].read(text)
    if value == nil then
        command.misuse("%s: '%s' takes %s, not '%s'", command.running, typed, kinds[kind].allowed, text)
    end
    return value
end

local function show_usage()
    error(setmetatable({ status = 0, usage = command.usage }, Stop))
end

--- Parses the option at args[i] into `options`. Returns the position behind it.
local function parse_option(args, i, spec, options)
    local typed, glued = args[i]:match "^(%-%-[^=]+)=(.*)$"
    typed = typed or args[i]
    if typed == "--help" or typed == "-h" and not spec.h then
        show_usage()
    end
    local name, kind = option_of(typed, spec)
    if kind == "flag" then
        if glued then
            command.misuse("%s: '%s' takes no value", command.running, typed)
        end
        options[name] = true
        return i + 1
    end
    local value = read_value(typed, kind, glued or args[i + 1])
    if spec[name].many then
        options[name] = options[name] or {}
        table.insert(options[name], value)
    else
        options[name] = value
    end
    return glued and i + 1 or i + 2
end

--- Options and words of a command line. `spec`: long name = kind, or { kind = kind, short = "n", many = true }; a name
--- of one letter is a short option; one of many may be repeated, and its values are an array. Kinds: "flag", "text",
--- "count" (integer), "size" (bytes), "time" (seconds). Options may follow words, unless `spec[1]` is "first"; "--"
--- ends them. Ends the command for a mistake, and for --help.
function command.options(args, spec)
    local first = spec[1] == "first"
    local known, options, words = {}, {}, {}
    for name, kind in pairs(spec) do
        known[name] = name ~= 1 and kind or nil
    end
    local i = 1
    while i <= #args and args[i] ~= "--" and not (first and not is_option(args[i])) do
        if is_option(args[i]) then
            i = parse_option(args, i, known, options)
        else
            words[#words + 1] = args[i]
            i = i + 1
        end
    end
    i = args[i] == "--" and i + 1 or i
    return options, table.move(args, i, #args, #words + 1, words)
end

-- ---- targets -------------------------------------------------------------------------------------------------------

--- Attaches to a process: its pid, its unique name, or the path of a core file. `options`: of la.attach. Ends the
--- command if it cannot.
function command.target(word, options)
    if word == nil then
        command.misuse("%s: which process? a pid, a name, or the path of a core file", command.running)
    end
    local t, message = require("lunalloc").attach(math.tointeger(tonumber(word)) or word, options)
    if not t then
        command.stop("%s", message)
    end
    command.attached = t
    return t
end

--- The table that the texts of `--set KEY=VALUE` make, for the subcommand `name`.
function command.settings(name, texts)
    local scenario = require "lunalloc.scenario"
    local set = {}
    for _, text in ipairs(texts or {}) do
        if not scenario.parse_set(set, text) then
            command.misuse("%s: '--set' takes KEY=VALUE, not '%s'", name, text)
        end
    end
    return set
end

--- Bad usage if there are more words than `n`.
function command.no_more(words, n)
    if #words > n then
        command.misuse("%s: unexpected '%s'", command.running, words[n + 1])
    end
end

--- Waits. Ctrl-C ends the command.
function command.sleep(seconds)
    local console = package.loaded["lunalloc.console"]
    if console then
        console.sleep(seconds)
    end
end

-- ---- output --------------------------------------------------------------------------------------------------------

--- A cell for the terminal: one line, without control characters.
local function cell(value)
    return (tostring(value):gsub("%c", "?"))
end

--- Prints rows in columns. A column: { title, function(row) -> value, right = true or nil }; numbers are at the right.
function command.grid(rows, columns)
    local lines = {}
    for i = 0, #rows do
        lines[i] = {}
    end
    for c, column in ipairs(columns) do
        local right, width = column.right, utf8.len(column[1])
        lines[0][c] = column[1]
        for i, row in ipairs(rows) do
            local value = column[2](row)
            right = right or math.type(value) ~= nil
            lines[i][c] = cell(value)
            width = math.max(width, utf8.len(lines[i][c]) or #lines[i][c])
        end
        for i = 0, #rows do
            local fill = (" "):rep(width - (utf8.len(lines[i][c]) or #lines[i][c]))
            lines[i][c] = right and fill .. lines[i][c] or lines[i][c] .. fill
        end
    end
    for i = 0, #rows do
        print((table.concat(lines[i], "  "):gsub("%s+$", "")))
    end
end

--- True if the table has no other keys than 1 to n.
local function is_array(t)
    local n = 0
    for _ in pairs(t) do
        n = n + 1
    end
    return n == rawlen(t)
end

--- A plain copy of a value for core.json(): objects that enumerate themselves become tables, and all keys texts, except
--- those of an array.
local function plain(value)
    local kind = type(value)
    if kind ~= "table" and kind ~= "userdata" then
        return value
    end
    local copy, array = {}, kind == "table" and is_array(value)
    for key, field in pairs(value) do
        copy[array and key or tostring(key)] = plain(field)
    end
    return copy
end

--- The value as JSON: a table with only the keys 1 to n is an array, and so is an empty one.
function command.json(value)
    return core.json(plain(value))
end

return command
