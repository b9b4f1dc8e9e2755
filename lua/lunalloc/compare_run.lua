--- The runs of a comparison, in turns, and the verdicts on them; compare.lua reads the options, and says how it works.
---
---     run.run(plan)          plan: what compare.lua makes of the options -> comparison | nil, message, code
---     run.judge(plan)        the comparison of samples that were taken
---     run.once(plan, variant) one run
---     run.block(plan, first)  the rounds of one host, of which the first one has that number
---     run.combine(plan, blocks)  the comparison of the blocks of several hosts
---     run.order(list, round) the variants in the order of a round

local child = require "lunalloc.child"
local metrics = require "lunalloc.compare_metrics"
local report = require "lunalloc.compare_report"
local statistics = require "lunalloc.compare_statistics"

local run = {}

local ERROR <const> = 0.05   -- the chance that any interval of a comparison does not hold
local PATIENCE <const> = 20  -- times the time of the longest first run, after which another one is stopped
local LEAST_WAIT <const> = 60
local FIRST <const> = 3600   -- seconds, for the first run

-- ---- runs ----------------------------------------------------------------------------------------------------------

--- What the run shows to be wrong, one line; nil if it is good.
local function wrong(done, variant)
    local answer = done.value
    local complaint = done.err:match "^lunalloc: ([^\n]*)" or done.err:match "\nlunalloc: ([^\n]*)"
    if not done.ok then
        return done.problem
    elseif type(answer) ~= "table" then
        return "the script ended the process before its end"
    elseif variant.allocator and answer.allocator ~= variant.allocator then
        return ("it ran on %s"):format(answer.allocator or "another allocator")
    elseif answer.workload and (answer.workload.errors or 0) > 0 then
        return "verification: " .. (answer.workload.first or "errors")
    elseif variant.conf and complaint then
        return complaint
    end
end

--- One run of a variant: what child.run() returns, with the figures; nil, message, code.
local function run_once(plan, variant)
    local done, message, code = child.run {
        script = plan.script, interpreter = plan.interpreter, input = plan.job, preload = variant.preload,
        conf = variant.conf, env = variant.env, timeout = plan.limit, on_wait = plan.on_wait,
    }
    if not done then
        return nil, message, code
    end
    local problem = wrong(done, variant)
    if problem then
        return nil, ("%s: %s"):format(variant.name, problem), done.timed_out and "ETIMEDOUT" or "EINVAL"
    end
    done.figures = metrics.of(done)
    return done
end

run.once = run_once

--- The variants in the order of a round: each round another one is first, and every second turn of that is reversed.
function run.order(list, round)
    local n = #list
    local turn, first = (round - 1) // n, (round - 1) % n
    local ordered = {}
    for i = 1, n do
        local at = (turn % 2 == 0 and first + i - 1 or first + n - i) % n
        ordered[i] = list[at + 1]
    end
    return ordered
end

