--- A comparison whose rounds are spread over hosts: each host runs whole rounds, in turns as on one machine, and a
--- ratio is only taken of two runs of one host.
---
---     compare_hosts.run(plan)              here; the plan is compare.lua's
---     compare_hosts.work(job, progress)    on a host, for hosts_job.lua

local check = require "lunalloc.check"
local compare_run = require "lunalloc.compare_run"
local hosts = require "lunalloc.hosts"
local variants = require "lunalloc.compare_variants"

local compare_hosts = {}

local MOST <const> = 8 -- rounds of a block: what is lost with its host at most

-- ---- on a host -----------------------------------------------------------------------------------------------------

--- A failed block, for the answer.
local function failure(message, code)
    return { problem = message, code = code }
end

--- Does a block of rounds.
function compare_hosts.work(job, progress, beat)
    local interpreter, linked, code = require("lunalloc.child").interpreter()
    if not interpreter then
        return failure(linked, code)
    end
    local list, message
    list, message, code = variants.read(job.options, linked)
    if not list then
        return failure(message, code)
    end
    local plan = { interpreter = interpreter, job = job.text, variants = list, rounds = job.rounds,
        timeout = job.timeout, on_wait = beat, on_progress = function(_, _, name) progress(name) end }
    plan.script = package.searchpath("lunalloc.compare_child", package.path)
    local block
    block, message, code = compare_run.block(plan, job.first)
    return block and { variants = block } or failure(message, code)
end

-- ---- here ----------------------------------------------------------------------------------------------------------

--- The rounds as jobs: a block for each host, or more if there are many.
local function jobs_of(plan, named, n)
    local size, jobs, first = math.min(MOST, math.ceil(plan.rounds / n)), {}, 1
    while first <= plan.rounds do
        local rounds = math.min(size, plan.rounds - first + 1)
        jobs[#jobs + 1] = { kind = "compare", text = plan.job, options = named, first = first, rounds = rounds,
            timeout = plan.timeout }
        first = first + rounds
    end
    return jobs
end

--- The options that say which variants there are, for the hosts. Without any: the allocators that all hosts have.
local function variants_of(options, pool)
    if options.allocators == nil and options.a == nil and options.b == nil then
        local common, list = pool:allocators(), {}
        for _, name in ipairs(variants.known) do
            list[#list + 1] = common[name] and name or nil
        end
        return { allocators = list }
    end
    return { allocators = options.allocators, a = options.a, b = options.b }
end

--- A function that counts the runs of all hosts, for plan.on_progress; nil if nobody wants to know.
local function counter(plan, jobs, n)
    local total, done = 0, 0
    for _, job in ipairs(jobs) do
        total = total + (job.rounds + 1) * n
    end
    return plan.on_progress and function(_, host, name)
        plan.on_progress(math.min(done, total - 1), total, ("%s on %s"):format(tostring(name), host))
        done = done + 1
    end
end

--- What is told of the hosts: { name, rounds, problem }.
local function told(pool, blocks)
    local list = {}
    for i, host in ipairs(pool.hosts) do
        list[i] = { name = host.name, rounds = 0, problem = host.problem or pool:shared(host) }
        for _, block in ipairs(blocks) do
            list[i].rounds = list[i].rounds + (block.host == host.name and #block.variants[1].runs or 0)
        end
    end
    return list
end

--- Is it a table of numbers?
local function are_figures(value)
    local good = type(value) == "table"
    for _, figure in pairs(good and value or {}) do
        good = good and type(figure) == "number"
    end
    return good
end

--- Is the answer a block of n variants and so many rounds?
local function is_block(answer, n, rounds)
    local list = answer.variants
    if type(list) ~= "table" or #list ~= n then
        return false
    end
    for _, variant in ipairs(list) do
        local runs = type(variant) == "table" and variant.runs
        if type(runs) ~= "table" or #runs ~= rounds or type(variant.name) ~= "string" or
            not are_figures(variant.first) then
            return false
        end
        for _, figures in ipairs(runs) do
            if not are_figures(figures) then
                return false
            end
        end
    end
    return true
end

--- The blocks that have answers; nil, message, code if a run failed, or there are none.
local function good_blocks(pool, answers, jobs, n, why)
    local blocks = {}
    for i = 1, #jobs do
        local answer = answers[i]
        if answer and answer.problem then
            return nil, ("host %s: %s"):format(answer.host, tostring(answer.problem)), answer.code or "EINVAL"
        end
        if answer and not is_block(answer, n, jobs[i].rounds) then
            return nil, ("host %s: it answers what this lunalloc does not understand"):format(answer.host), "EPROTO"
        end
        blocks[#blocks + 1] = answer
    end
    if #blocks == 0 then
        return nil, pool:complaint() or why, "EHOSTUNREACH"
    end
    return blocks
end

--- Runs the comparison. nil, message, code if no host can do it, or a run fails.
function compare_hosts.run(plan)
    local pool, message, code = hosts.open(plan.hosts)
    if not pool then
        return nil, message, code
    end
    local named, answers = variants_of(plan.options, pool), {}
    local jobs = jobs_of(plan, named, #pool.good)
    local n = #variants.named(named)
    local on_progress = counter(plan, jobs, n)
    local all, why
    all, why, code = pool:run(jobs, function(i, answer) answers[i] = answer end, on_progress)
    if all == nil then
        return nil, why, code
    end
    local blocks
    blocks, message, code = good_blocks(pool, answers, jobs, n, why)
    if not blocks then
        return nil, message, code
    end
    plan.hosts = told(pool, blocks)
    return compare_run.combine(plan, blocks)
end

--- options.hosts as names; mistakes are passed to fail(format, ...).
function compare_hosts.read_names(value, fail)
    local list, why = hosts.read(check.plain(value))
    return list or fail("hosts: %s", why)
end

return compare_hosts
