--- lunalloc threads: the threads of a process, and what their caches hold.

local command = require "lunalloc.command"
local units = require "lunalloc.units"

local USAGE <const> = [[
threads TARGET [--json]

Lists the threads that have allocated, those with the most bytes in their caches first. BEHIND marks threads that have
not yet done what all were asked for, as they sleep. With --json, the objects of each size class in each cache, too.
A TARGET is a pid, the name of a process, or the path of a core file.]]

--- The list for JSON, each thread with its classes, which are no field.
local function with_classes(list)
    local copies = {}
    for i, thread in ipairs(list) do
        copies[i] = { classes = thread.classes }
        for name, value in pairs(thread) do
            copies[i][name] = value
        end
    end
    return copies
end

local columns <const> = {
    { "TID", function(thread) return thread.tid end },
    { "ARENA", function(thread) return thread.arena end },
    { "CACHED", function(thread) return units.human(thread.cached) end, right = true },
    { "IDLE", function(thread) return thread.idle and units.human_time(thread.idle * 1e9) or "-" end, right = true },
    { "BEHIND", function(thread) return thread.behind and "yes" or "" end },
    { "NAME", function(thread) return thread.name end },
}

local function run(args)
    local options, words = command.options(args, { json = "flag" })
    command.no_more(words, 1)
    local t <close> = command.target(words[1])
    local list = command.try(t.threads())
    table.sort(list, function(a, b) return a.cached == b.cached and a.tid < b.tid or a.cached > b.cached end)
    if options.json then
        print(command.json(with_classes(list)))
    else
        command.grid(list, columns)
    end
end

return { summary = "threads by what their caches hold", usage = USAGE, run = run }