local function tell(plan, done, variant)
    if plan.on_progress then
        plan.on_progress(done, (plan.rounds + 1) * #plan.variants, variant.name)
    end
end

--- The first round: sets each variant's version and samples, and how long a run may take. True, or nil, message, code.
local function try_out(plan)
    local longest = 0.0
    for i, variant in ipairs(plan.variants) do
        tell(plan, i - 1, variant)
        plan.limit = plan.timeout or FIRST
        local done, message, code = run_once(plan, variant)
        if not done then
            return nil, message, code
        end
        variant.found, variant.version = done.value.allocator, done.value.version
        variant.first, variant.samples = done.figures, {}
        longest = math.max(longest, done.seconds)
    end
    plan.limit = plan.timeout or math.max(LEAST_WAIT, PATIENCE * longest)
    return true
end

--- The metrics that every variant has, and that are wanted.
local function common_metrics(plan)
    local set = {}
    for name in pairs(plan.variants[1].first) do
        local all = not plan.wanted or plan.wanted[name] or false
        for _, variant in ipairs(plan.variants) do
            all = all and variant.first[name] ~= nil
        end
        set[name] = all and true or nil
    end
    local names = metrics.sorted(set)
    for name in pairs(plan.wanted or {}) do
        if not set[name] then
            return nil, ("no metric '%s'; there are: %s"):format(name,
                table.concat(metrics.sorted(plan.variants[1].first), ", ")), "EINVAL"
        end
    end
    return names
end

--- A run may lack a metric: of a call that it never made, or that was never timed. Then the metric is left out.
local function add_samples(plan, variant, figures)
    for _, name in ipairs(plan.metrics) do
        variant.samples[name] = variant.samples[name] or {}
        table.insert(variant.samples[name], figures[name])
    end
end

--- Splits the metrics into those that every run has, and the others.
local function complete_metrics(plan)
    local complete, left_out = {}, {}
    for _, name in ipairs(plan.metrics) do
        local all = true
        for _, variant in ipairs(plan.variants) do
            all = all and #variant.samples[name] == plan.rounds
        end
        table.insert(all and complete or left_out, name)
    end
    return complete, left_out
end

--- The counted rounds. True, or nil, message, code.
local function run_rounds(plan)
    local n = #plan.variants
    for round = 1, plan.rounds do
        for i, variant in ipairs(run.order(plan.variants, round)) do
            tell(plan, round * n + i - 1, variant)
            local done, message, code = run_once(plan, variant)
            if not done then
                return nil, message, code
            end
            add_samples(plan, variant, done.figures)
        end
    end
    return true
end

-- ---- verdicts ------------------------------------------------------------------------------------------------------

local function verdict_of(comparison, least)
    local ratio, low, high = comparison.ratio, comparison.low, comparison.high
    if high == math.huge then
        return "undecided"
    elseif low <= 1 and high >= 1 or math.abs(ratio - 1) < least then
        return "no difference"
    end
    return (ratio > 1) == comparison.more and "better" or "worse"
end

local function compare_one(variant, base, name, alpha, least, groups)
    local comparison = { metric = name, variant = variant.name, base = base.name, more = metrics.about(name).more }
    comparison.ratio, comparison.low, comparison.high =
        statistics.compare(base.samples[name], variant.samples[name], alpha, groups)
    comparison.verdict = verdict_of(comparison, least)
    return comparison
end

local function describe(variant)
    local medians, spreads = {}, {}
    for name, samples in pairs(variant.samples) do
        if #samples > 0 then
            medians[name], spreads[name] = statistics.median(samples), statistics.spread(samples)
        end
    end
    return { name = variant.name, allocator = variant.found, version = variant.version, conf = variant.conf,
        preload = variant.preload, env = variant.env, samples = variant.samples, medians = medians, spreads = spreads }
end

--- The comparison of samples that were taken. plan: name, rounds, least, metrics (names), and variants, an array of
--- { name, samples = { [metric] = {...} } }; perhaps groups, the host of each round, and hosts, what is told of them.
function run.judge(plan)
    local base = plan.variants[1]
    local alpha = ERROR / math.max(1, #plan.metrics * (#plan.variants - 1))
    local result = { scenario = plan.name, rounds = plan.rounds, confidence = 1 - ERROR, least = plan.least,
        metrics = plan.metrics, left_out = plan.left_out, variants = {}, comparisons = {}, same = true,
        hosts = plan.hosts,
        rounds_needed = statistics.runs_needed(alpha) }
    for i, variant in ipairs(plan.variants) do
        result.variants[i] = describe(variant)
        for _, name in ipairs(i > 1 and plan.metrics or {}) do
            local comparison = compare_one(variant, base, name, alpha, plan.least, plan.groups)
            result.comparisons[#result.comparisons + 1] = comparison
            result.same = result.same and comparison.verdict == "no difference"
        end
    end
    return report.result(result)
end

-- ---- blocks of hosts -----------------------------------------------------------------------------------------------

--- The first round, which is not counted, and plan.rounds more: for each variant { name, found, version, conf, preload,
--- env, first = figures, runs = { figures } }. nil, message, code if a run fails.
function run.block(plan, first)
    local ok, message, code = try_out(plan)
    if not ok then
        return nil, message, code
    end
    local n, block = #plan.variants, {}
    for i, variant in ipairs(plan.variants) do
        variant.at, block[i] = i, { name = variant.name, found = variant.found, version = variant.version,
            conf = variant.conf, preload = variant.preload, env = variant.env, first = variant.first, runs = {} }
    end
    for round = 1, plan.rounds do
        for i, variant in ipairs(run.order(plan.variants, first + round - 1)) do
            tell(plan, round * n + i - 1, variant)
            local done
            done, message, code = run_once(plan, variant)
            if not done then
                return nil, message, code
            end
            block[variant.at].runs[round] = done.figures
        end
    end
    return block
end

--- The metrics that all runs may have: those of each variant's first run on each host.
local function first_of(blocks, i)
    local first = {}
    for name, value in pairs(blocks[1].variants[i].first) do
        local all = true
        for _, block in ipairs(blocks) do
            all = all and block.variants[i].first[name] ~= nil
        end
        first[name] = all and value or nil
    end
    return first
end

--- Of blocks { host =, variants = what run.block() returned }, in which the variants are the same.
function run.combine(plan, blocks)
    plan.variants, plan.groups, plan.rounds = {}, {}, 0
    for i, variant in ipairs(blocks[1].variants) do
        variant.samples, variant.first, plan.variants[i] = {}, first_of(blocks, i), variant
    end
    local message, code
    plan.metrics, message, code = common_metrics(plan)
    if not plan.metrics then
        return nil, message, code
    end
    for _, block in ipairs(blocks) do
        for round = 1, #block.variants[1].runs do
            plan.rounds = plan.rounds + 1
            plan.groups[plan.rounds] = block.host
            for i, variant in ipairs(plan.variants) do
                add_samples(plan, variant, block.variants[i].runs[round])
            end
        end
    end
    plan.metrics, plan.left_out = complete_metrics(plan)
    return run.judge(plan)
end

--- Runs all of it. plan: job (what compare_child.lua reads), name, interpreter, variants, rounds, least, and perhaps
--- wanted (a set of metrics), timeout, on_progress.
function run.run(plan)
    plan.script = package.searchpath("lunalloc.compare_child", package.path)
    local ok, message, code = try_out(plan)
    if not ok then
        return nil, message, code
    end
    plan.metrics, message, code = common_metrics(plan)
    if not plan.metrics then
        return nil, message, code
    end
    ok, message, code = run_rounds(plan)
    if not ok then
        return nil, message, code
    end
    plan.metrics, plan.left_out = complete_metrics(plan)
    return run.judge(plan)
end

return run
