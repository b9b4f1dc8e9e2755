--- lunalloc report: one file for a browser that shows what a process, a trace or a search for settings has done.

local command = require "lunalloc.command"
local heap = require "lunalloc.report.heap"
local units = require "lunalloc.units"

local USAGE <const> = [[
report TARGET [-o FILE] [--for TIME] [--with-command-line]
report INSTANT... [-o FILE]

Writes one file for a browser, with all that it needs in it: memory over time, with marks where a setting was changed;
a map of the heap, waste, the code that allocated what lives, threads, findings, settings. A TARGET is a pid, the name
of a process, the path of a core file, or a file: a recorded trace, or the JSON of a search for settings or of a
workload's result. INSTANTs are files that instant:save() wrote: their heap maps over time, and what changed.

  -o FILE               where to; default: report.html; -: the standard output
  --for TIME            watches the process for that time first, such as 30s
  --with-command-line   shows command lines, paths and the environment, which are left out otherwise]]

local KINDS <const> = { { "^{", "JSON" }, { "^\127ELF", "core" }, { "^LUNALLOC INSTANT", "instant" } }

--- What a file is, by its first bytes; nil if it is no file.
local function kind_of(path)
    local core = require "lunalloc.core"
    local kind = not tonumber(path) and core.file_kind(path)
    local file <close> = kind == "file" and io.open(path, "rb") or nil
    if not file then
        return nil
    end
    local start = file:read(16) or ""
    for _, known in ipairs(KINDS) do
        if start:find(known[1]) then
            return known[2]
        end
    end
    return "trace"
end

--- The parts of a report of a file: a trace, or the JSON of a search's or a workload's result.
local function parts_of_file(path, kind)
    if kind ~= "JSON" then
        return { trace = path, process = false }
    end
    local file <close> = command.try(io.open(path, "rb"))
    local value = command.try(require("lunalloc.json").decode(file:read "a"))
    local is_result = type(value) == "table" and value.latency ~= nil
    return { tune = not is_result and value or nil, result = is_result and value or nil, process = false }
end

--- The parts of a report of instants that were saved.
local function parts_of_instants(paths)
    local film = heap.new { expected = #paths }
    for _, path in ipairs(paths) do
        local added, message, code = film:add_file(path, path:match "[^/]*$")
        if added == nil then
            command.try(nil, message, code)
        end
    end
    return { film = film, process = false }
end

--- The parts of a report of a process that is watched for so many seconds.
local function parts_of_watching(t, seconds)
    local parts = {}
    if seconds then
        local watch = require "lunalloc.report.watch"
        local film, first, last = heap.new(), nil, nil
        local moments = command.try(watch.run(t, seconds, command.sleep, function()
            local instant = heap.take(t)
            if instant then
                film:add(instant)
                if last and last ~= first then
                    last:close()
                end
                first, last = first or instant, instant
            end
        end))
        if last and last ~= first then
            film:compare(first, last)
        end
        local history = t.history() or { moments = {}, marks = {} }
        parts.film, parts.history = film, { moments = moments, marks = history.marks }
    end
    return parts
end

local function say(result, path)
    print(("%s: %s, with %s"):format(path, units.human(result.bytes), table.concat(result.sections, ", ")))
    for _, part in ipairs(result.missing) do
        print(("  without %s: %s"):format(part.title:lower(), part.why))
    end
end

local function run(args)
    local options, words = command.options(args, { output = { kind = "text", short = "o" }, ["for"] = "time",
        ["with-command-line"] = "flag" })
    local path = options.output or "report.html"
    local kind = words[1] and kind_of(words[1])
    command.no_more(words, kind == "instant" and #words or 1)
    local t <close> = (kind == nil or kind == "core") and command.target(words[1]) or nil
    local parts = t and parts_of_watching(t, options["for"]) or kind == "instant" and parts_of_instants(words)
        or parts_of_file(words[1], kind)
    parts.private = not options["with-command-line"]
    local result = command.try((t or require "lunalloc").report(path, parts))
    if path ~= "-" then
        say(result, path)
    end
end

return { summary = "one file for a browser: what a process, a trace or a search did", usage = USAGE, run = run }
