--- lunalloc replay: a recorded trace on any malloc or setting.

local command = require "lunalloc.command"

local USAGE <const> = [[
replay TRACE [--conf SETTINGS] [--allocator NAME] [--speed real|max|N] [--lossy]
       [--touch pages|all|none] [--timeout TIME] [--json]

Replays a trace that lunalloc record made, in a process of its own: the recorded threads make the recorded calls, in
their order, and free each other's blocks. Prints the time of a call, percentiles, memory, and the fidelity: what was
recorded beside what was replayed. Blocks are written as far as the program touched theirs.

  --conf SETTINGS    settings of LUNALLOC_CONF; else those that were recorded
  --allocator NAME   lunalloc (default), glibc, jemalloc, mimalloc, tcmalloc, or the path of a library
  --speed SPEED      real (default): at the recorded times; max: as fast as possible; or N times as fast
  --lossy            also a trace that lost more than 0.1 % of its events
  --touch HOW        pages (default): a byte of each touched page is written; all: every byte; none
  --timeout TIME     after which the replay is stopped
  --json             all of it as JSON

Exit status: 1 if the trace cannot be replayed; 4 if the replay is not exact: a call, a free by another thread or the
live bytes differ from the recording.]]

local INEXACT <const> = 4

local OPTIONS <const> = { conf = { kind = "text", short = "c" }, allocator = "text", speed = "text", lossy = "flag",
    touch = "text", timeout = "time", json = "flag" }

--- Shows on a terminal how far it is; nil elsewhere.
local function progress()
    local console = require "lunalloc.console"
    if not console.colour then
        return nil
    end
    return function(share, what)
        local line = ("%s: %.0f %%"):format(what, 100 * share)
        io.stdout:write("\r", line:sub(1, console.width() - 1), "\27[K"):flush()
    end
end

local function replay(options, trace)
    local tell = not options.json and progress() or nil
    local ok, result, message, code = pcall(require("lunalloc").replay, {
        trace = trace, conf = options.conf, allocator = options.allocator, speed = options.speed,
        lossy = options.lossy, touch = options.touch, timeout = options.timeout, on_progress = tell,
    })
    if tell then
        io.stdout:write "\r\27[K"
    end
    if not ok and tostring(result):find("interrupted!", 1, true) then
        error(result, 0)
    elseif not ok then
        command.misuse("%s", (tostring(result):gsub("^[^\n]-:%d+: ", "")))
    end
    return command.try(result, message, code)
end

local function run(args)
    local options, words = command.options(args, OPTIONS)
    if not words[1] then
        command.misuse("replay: which trace? the path of a file")
    end
    command.no_more(words, 1)
    local result = replay(options, words[1])
    print(options.json and result:tojson() or result)
    return result.fidelity.exact and 0 or INEXACT
end

return { summary = "a recorded trace on any malloc or setting", usage = USAGE, run = run }
