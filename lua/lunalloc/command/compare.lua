--- lunalloc compare: allocators, or settings, side by side.

local calls = require "lunalloc.command.calls"
local command = require "lunalloc.command"

local USAGE <const> = [[
compare SCENARIO [--allocators NAMES | --a SETTINGS --b SETTINGS] [--rounds N] [--metric NAMES]
        [--duration TIME] [--set KEY=VALUE] [--least SHARE] [--timeout TIME] [--hosts NAMES] [--json]
        [--no-worse]

Runs a scenario on several allocators, or with two settings of this one, and prints by how much they differ and how sure
that is. SCENARIO is the name of a scenario that is installed, or a file: a scenario, a recorded trace, which is
replayed, or any script in Lua. Each run is a process of its own, and the variants take turns. Each metric is compared
with that of the first variant: the ratio, its interval, and a verdict: better, worse, or no difference. All intervals
hold together with 95 %.

  --allocators NAMES  of lunalloc, glibc, jemalloc, mimalloc, tcmalloc, with commas between them; else all of these that
                      are installed
  --a SETTINGS        settings of LUNALLOC_CONF for the first variant, such as narenas:1; "" for none
  --b SETTINGS        and for the second one
  --rounds N          how many runs of each variant are counted; default 8. One more comes first
  --metric NAMES      only these, with commas between them: ops/s, malloc.p99, "peak RSS", ...; fewer are judged finer
  --duration TIME     of each run, in the place of the scenario's own
  --set KEY=VALUE     sets a key of the workload's description, such as threads=8; may be repeated
  --least SHARE       the smallest difference that counts; default 1%
  --timeout TIME      of each run
  --hosts NAMES       of other machines, with commas between them (: is this one): the rounds are spread over them by
                      GNU parallel and ssh; a ratio is taken within one host only. Each needs the same lunalloc
  --json              all samples, medians, ratios, intervals and verdicts, as JSON
  --no-worse          exit status 4 if a variant is worse than the first one in any metric

Exit status: 1 if an allocator is not installed or a run fails.]]

local WORSE <const> = 4

local OPTIONS <const> = { allocators = "text", a = "text", b = "text", rounds = "count", metric = "text",
    duration = "time", set = { kind = "text", many = true }, least = "text", timeout = "time", hosts = "text",
    json = "flag", ["no-worse"] = "flag" }

--- "a, b" as an array; nil for nil.
local function list(text)
    if not text then
        return nil
    end
    local words = {}
    for word in text:gmatch "[^,]+" do
        words[#words + 1] = word:match "^%s*(.-)%s*$"
    end
    return words
end

--- Which run it is, and for how long all will go on.
local function progress()
    local clock = require("lunalloc.console").clock
    local start = clock()
    return function(done, total, variant)
        local left = done > 0 and (", %.0f s left"):format((clock() - start) / done * (total - done)) or ""
        return ("[%d/%d] %s%s"):format(done + 1, total, variant, left)
    end
end

local function compare(options, file)
    return command.try(calls.long(require("lunalloc").compare, {
        scenario = file, allocators = list(options.allocators), a = options.a, b = options.b,
        rounds = options.rounds, metrics = list(options.metric), duration = options.duration, least = options.least,
        timeout = options.timeout, hosts = options.hosts, set = command.settings("compare", options.set),
    }, not options.json and calls.progress(progress()) or nil))
end

local function is_worse(result)
    for _, comparison in ipairs(result.comparisons) do
        if comparison.verdict == "worse" then
            return true
        end
    end
    return false
end

local function run(args)
    local options, words = command.options(args, OPTIONS)
    if not words[1] then
        command.misuse("compare: which scenario? the path of a Lua file")
    end
    command.no_more(words, 1)
    local result = compare(options, words[1])
    print(options.json and result:tojson() or result)
    return options["no-worse"] and is_worse(result) and WORSE or 0
end

return { summary = "allocators or settings side by side: ratios, intervals, verdicts", usage = USAGE, run = run }
