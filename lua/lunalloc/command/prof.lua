--- lunalloc prof: the heap profiler of a process, switched on while it runs.

local command = require "lunalloc.command"
local sent = require("lunalloc.check").sent
local samples = require "lunalloc.samples"
local units = require "lunalloc.units"

local USAGE <const> = [[
prof TARGET [start | stop | top | dump FILE] [--seconds TIME] [--by GROUP] [--min-age TIME]
     [--lg-sample N] [-n N] [--json]

Samples the allocations of a process, and tells which code allocated the blocks that are live. Without a verb it starts
if profiling is off, waits, prints the top, and leaves the profiler as it was. A TARGET is a pid, or the name of a
process.

  start            switches profiling on; --lg-sample N: one sample in 2^N bytes (19)
  stop             switches it off; blocks that were sampled are still tracked
  top              live blocks in groups, most bytes first
  dump FILE        writes a profile: for pprof if FILE ends in .pb or .pb.gz, stacks for a flame graph if in
                   .collapsed, else text for google-pprof. All but .collapsed are written by the process itself, as its
                   user may
  --seconds TIME   how long to sample before the top is printed: 5s, if profiling was off
  --by GROUP       stack, class, arena, thread, function, line or age
  --min-age TIME   only blocks of at least this age
  -n N             so many groups: 10
  --json           the groups as JSON]]

local verbs <const> = { "start", "stop", "top", "dump" }

--- "12.3 MiB  1,234 objects  up to 10 s old   inner < outer < ..."
local function group_text(group)
    local name = group.stack and table.concat(group.stack, "\n    < ") or group.size and "class " .. group.size
        or group.arena and "arena " .. group.arena or group["function"] or group.line or group.age
        or ("thread %d %s"):format(group.tid, group.thread)
    return ("%10s  %9s objects, up to %s old%s%s"):format(units.human(group.bytes), units.human_count(group.objects),
        units.human_time(group.oldest * 1e9), group.stack and "\n      " or "  ", name)
end

local function print_top(t, options)
    local groups = command.try(t.prof.top { by = options.by, min_age = options["min-age"], n = options.n })
    if options.json then
        print(command.json(groups))
        return
    end
    for _, group in ipairs(groups) do
        print(group_text(group))
    end
    if #groups == 0 then
        print(command.try(t.get "prof.active") and "no block was sampled yet" or "no samples: profiling is off")
    end
end

local actions = {}

function actions.start(t, options)
    command.try(t.prof.start { lg_sample = options["lg-sample"] })
    local lg_sample = sent(command.try(t.get "prof.lg_sample"), 0, 62)
    print(("profiling is on: one sample in %s"):format(units.human(1 << lg_sample)))
end

function actions.stop(t)
    command.try(t.prof.stop())
    print "profiling is off"
end

function actions.top(t, options)
    command.sleep(options.seconds or 0)
    print_top(t, options)
end

function actions.dump(t, options, path)
    if not path then
        command.misuse("prof dump: to which file?")
    end
    local folder = os.getenv "PWD"
    path = path:find "^/" and path or folder and folder .. "/" .. path or path -- the process has a folder of its own
    command.sleep(options.seconds or 0)
    command.try(t.prof.dump(path))
    print("written: " .. path)
end

--- Samples for a while, if that is not going on already.
local function look(t, options)
    local was_on = command.try(t.get "prof.active")
    if not was_on then
        command.try(t.prof.start { lg_sample = options["lg-sample"] })
    end
    command.sleep(options.seconds or was_on and 0 or 5)
    print_top(t, options)
    if not was_on then
        command.try(t.prof.stop())
    end
end

local function check(options, words)
    if words[2] and not actions[words[2]] then
        command.misuse("prof: no verb '%s' (there are: %s)", words[2], table.concat(verbs, ", "))
    elseif options.by and not samples.is_grouping(options.by) then
        command.misuse("prof: --by is %s or %s, not '%s'", table.concat(samples.GROUPINGS, ", ", 1,
            #samples.GROUPINGS - 1), samples.GROUPINGS[#samples.GROUPINGS], options.by)
    end
    command.no_more(words, words[2] == "dump" and 3 or 2)
end

local function run(args)
    local options, words = command.options(args, { json = "flag", seconds = "time", by = "text", ["min-age"] = "time",
        ["lg-sample"] = "count", n = "count" })
    check(options, words)
    local t <close> = command.target(words[1])
    local action = words[2] and actions[words[2]] or look
    action(t, options, words[3])
end

return { summary = "the heap profiler: which code allocated what is live", usage = USAGE, run = run }
