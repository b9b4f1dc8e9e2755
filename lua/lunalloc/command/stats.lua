--- lunalloc stats: the counters of a process.

local command = require "lunalloc.command"

local USAGE <const> = [[
stats TARGET [--over TIME] [--json | --openmetrics | --report | --opts LETTERS]

Prints the counters of a process. A TARGET is a pid, the name of a process, or the path of a core file.

  --over TIME      what changes in that time, such as 5s, and how much that is a second
  --json           all counters, also of arenas and size classes, as JSON
  --openmetrics    the same for Prometheus
  --report         the whole report that malloc_stats_print() writes
  --opts LETTERS   the same with its letters: J is JSON, g m d a b l x e leave parts out]]

local function difference(t, seconds)
    local before = command.try(t.stats())
    command.sleep(seconds)
    return command.try(t.stats()) - before
end

local function run(args)
    local options, words = command.options(args, { over = "time", json = "flag", openmetrics = "flag",
        report = "flag", opts = "text" })
    command.no_more(words, 1)
    if options.over and (options.openmetrics or options.report or options.opts) then
        command.misuse("stats: --over is for the table and for --json")
    end
    local t <close> = command.target(words[1])
    if options.report or options.opts then
        command.try(t.stats_print(options.opts))
        return
    end
    local snapshot = options.over and difference(t, options.over) or command.try(t.stats())
    if options.json then
        print(snapshot:tojson())
    elseif options.openmetrics then
        io.write(snapshot:toopenmetrics())
    else
        print(snapshot)
    end
end

return { summary = "counters: memory by state, requests, purges; also as JSON", usage = USAGE, run = run }
