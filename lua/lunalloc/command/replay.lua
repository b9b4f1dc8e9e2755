--- lunalloc replay: a recorded trace on any malloc or setting.

local calls = require "lunalloc.command.calls"
local command = require "lunalloc.command"

local USAGE <const> = [[
replay TRACE [--conf SETTINGS] [--allocator NAME] [--speed real|max|N] [--lossy]
       [--touch pages|all|none|verify] [--timeout TIME] [--json]

Replays a trace that lunalloc record made, in a process of its own: the recorded threads make the recorded calls, in
their order, and free each other's blocks. Prints the time of a call, percentiles, memory, and the fidelity: what was
recorded beside what was replayed. Blocks are written as far as the program touched theirs.

  --conf SETTINGS    settings of LUNALLOC_CONF; else those that were recorded
  --allocator NAME   lunalloc (default), glibc, jemalloc, mimalloc, tcmalloc, or the path of a library
  --speed SPEED      real (default): at the recorded times; max: as fast as possible; or N times as fast
  --lossy            also a trace that lost more than 0.1 % of its events
  --touch HOW        pages (default): a byte of each touched page is written; all: every byte; none; verify: every
                     byte, which is compared when the block is resized or freed
  --timeout TIME     after which the replay is stopped
  --json             all of it as JSON

Exit status: 1 if the trace cannot be replayed; 4 if the replay is not exact: a call, a free by another thread or the
live bytes differ from the recording, or a block did not hold what was written (--touch verify).]]

local INEXACT <const> = 4

local OPTIONS <const> = { conf = { kind = "text", short = "c" }, allocator = "text", speed = "text", lossy = "flag",
    touch = "text", timeout = "time", json = "flag" }

local function progress(share, what)
    return ("%s: %.0f %%"):format(what, 100 * share)
end

local function replay(options, trace)
    return command.try(calls.long(require("lunalloc").replay, { trace = trace, conf = options.conf,
        allocator = options.allocator, speed = options.speed, lossy = options.lossy, touch = options.touch,
        timeout = options.timeout }, not options.json and calls.progress(progress) or nil))
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
