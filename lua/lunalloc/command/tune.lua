--- lunalloc tune: searches the settings that are best for a command, a scenario, a trace or a process.

local calls = require "lunalloc.command.calls"
local command = require "lunalloc.command"

local USAGE <const> = [[
tune [--objective rss|time|p99|balanced] [--limit METRIC+SHARE] [--budget TIME] [--runs N]
     [--measure NAME] [--settle TIME] [--rss peak|mean|settled] [--clock wall|cpu] [--same-output]
     [--space SETTINGS] [--least SHARE] [--timeout TIME] [--window TIME] [--set KEY=VALUE]
     [--duration TIME] [--speed SPEED] [--hosts NAMES] [--wait] [--json FILE] [--report FILE]
     [--] COMMAND [ARGUMENT...] | SCENARIO | TRACE | PID

Searches settings of LUNALLOC_CONF that make the command smaller or faster, and confirms the winner in fresh runs. It
prints a table of the best compromises, the line to use with the cause of each setting, or that the defaults are to be
kept. Behind -- there is a command; else a scenario's name or file, a trace's file, or a pid: a process is given its
settings while it runs, and gets its own back at the end. Ctrl-C ends the search with what is known so far.

  --objective NAME      what is to be less: rss (default), time, p99 (if the command tells it), or balanced: rss * time
  --limit METRIC+SHARE  what it may cost: time+2% (default for rss), rss+2% (for time and p99), or none; may be repeated
  --budget TIME         for all of it; default 2m
  --runs N              at most so many runs before the confirmation; default 40
  --measure NAME        memory and processor time of processes of this name only, such as redis-server
  --settle TIME         rss is what is resident in the last TIME of the measured processes, not the peak
  --rss KIND            peak (default): of all processes together; mean; settled
  --clock KIND          wall (default) or cpu: the processor time, which a busy machine disturbs less
  --same-output         settings with which the output differs from that of the defaults are rejected
  --space SETTINGS      a candidate such as dirty_max:4M, in the place of the usual ones; may be repeated
  --least SHARE         the smallest gain that counts; default 1%
  --timeout TIME        of a run; the budget if it is left out
  --window TIME         of a process that is tuned live: how long it is watched with each setting; default 2s
  --set KEY=VALUE       sets a key of a scenario's workload; may be repeated
  --duration TIME       of a scenario, in the place of its own
  --hosts NAMES         of other machines, with commas between them (: is this one): runs of a command or a scenario
                        are spread over them by GNU parallel and ssh; a ratio is taken within one host only
  --speed SPEED         of a trace's replay: max (default), real, or how many times as fast
  --wait                waits while another tuner runs on this machine, which disturbs times; else it warns
  --json FILE           writes all runs, figures and verdicts to FILE, - for the standard output
  --report FILE         writes a page for a browser, with all that was tried by time and memory

Exit status: 0 if a winner is confirmed, and if the defaults are to be kept; 1 if the command fails with the defaults or
nothing can be measured; 6 if a run, or the budget, is too short to judge.]]

local TOO_SHORT <const> = 6

local OPTIONS <const> = { objective = "text", limit = { kind = "text", many = true }, budget = "time", runs = "count",
    measure = "text", settle = "time", rss = "text", clock = "text", ["same-output"] = "flag",
    space = { kind = "text", many = true }, least = "text", timeout = "time", window = "time",
    set = { kind = "text", many = true }, duration = "time", speed = "text", hosts = "text", wait = "flag",
    json = "text", report = "text" }

-- ---- arguments -----------------------------------------------------------------------------------------------------

--- The arguments before "--", and the command behind it; nil if there is no "--".
local function split(args)
    for i, word in ipairs(args) do
        if word == "--" then
            return table.move(args, 1, i - 1, 1, {}), table.move(args, i + 1, #args, 1, {})
        end
    end
    return args, nil
end

local function is_trace(word)
    local trace = require("lunalloc").trace
    return trace ~= nil and word:find "%.lua$" == nil and require("lunalloc.core").child.is_file(word) == true
end

--- Sets what is tuned in the options of la.tune.
local function set_subject(given, words, argv)
    if argv and argv[1] then
        command.no_more(words, 0)
        given.command = argv
    elseif not words[1] then
        command.misuse("tune: what? a command behind --, a scenario, a trace, or a pid")
    else
        command.no_more(words, 1)
        local pid = math.tointeger(tonumber(words[1]))
        given[pid and "target" or is_trace(words[1]) and "trace" or "scenario"] = pid or words[1]
    end
end

--- The options of la.tune.
local function translated(options, words, argv)
    local given = { objective = options.objective, limit = options.limit, budget = options.budget, runs = options.runs,
        measure = options.measure, settle = options.settle, rss = options.rss, clock = options.clock,
        same_output = options["same-output"], space = options.space, least = options.least, timeout = options.timeout,
        window = options.window, duration = options.duration, speed = options.speed, hosts = options.hosts,
        wait = options.wait, report = options.report }
    given.limit = options.limit and options.limit[1] == "none" and "none" or options.limit
    given.set = options.set and command.settings("tune", options.set)
    set_subject(given, words, argv)
    return given
end

-- ---- the search ----------------------------------------------------------------------------------------------------

local function progress(now)
    local best = now.best ~= "" and ("best: %s"):format(now.best) or "nothing better yet"
    return ("%s %d/%d, %.0f s left, %s"):format(now.phase, now.runs + 1, now.most_runs, now.left, best)
end

--- The result; nil, message, code.
local function tune(given)
    return calls.long(require("lunalloc").tune, given, calls.progress(progress))
end

--- To a file that is whole or not there, or to the standard output.
local function write_json(path, text)
    if path == "-" then
        print(text)
        return
    end
    command.try(require("lunalloc.core").write_file(path, text .. "\n"))
end

local function run(args)
    local before, argv = split(args)
    local options, words = command.options(before, OPTIONS)
    local result, message, code = tune(translated(options, words, argv))
    if not result and (code == "ERANGE" or code == "ETIME") then
        io.stderr:write("lunalloc: tune: ", message, "\n")
        return TOO_SHORT
    end
    command.try(result, message, code)
    if options.json then
        write_json(options.json, result:tojson())
    end
    if options.json ~= "-" then
        print(result)
    end
    if result.interrupted then
        error("interrupted!", 0)
    end
end

return { summary = "searches the best settings for a command, and proves them", usage = USAGE, run = run }
