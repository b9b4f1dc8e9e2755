-- Limits of a workload: their forms, what they say of a result, and that none is met without being judged.

local test = ...
local workload = require "lunalloc.workload"

local describe_with = dofile "tests/workload/describe.lua"

local function describe(more)
    return describe_with({}, more or {})
end

test("limits are judged", function()
    local limits = { ["malloc.p99.9"] = "10s", ops_per_s = 1e12, ["realloc.max"] = "1h", failures = 0 }
    local r = workload(describe { limits = limits })()
    test.equal(r.ok, false)
    test.equal(#r.limits, 4)
    local ok = {}
    for _, limit in ipairs(r.limits) do
        ok[limit.name] = limit.ok
    end
    test.equal(ok["malloc.p99.9"], true)
    test.equal(ok.failures, true)
    test.equal(ok.ops_per_s, false)
    test.equal(ok["realloc.max"], false) -- there was none to measure
    test.match(tostring(r), "NOT MET")
    limits.ops_per_s, limits["realloc.max"] = 1, nil
    test.equal(workload(describe { limits = limits })().ok, true)
end)

--- What a limit of that name says of a result.
local function verdicts(r, name)
    local found = {}
    for _, limit in ipairs(r.limits) do
        if limit.name == name then
            found[#found + 1] = limit
        end
    end
    return found
end

test("a limit is at most or at least, and has a reason and a unit", function()
    local r = workload(describe { limits = {
        failures = { at_least = 1, reason = "none fails" },
        ["malloc.p99"] = { at_most = "10s", reason = "a frame" },
        peak_rss = { { at_least = "1K" }, { at_most = "2K", reason = "small" } },
        ops_per_s = { at_most = "1" },
    } })()
    local failures, p99, ops = verdicts(r, "failures")[1], verdicts(r, "malloc.p99")[1], verdicts(r, "ops_per_s")[1]
    test.shape(failures, "name:string limit:integer value:integer ok:boolean least:boolean unit:string reason:string")
    test.equal(failures.ok, false)
    test.equal(failures.least, true)
    test.equal(tostring(failures), "failures is 0, at least 1 expected: MISSED (none fails)")
    test.equal(p99.unit, "ns")
    test.equal(p99.limit, 10000000000)
    test.match(tostring(p99), "^malloc%.p99 is [%d.]+ %l+, at most 10 s allowed: ok %(a frame%)$")
    test.equal(ops.ok, false)
    test.equal(ops.least, false)
    local peak = verdicts(r, "peak_rss")
    test.equal(#peak, 2)
    test.equal(peak[1].ok and not peak[2].ok, true)
    test.match(tostring(r), "peak_rss%s+[%d.]+ MiB %(at most 2.00 KiB%) MISSED: small")
end)

test("RSS per live byte is not judged where little lives", function()
    local limits = { ["rss/live"] = 1e6 }
    local small = workload(describe { limits = limits })()
    test.equal(small.ok, false)
    local limit = small.limits[1]
    test.equal(limit.value, nil)
    test.match(limit.note, "^not judged: .* live at the end; from 16%.0 MiB live on it is$")
    test.match(tostring(small), "rss/live%s+not measured %(at most 1e%+06%) MISSED: not judged")
    local large = workload(describe { limits = limits, ops = 20, mix = { { size = "1M", lifetime = "forever" } } })()
    test.equal(large.ok, true)
    test.equal(large.limits[1].value, large.rss_per_live)
end)

local function leaking(live)
    return describe { duration = "300ms", rate = 20000, interval = "5ms",
        limits = { rss = { slope = true, at_most = "1M/s", reason = "the live memory is constant" } },
        mix = { { weight = 9, size = 1000, lifetime = 10 }, { weight = 1, size = "64K", lifetime = live } } }
end

test("growth of memory is a slope", function()
    local r = workload(leaking "forever")()
    local limit = r.limits[1]
    test.equal(limit.name, "rss slope")
    test.equal(limit.unit, "bytes/s")
    test.equal(limit.limit, 1 << 20)
    test.equal(r.ok, false)
    assert(limit.value > 30e6 and limit.value < 200e6, limit.value) -- 2,000 blocks of 64 KiB a second
    test.match(tostring(limit), "^rss slope is [%d.]+ MiB/s, at most 1%.00 MiB/s allowed: MISSED %(the live memory")
    local short = workload(describe { ops = 10, limits = { rss = { slope = true, at_most = "1M/Mop" } } })()
    test.equal(short.ok, false)
    test.match(short.limits[1].note, "entries of the timeline after the warm%-up: 8 expected")
end)

test("the slope is that of most of the points", function()
    local slope = require "lunalloc.workload_slope"
    local points, timeline = {}, {}
    for i = 1, 100 do
        points[i] = { i, 3.0 * i + (i % 4 == 0 and 1e6 or 0) } -- a quarter of them are wild
        timeline[i] = { t = i / 10, ops = i * 1000, rss = i > 25 and 5000 * i or -1e9 * i }
    end
    assert(math.abs(slope.fit(points) - 3) < 0.5)
    local function rss(entry)
        return entry.rss
    end
    test.equal(slope.of(timeline, rss, "s"), 50000.0)
    test.equal(slope.of(timeline, rss, "Mop"), 5000000.0)
    timeline[100].mark = "end of operations"
    timeline[101] = { t = 10.1, ops = 100000, rss = 0, mark = "everything freed" }
    test.equal(slope.of(timeline, rss, "s"), 50000.0)
    test.equal(slope.fit { { 1, 1 }, { 2, 2 } }, nil)
end)

test("each phase keeps to a limit of phases", function()
    local r = workload(describe { duration = "300ms", rate = 20000, limits = {
        ops_per_s = { at_least = 10000, per_phase = true, reason = "the load" },
        ["malloc.max"] = { at_most = "10s", per_phase = true },
        ["response.max"] = { at_most = "10s", per_phase = true },
        peak_rss = { at_most = "1T", per_phase = true },
    }, phases = { { at = "100ms", rate = 1000, mark = "idle" }, { at = "200ms", rate = 20000 } } })()
    test.equal(#r.phases, 3)
    local ops = verdicts(r, "ops_per_s")
    test.equal(#ops, 3)
    test.equal(ops[1].ok, true)
    test.equal(ops[2].ok, false)
    test.equal(ops[2].phase, "2 (idle)")
    test.equal(ops[3].phase, "3")
    test.match(tostring(ops[2]), "^ops_per_s in phase 2 %(idle%) is [%d. k]+/s, at least 10 k/s expected: MISSED %(the")
    test.equal(r.ok, false)
    test.equal(#verdicts(r, "malloc.max") + #verdicts(r, "response.max") + #verdicts(r, "peak_rss"), 9)
    local sums = { ops = 0, timed = 0, seconds = 0, responses = 0 }
    for _, phase in ipairs(r.phases) do
        sums.ops, sums.seconds = sums.ops + phase.ops, sums.seconds + phase.seconds
        sums.timed, sums.responses = sums.timed + phase.latency.malloc.count, sums.responses + phase.response.count
    end
    test.equal(sums.ops, r.ops)
    test.equal(sums.timed, r.latency.malloc.count)
    test.equal(sums.responses, r.response.count)
    test.equal(math.abs(sums.seconds - r.seconds) < 0.1, true)
end)

test("a phase that a run does not reach misses its limit", function()
    local w = workload(describe { duration = "forever", limits = { failures = { at_most = 0, per_phase = true } },
        phases = { { at = "1h", scale = 2 } } })
    w:start()
    local r = w:stop()
    test.equal(r.limits[1].ok, true)
    test.equal(r.limits[2].ok, false)
    test.equal(r.limits[2].note, "the run ended before this phase")
end)

-- ---- bad input -----------------------------------------------------------------------------------------------------

local REFUSED <const> = {
    { 'unknown limit "malloc%.p98"; did you mean "malloc%.p9', { limits = { ["malloc.p98"] = 1 } } },
    { 'limits%["malloc%.p99"%] = "fast": a time', { limits = { ["malloc.p99"] = "fast" } } },
    { 'limits%["malloc%.p99"%] = 500: a time with its unit expected, such as "500us"',
        { limits = { ["malloc.p99"] = 500 } } },
    { 'limits%["malloc%.p99"%] = "500": a time with its unit', { limits = { ["malloc.p99"] = "500" } } },
    { 'limits%["free%.max"%]%.at_most = 1: a time with its unit', { limits = { ["free.max"] = { at_most = 1 } } } },
    { 'limits%["failures"%]: either at_most or at_least', { limits = { failures = { reason = "x" } } } },
    { 'limits%["failures"%]: either at_most or at_least', { limits = { failures = { at_most = 0, at_least = 0 } } } },
    { 'unknown key in limits%["failures"%]: "at_mots"; did you mean "at_most"', { limits = { failures = {
        at_mots = 0 } } } },
    { 'limits%["failures"%]%.slope: only rss, allocated and active', { limits = { failures = { at_most = 0,
        slope = true } } } },
    { 'limits%["rss"%]%.at_most = "1M": growth expected, such as "64K/s"', { limits = { rss = { at_most = "1M",
        slope = true } } } },
    { 'limits%["rss"%]%.at_most = 5: growth expected', { limits = { rss = { at_most = 5, slope = true } } } },
    { 'limits%["failures"%]%.per_phase: the description has no phases', { limits = { failures = { at_most = 0,
        per_phase = true } } } },
    { 'limits%["freed_rss"%]%.per_phase: there is one', { phases = { { at = 1 } }, limits = { freed_rss = {
        at_most = "1G", per_phase = true } } } },
    { 'limits%["rss"%]: a slope is of the whole run', { phases = { { at = 1 } }, limits = { rss = {
        at_most = "1G/s", slope = true, per_phase = true } } } },
    { 'limits%["failures"%]%[2%] is missing', { limits = { failures = { { at_most = 0 }, nil, { at_most = 1 } } } } },
    { "limits = 3: a table", { limits = 3 } },
}

test("bad limits raise one line with what, why and what is allowed", function()
    for _, case in ipairs(REFUSED) do
        local ok, message = pcall(function()
            local _ = workload(case[2])
        end)
        test.equal(ok, false, case[1])
        test.match(message, "^[^\n]*limits_test%.lua:%d+: workload: [^\n]*$")
        test.match(message, case[1])
    end
end)
