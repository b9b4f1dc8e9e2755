--- lunalloc top: where the memory of processes is, live.

local command = require "lunalloc.command"

local SHORTEST <const>, LONGEST <const> = 0.1, 3600

local usage <const> = [[
top PROCESS... [--interval TIME] [--count N] [--once] [--plain] [--json]

Shows where the memory of processes is, and changes settings while they run. h lists the keys.
A PROCESS is a pid, or the name of the only process that has it.

  --interval TIME   time between two samples: "500ms", "2s"; default 1s
  --count N         end after N samples; no full screen
  --once            one table of everything, then end
  --plain           no full screen: a line for each process every interval
  --json            an object every interval, one a line; with --once a single one

Without a terminal, on a dumb one, or without ncurses: as with --plain.
Exit status: 2 if every process has ended.]]

local function run(args)
    local options, words = command.options(args, { interval = "time", count = "count", once = "flag", plain = "flag",
        json = "flag" })
    local interval = options.interval
    if interval and (interval < SHORTEST or interval > LONGEST) then
        command.misuse("top: --interval is from 100ms to 1h")
    elseif options.count == 0 then
        command.misuse("top: --count is at least 1")
    elseif #words == 0 then
        command.target(nil)
    end
    local targets = {}
    for i, word in ipairs(words) do
        targets[i] = word == "self" and require "lunalloc" or command.target(word)
    end
    return require "lunalloc.top" (targets, options)
end

return { summary = "where the memory is, live: time lines, arenas, classes, threads", usage = usage, run = run }
