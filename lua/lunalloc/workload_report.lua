--- A workload, its state and its result as text; and the check of a result against limits.

local limits = require "lunalloc.workload_limits"
local units = require "lunalloc.units"

local report = {}

local human = units.human

report.time, report.count = units.human_time, units.human_count

local function plural(n, word)
    return ("%d %s%s"):format(n, word, n == 1 and "" or "s")
end

-- ---- a result ------------------------------------------------------------------------------------------------------

local LATENCIES <const> = { "malloc", "calloc", "aligned_alloc", "realloc", "free", "free_sized" }

-- What stands before a time that single calls do not tell.
local MARKS <const> = { batches = "~", below = "<" }

--- "~6.21 ns": from batches.
local function duration(latency, name)
    return (MARKS[latency.approximate[name]] or "") .. report.time(latency[name])
end

local function latency_line(name, l)
    return ("  %-14s %9s %9s %9s %9s %9s %9s"):format(name, duration(l, "p50"), duration(l, "p90"), duration(l, "p99"),
        duration(l, "p99_9"), report.time(l.max), report.count(l.count))
end

--- Which marks appear, and what they mean.
local function explain_marks(lines, result)
    local seen = {}
    for _, l in pairs(result.latency) do
        for _, how in pairs(l.approximate) do
            seen[how] = true
        end
    end
    if seen.batches then
        lines[#lines + 1] = "  ~ a call is too fast for the clock: this is the mean of one in up to 16 calls in a row"
    end
    if seen.below then
        lines[#lines + 1] = "  < too fast for the clock: at most this"
    end
end

--- Adds the table of latencies of a workload or a replay.
function report.add_latencies(lines, result)
    lines[#lines + 1] = ("latency (1 call in %d timed; the clock's own %d ns are subtracted)"):format(result.sample,
        result.clock_ns)
    lines[#lines + 1] = ("  %-14s %9s %9s %9s %9s %9s %9s"):format("", "p50", "p90", "p99", "p99.9", "max", "timed")
    for _, call in ipairs(LATENCIES) do
        local l = result.latency[call]
        if l then
            lines[#lines + 1] = latency_line(call, l)
        end
    end
    if result.response then
        lines[#lines + 1] = latency_line("response", result.response)
        lines[#lines + 1] = "  response: from the time at which an operation was due until all of it was done"
    end
    explain_marks(lines, result)
end

local function add_memory(lines, result)
    local last = result.timeline[#result.timeline - 1]
    lines[#lines + 1] = ("memory     at the end %s live, RSS %s (%s of it the engine's), RSS/live %s"):format(
        human(last.live), human(last.rss), human(last.engine),
        not result.rss_per_live and "-" or ("%.2f%s"):format(result.rss_per_live,
            last.live < limits.LEAST_LIVE and " (too little lives for that to tell much)" or ""))
    if last.active then
        lines[#lines + 1] = ("           allocated %s, active %s, dirty %s, muzzy %s, retained %s"):format(
            human(last.allocated), human(last.active), human(last.dirty), human(last.muzzy), human(last.retained))
    end
    lines[#lines + 1] = ("           peak RSS %s; after everything was freed %s"):format(human(result.peak_rss),
        human(result.timeline[#result.timeline].rss))
end

local function add_verification(lines, result)
    local verify = result.verify
    if verify.checked + verify.errors > 0 then
        lines[#lines + 1] = ("verified   %s checks, %s"):format(report.count(verify.checked),
            plural(verify.errors, "error"))
    end
    if verify.first then
        lines[#lines + 1] = "  first: " .. verify.first
    end
end

local function add_remarks(lines, result)
    if result.failures > 0 then
        lines[#lines + 1] = ("failures   %s allocations failed (NULL)"):format(report.count(result.failures))
    end
    if result.capped > 0 then
        lines[#lines + 1] = ("capped     %s blocks were freed at once, because live_max = %s was reached"):format(
            report.count(result.capped), human(result.live_max))
    end
    if result.max_lag > 0 then
        lines[#lines + 1] = ("schedule   at worst %s behind"):format(report.time(result.max_lag * 1e9))
    end
    for i = 1, #result.marks - 2 do -- the last two: "end of operations" and "everything freed"
        lines[#lines + 1] = ("mark       %6.2f s  %s"):format(result.marks[i].t, result.marks[i].mark)
    end
end

--- "jemalloc 5.3.0", or "lunalloc 0.1.0, loaded beside glibc 2.36".
local function allocator_title(info)
    return info.allocator .. (info.allocator_version and " " .. info.allocator_version or "") ..
        (info.allocator_beside and ", loaded beside " .. info.allocator_beside or "")
end

--- What the engine itself took. Times of threads, added up.
local function add_own_time(lines, result)
    if result.preparing > 0 then
        lines[#lines + 1] = ("           executing took %.3f s; the engine's own %.3f s of preparing and %.3f s of"
            .. " reading the clock are not in it"):format(result.executing, result.preparing, result.clocking)
    end
end

local Result = { __name = "lunalloc.workload.result" }

function Result.__tostring(result)
    local lines = {}
    lines[1] = ("workload   %s on %s, seed %d, plan %s%s"):format(plural(result.threads, "thread"),
        allocator_title(result), result.seed, result.plan_hash, result.stopped and " (stopped)" or "")
    lines[2] = ("operations %s in %.3f s: %s/s; %s freed by another thread"):format(report.count(result.ops),
        result.seconds, report.count(result.ops_per_s), report.count(result.handed))
    add_own_time(lines, result)
    report.add_latencies(lines, result)
    add_memory(lines, result)
    add_verification(lines, result)
    add_remarks(lines, result)
    if #result.limits > 0 then
        lines[#lines + 1] = result.ok and "limits     all met" or "limits     NOT MET"
        for _, limit in ipairs(result.limits) do
            lines[#lines + 1] = limits.row(limit)
        end
    end
    return table.concat(lines, "\n")
end

--- Gives `result` a __tostring that prints a summary.
function report.result(result)
    return setmetatable(result, Result)
end

-- ---- a state -------------------------------------------------------------------------------------------------------

local Status = { __name = "lunalloc.workload.status" }

function Status.__tostring(status)
    if status.state == "idle" then
        return "idle: not started"
    end
    return ("%s: %.1f s, %s operations (%s/s), %s live in %s blocks, RSS %s%s"):format(status.state, status.elapsed,
        report.count(status.ops), report.count(status.ops_per_s), human(status.live), report.count(status.blocks),
        human(status.rss), status.errors > 0 and (", %d VERIFICATION ERRORS"):format(status.errors) or "")
end

function report.status(status)
    return setmetatable(status, Status)
end

--- One line about a workload.
function report.workload(info, status)
    local expected = info.expected_live == math.huge and "growing without end" or
        "about " .. human(math.min(info.expected_live, 1 << 60)) .. " live in the steady state"
    return ("workload of %s on %s, %s, plan %s; %s"):format(plural(info.threads, "thread"), allocator_title(info),
        expected, info.plan_hash, tostring(status))
end

return report
