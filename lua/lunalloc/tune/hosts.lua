--- What la.tune runs on other machines (hosts.lua): a job as trial.lua makes one, whose runs are spread over hosts.
---
---     tune_hosts.open(values, subject, names, fail)   here -> job, name | nil, message, code
---     tune_hosts.work(job, progress, beat)            on a host, for hosts_job.lua
---
--- Besides run(conf) the job has
---     job.ahead(confs, unit, fresh)   runs these, in blocks of a multiple of `unit`, a block on each host; run() then
---                                     takes their figures in turn. How many there are. fresh: forgets what was left
---     job.remarks()                   an array of lines on the hosts
---
--- A ratio is only taken within a host: each block begins with a run of the defaults, and the figures of a host are
--- scaled so that its defaults are those of the first host. The factor is constant after a few runs. Figures have
--- `host`, by which the confirmation compares runs of one host only (judge.lua).

local core = require "lunalloc.core"
local compare_job = require "lunalloc.compare_job"
local hosts = require "lunalloc.hosts"
local statistics = require "lunalloc.compare_statistics"

local tune_hosts = {}

local SETTLED <const> = 4 -- runs of the defaults on a host, after which its factor does not change
local LONGEST <const> = 1 << 20 -- bytes of the messages of a run
local METRICS <const> = { "time", "rss", "p99", "cpu", "peak", "mean", "settled" }
-- What a host has to know.
local VALUES <const> = { "command", "input", "scenario", "timeout", "measure", "settle", "clock", "same_output", "rss",
    "duration", "set" }

-- ---- on a host -----------------------------------------------------------------------------------------------------

-- Kills the group of a run's processes if this process ends before it: a lost connection leaves nothing. (dash knows no
-- other form of kill for a group.)
local WATCHER <const> = [[trap 'kill -9 -$1; kill $!; exit' TERM; sleep 1000000 & wait]]

local function watch(pid)
    return core.child.spawn({ "setpriv", "--pdeathsig", "TERM", "sh", "-c", WATCHER, "sh", tostring(pid) }, {})
end

--- Runs the settings in their order, or once to get the messages of a run.
function tune_hosts.work(job, progress, beat)
    local made, message, code = require("lunalloc.tune.options").make(job.subject, job.values)
    if not made then
        return { problem = message, code = code }
    end
    made.watch = watch
    if job.messages then
        return { messages = made.messages(job.messages):sub(-LONGEST) }
    end
    local runs = {}
    for i, conf in ipairs(job.confs) do
        beat()
        progress(conf)
        local figures, why = made.run(conf)
        runs[i] = figures or { rejected = tostring(why) }
    end
    return { runs = runs }
end

-- ---- figures -------------------------------------------------------------------------------------------------------

--- Notes a run of the defaults on a host.
local function note_base(base, figures)
    if base.n < SETTLED then
        base.n = base.n + 1
        for _, metric in ipairs(METRICS) do
            if figures[metric] then
                base[metric] = base[metric] or {}
                table.insert(base[metric], figures[metric])
            end
        end
    end
end

--- The figures of a run, as if it had been on the first host.
local function scaled(state, figures, host)
    local own, first = state.bases[host], state.bases[state.first]
    for _, metric in ipairs(METRICS) do
        if figures[metric] and own[metric] and first[metric] then
            figures[metric] = figures[metric] * statistics.median(first[metric]) / statistics.median(own[metric])
        end
    end
    figures.host = host
    return figures
end

local function good(figures)
    return type(figures) == "table" and not figures.rejected and type(figures.seconds) == "number"
end

--- Takes what a host answered to a block.
local function take(state, confs, answer)
    local host, runs = answer.host, type(answer.runs) == "table" and answer.runs or {}
    state.first = state.first or host
    state.bases[host] = state.bases[host] or { n = 0 }
    for i, conf in ipairs(confs) do
        if conf == "" and good(runs[i]) then
            note_base(state.bases[host], runs[i])
        end
    end
    for i, conf in ipairs(confs) do
        local figures = runs[i] or { rejected = answer.problem and ("host %s: %s"):format(host, answer.problem) }
        state.ready[conf] = state.ready[conf] or {}
        table.insert(state.ready[conf], good(figures) and scaled(state, figures, host)
            or { rejected = tostring(figures.rejected) })
    end
end

-- ---- the job -------------------------------------------------------------------------------------------------------

--- The settings as blocks, of which each begins with the defaults.
local function blocks_of(confs, unit, n)
    local size = math.ceil(#confs / n / unit) * unit
    local blocks = {}
    for first = 1, #confs, size do
        local block = table.move(confs, first, math.min(first + size - 1, #confs), 1, {})
        if block[1] ~= "" then
            table.insert(block, 1, "")
        end
        blocks[#blocks + 1] = block
    end
    return blocks
end

--- Runs jobs on the hosts that are there: the answers by number, and why one is missing.
local function run_jobs(state, jobs)
    local answers = {}
    local _, why = state.pool:run(jobs, function(i, answer) answers[i] = answer end)
    return answers, why
end

--- The job over state.pool (hosts.lua). state: pool, subject, values, bases = {}, ready = {}.
function tune_hosts.job(state)
    local job = { rss = state.values.rss or state.values.settle and "settled" or "peak", ops = state.subject ==
        "scenario" or nil, width = state.pool:count() }

    function job.ahead(confs, unit, fresh)
        local blocks, jobs, ready = blocks_of(confs, unit or 1, math.max(1, state.pool:count())), {}, 0
        state.ready = fresh and {} or state.ready
        for i, block in ipairs(blocks) do
            jobs[i] = { kind = "tune", subject = state.subject, values = state.values, confs = block }
        end
        local answers, why = run_jobs(state, jobs)
        state.why = why
        for i, block in ipairs(blocks) do
            if answers[i] then
                take(state, block, answers[i])
                ready = ready + #block
            end
        end
        return ready
    end

    function job.run(conf)
        if #(state.ready[conf] or {}) == 0 then
            job.ahead { conf }
        end
        local figures = table.remove(state.ready[conf] or {}, 1)
        if not figures then
            return nil, "no host ran it: " .. tostring(state.pool:complaint() or state.why)
        elseif figures.rejected then
            return nil, figures.rejected
        end
        return figures
    end

    function job.messages(conf)
        local answers = run_jobs(state, { { kind = "tune", subject = state.subject, values = state.values,
            messages = conf } })
        return answers[1] and tostring(answers[1].messages or "") or ""
    end

    function job.remarks()
        return state.pool:remarks()
    end

    return job
end

--- Only what a host needs, and no function.
local function values_for_hosts(values)
    local copy = {}
    for _, name in ipairs(VALUES) do
        copy[name] = values[name]
    end
    return copy
end

--- The job of a command or a scenario, and its name; nil, message, code if no host is good. Mistakes are passed to
--- fail(format, ...), which raises.
function tune_hosts.open(values, subject, names, fail)
    local state = { subject = subject, values = values_for_hosts(values), bases = {}, ready = {} }
    local name = type(values.command) == "table" and table.concat(values.command, " ") or values.command
    if subject == "scenario" then
        local code
        state.values.input, name, code = compare_job.read(values, fail, true)
        if not state.values.input then
            return nil, name, code
        end
        state.values.scenario = nil
    end
    local message, code
    state.pool, message, code = hosts.open(names)
    if not state.pool then
        return nil, message, code
    end
    return tune_hosts.job(state), name
end

return tune_hosts
