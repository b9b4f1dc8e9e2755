-- la.workload: what can be described and what is refused, results, live play, and that nothing outlives its object.
--
-- Runs on lunalloc where it is loaded, and always on the process's malloc too.

local test = ...
local workload = require "lunalloc.workload"
local core = require "lunalloc.core"

local describe_with = dofile "tests/workload/describe.lua"

local function describe(more)
    return describe_with({ allocator = "process" }, more or {})
end

local function nthreads()
    for line in io.lines "/proc/self/status" do
        local n = line:match "^Threads:%s*(%d+)"
        if n then
            return tonumber(n)
        end
    end
end

-- Threads without any workload: the last ones of other tests may be about to end.
local THREADS = math.huge
collectgarbage()
for _ = 1, 100 do
    THREADS = math.min(THREADS, nthreads())
end

--- The threads are gone. A joined thread may be listed for a moment longer.
local function assert_threads_gone()
    local deadline = os.time() + 30
    while nthreads() > THREADS and os.time() < deadline do
    end
    test.equal(nthreads(), THREADS, "threads")
end

-- ---- results -------------------------------------------------------------------------------------------------------

test("a result says what was done", function()
    local r = workload(describe { threads = 2, verify = true, sample = 1 })()
    test.shape(r, [[ops:integer seconds:float ops_per_s:float plan_hash:string sizes_hash:string seed:integer
        threads:integer producers:integer allocator:string allocator_version:string? latency:table
        clock_ns:integer timeline:table
        peak_rss:integer base_rss:integer rss_per_live:float marks:table failures:integer verify:table limits:table
        ok:boolean stopped:boolean calls:table scale:float rate:float live:integer blocks:integer rss:integer
        capped:integer handed:integer checked:integer errors:integer max_lag:float failed_sets:integer
        expected_live:float sized_free:string sample:integer live_max:integer phases:table live_at_end:integer
        executing:float preparing:float clocking:float
        rss_at_end:integer freed_rss:integer allocated_at_end:integer? active_at_end:integer?]])
    test.equal(r.ops, 2000)
    test.equal(r.threads, 2)
    test.equal(r.allocator, (core.workload.process()))
    test.equal(r.calls.malloc, 2000)
    test.equal(r.calls.free, 2000)
    test.equal(r.live, 0)
    test.equal(r.verify.checked, 2000)
    test.equal(r.verify.errors, 0)
    test.equal(r.verify.first, nil)
    test.equal(r.ok, true)
    test.equal(r.stopped, false)
    local latency = r.latency.malloc
    test.equal(latency["p99.9"], latency.p99_9)
    latency["p99.9"] = nil
    for _, name in ipairs { "p50", "p90", "p99", "p99_9" } do
        test.equal(math.type(latency[name]) ~= nil, true, name)
    end
    assert(latency.p50 > 0 and latency.p50 <= latency.p90 and latency.p90 <= latency.p99)
    assert(latency.p99 <= latency.p99_9 and latency.p99_9 <= latency.max)
    test.equal(latency.count, 2000)
end)

test("the result prints as a summary", function()
    local text = tostring(workload(describe { verify = true, limits = { peak_rss = "1T", failures = 0 } })())
    for _, pattern in ipairs { "1 thread on %w[^,]*, seed 1, plan %x+", "operations 2 k in",
        "malloc%s+[~<]?%d", "free%s+[~<]?%d", "peak RSS", "2 k checks, 0 errors", "limits%s+all met",
        "peak_rss.*at most 1.00 TiB", "failures.*ok" } do
        test.match(text, pattern)
    end
end)

test("the timeline runs from the start to the last free", function()
    local r = workload(describe { ops = 200000, interval = "1ms" })()
    local before = -1
    for _, entry in ipairs(r.timeline) do
        assert(entry.t >= before and entry.rss > 0 and entry.ops <= 200000)
        before = entry.t
    end
    test.equal(r.timeline[#r.timeline].mark, "everything freed")
    test.equal(r.timeline[#r.timeline].live, 0)
    test.equal(r.timeline[#r.timeline - 1].mark, "end of operations")
    test.equal(r.timeline[#r.timeline - 1].ops, 200000)
    test.equal(r.marks[#r.marks].mark, "everything freed")
end)

test("counts and times as text", function()
    local report = require "lunalloc.workload_report"
    for n, text in pairs { [0] = "0", [999] = "999", [1000] = "1 k", [12300] = "12.3 k", [999900] = "999.9 k",
        [1000000] = "1 M", [2500000000] = "2.5 G", [-2000] = "-2 k" } do
        test.equal(report.count(n), text)
    end
    for ns, text in pairs { [0] = "0 ns", [999] = "999 ns", [1000] = "1 us", [1500] = "1.5 us", [2000000] = "2 ms",
        [3600000000] = "3.6 s", [3600000000000] = "3600 s" } do
        test.equal(report.time(ns), text)
    end
end)

test("the same seed makes the same plan and the same sizes", function()
    local a, b = workload(describe())(), workload(describe())()
    local c, d = workload(describe { seed = 2 })(), workload(describe { mix = { { size = 100, lifetime = 50 } } })()
    test.equal(a.plan_hash, b.plan_hash)
    test.equal(a.sizes_hash, b.sizes_hash)
    assert(a.plan_hash ~= c.plan_hash and a.sizes_hash ~= c.sizes_hash)
    assert(a.plan_hash ~= d.plan_hash and a.sizes_hash ~= d.sizes_hash)
end)

test("a table of weights is a distribution, whatever its order", function()
    local function hash(size)
        return workload(describe { mix = { { size = size, lifetime = 50 } } }):info().plan_hash
    end
    local text = "table(16:700,64:200,1024:100)"
    test.equal(hash { [64] = 200, [16] = 700, [1024] = 100 }, hash(text))
    test.equal(hash { { 16, 700 }, { 64, 200 }, { 1024, 100 } }, hash(text))
    assert(hash { [64] = 201, [16] = 700, [1024] = 100 } ~= hash(text))
    local row = { size = { ["1K"] = 1 }, lifetime = { [10] = 1, [30] = 1 } }
    local w = workload(describe { verify = true, mix = { row } })
    test.equal(w:info().expected_live, 1024 * 20.0)
    test.equal(w().verify.errors, 0)
end)

test("blocks are freed with their size, and in bursts", function()
    local r = workload(describe { verify = true, mix = { { size = "exp(100)", lifetime = 20, sized = 1,
        batch = { blocks = 50, order = "random" } } } })()
    test.match(tostring(r), "\n  " .. (r.sized_free == "free" and "free" or "free_sized") .. " ")
    test.equal(r.calls[r.sized_free == "free" and "free" or "free_sized"], 2000)
    test.equal(r.verify.errors, 0)
    test.equal(workload(describe { mix = { { size = 10, lifetime = 20, batch = 101 } } }):info().expected_live, 700.0)
end)

test("the peak of memory is that of the whole timeline", function()
    local r = workload(describe { interval = "1ms", ops = 400, mix = { { size = "256K", lifetime = "forever" } } })()
    local peak = 0
    for _, entry in ipairs(r.timeline) do
        peak = math.max(peak, entry.rss)
    end
    test.equal(r.peak_rss, peak)
end)

--- What the process had resident before all runs, as rss_per_live tells: the engine's own memory is not in it.
local function base_of(r)
    local last = r.timeline[#r.timeline - 1]
    return last.rss - last.engine - r.rss_per_live * last.live, last
end

test("memory per live byte leaves out the engine's descriptions", function()
    local large = workload(describe { ops = 100000, mix = { { size = 4096, lifetime = "forever", touch = 0 } } })()
    local small = workload(describe { ops = 1000, mix = { { size = "1M", lifetime = 100 } } })()
    local with_large, last = base_of(large)
    test.equal(last.engine > 6000000, true)
    test.equal(math.abs(base_of(small) - math.min(with_large, small.base_rss)) < 1000, true, "the same base")
    test.equal(with_large <= large.base_rss + 1, true)
end)

test("times and sizes with each unit", function()
    local spec = require "lunalloc.workload_spec"
    local units = require "lunalloc.units"
    for text, ns in pairs { ["7ns"] = 7, ["2us"] = 2000, ["3ms"] = 3000000, ["4s"] = 4000000000, ["5m"] = 300000000000,
        ["6min"] = 360000000000, ["1h"] = 3600000000000, ["1.5 s"] = 1500000000, ["0.5h"] = 1800000000000 } do
        test.equal(units.time(text), ns, text)
        test.equal(spec.compile({ duration = text }).duration, ns, text)
    end
    test.equal(units.time(2), 2000000000)
    test.equal(units.time "2", 2000000000)
    for text, bytes in pairs { ["1"] = 1, ["2K"] = 2048, ["3M"] = 3 << 20, ["4G"] = 4 << 30, ["5T"] = 5 << 40,
        ["1.5K"] = 1536, ["2KiB"] = 2048, ["2KB"] = 2048, ["2k"] = 2048 } do
        test.equal(units.size(text), bytes, text)
    end
end)

test("defaults", function()
    local spec = require "lunalloc.workload_spec"
    local run = spec.compile {}
    test.equal(run.duration, 10000000000)
    test.equal(run.interval, 40000000)
    test.equal(run.threads, 1)
    test.equal(run.seed, 1)
    test.equal(run.sample, 16)
    test.equal(run.rate, 0)
    test.equal(run.verify, false)
    test.equal(run.live_max >= 1 << 20, true)
    test.equal(#run.mix, 3)
    test.equal(run.mix[1].weight, 70)
    test.equal(spec.compile({ ops = 10 }).duration, 0)
    test.equal(spec.compile({ duration = "forever" }).interval, 100000000)
    test.equal(spec.compile({ duration = "1s" }).interval, 20000000)
    test.equal(spec.compile({ duration = "1h" }).interval, 1000000000)
    test.equal(spec.compile({ interval = 0 }).interval, 1000000)
    local row = spec.compile({ mix = { { size = 1, lifetime = 2 } } }).mix[1]
    test.shape(row, [[weight:integer size:string lifetime:string other:integer thread:integer touch:integer
        writes:integer realloc:integer resizes:integer grow:integer zero:integer align:integer sized:integer
        batch:integer order:integer]])
    test.equal(row.weight + row.touch + row.writes + row.resizes, 4)
    test.equal(row.other + row.thread + row.realloc + row.grow + row.zero + row.align, 0)
    row = spec.compile({ threads = 2, mix = { { size = 1, lifetime = 2, free_by = { thread = 2 }, realloc = 0.5,
        align = 1 } } }).mix[1]
    test.equal(row.other, 1)
    test.equal(row.thread, 2)
    test.equal(row.realloc, 0.5)
    test.equal(row.align, 8)
end)

test("what is expected to live is told beforehand", function()
    local function expected(mix, threads)
        return workload { ops = 1, threads = threads, mix = mix }:info().expected_live
    end
    test.equal(expected { { size = 100, lifetime = 50 } }, 5000.0)
    test.equal(expected({ { size = 100, lifetime = 50 } }, 3), 15000.0)
    test.equal(expected { { size = 100, lifetime = "fifo(50)" }, { weight = 3, size = 10, lifetime = 100 } }, 5750.0)
    test.equal(expected({ { size = 100, lifetime = 50, on = 2 } }, 3), 5000.0)
    test.equal(expected { { size = 100, lifetime = 50 }, { size = 1, lifetime = "forever" } }, math.huge)
    test.match(tostring(workload(describe { mix = { { size = 1, lifetime = "forever" } } })), "growing without end")
    test.match(tostring(workload(describe { mix = { { size = 1024, lifetime = 10 } } })), "about 10.0 KiB live")
end)

test("the default description is enough", function()
    local w = workload { duration = "100ms" }
    test.match(tostring(w), "workload of 1 thread on %w.*, about .* live in the steady state, plan %x+; idle")
    local r = w:run()
    test.equal(r.seconds >= 0.1, true)
    test.match(tostring(w), ("done: %.1f s, "):format(r.seconds))
end)

test("no percentile is 0, and it is said how those of fast calls were got", function()
    local r = workload(describe { ops = 200000, mix = { { size = 64, lifetime = "fifo(100)" } } })()
    for _, call in ipairs { "malloc", "free" } do
        local l = r.latency[call]
        assert(l.batches > 100, l.batches)
        local before = 0
        for _, name in ipairs { "p50", "p90", "p99", "p99_9", "max" } do
            assert(l[name] > 0 and l[name] >= before, name)
            before = l[name]
        end
        assert(l.mean > 0)
        test.equal(l.approximate.p50 == nil, math.type(l.p50) == "integer")
        if l.approximate.p50 then
            test.match(tostring(r), call .. "%s+~[%d.]+ ns")
        end
    end
    local every = workload(describe { ops = 20000, sample = 1 })().latency.malloc
    test.equal(every.batches, 0)
    test.equal(every.count, 20000)
    test.equal(every.approximate.p50 == nil or every.approximate.p50 == "below", true)
    assert(every.p50 > 0)
end)

test("an open loop has response times, which count from the due time", function()
    local r = workload(describe { ops = 400, rate = 1000000000 })() -- more than any allocator can: all are late
    test.equal(r.response.count, 400)
    test.equal(r.response["p99.9"], r.response.p99_9)
    assert(r.response.max >= r.response.p50 and r.response.max > 4 * r.latency.malloc.p50)
    test.match(tostring(r), "response%s+[%d.]+ %l+")
    test.equal(workload(describe())().response, nil)
    local missed = workload(describe { limits = { ["response.p99"] = "1s" } })()
    test.equal(missed.ok, false)
    test.match(missed.limits[1].note, "only an open loop %(rate%) has response times")
end)

-- ---- live play -----------------------------------------------------------------------------------------------------

test("start, status, set, timeline, stop", function()
    local w = workload(describe { duration = "forever", threads = 2 })
    test.equal(w:status().state, "idle")
    test.equal(#w:timeline(), 0)
    test.equal(w:start(), w)
    assert(nthreads() >= THREADS + 3) -- and the conductor
    test.fails("EBUSY", "is running", w:start())
    test.fails("EAGAIN", "still running", w:result())
    test.equal(w:wait(0.05), false)
    local status
    repeat
        status = w:status()
        test.equal(status.state, "running")
    until status.blocks > 0
    assert(status.ops > 0 and status.elapsed > 0 and status.live > 0 and status.blocks > 0 and status.rss > 0)
    test.match(tostring(status), "^running: ")
    local before = w:status().elapsed
    test.equal(w:set { scale = 3, rate = 1000, mark = "slower" }, true)
    local after = w:status().elapsed
    test.equal(w:status().scale, 3.0)
    test.equal(w:status().rate, 1000.0)
    assert(#w:timeline() > 0)
    local r = w:stop()
    test.equal(r.stopped, true)
    test.equal(w:status().state, "done")
    assert_threads_gone()
    local marks = {}
    for _, mark in ipairs(r.marks) do
        marks[mark.mark] = mark.t
    end
    for _, name in ipairs { "scale = 3", "rate = 1000", "slower" } do
        assert(before <= marks[name] and marks[name] <= after, name)
    end
    test.equal(w:start(), w) -- it can be run again
    assert(w:stop().ops >= 0)
end)

test("several at once", function()
    local a, b = workload(describe { threads = 2 }), workload(describe { threads = 2, seed = 2 })
    a:start()
    b:start()
    a:wait()
    b:wait()
    test.equal(a:result().ops, 2000)
    test.equal(b:result().ops, 2000)
end)

test("phases are marks", function()
    local r = workload(describe { duration = "150ms", phases = {
        { at = "100ms", rate = 100 }, { at = 0.05, scale = 2, mark = "doubled" } } })()
    test.equal(r.marks[1].mark, "scale = 2")
    test.equal(r.marks[2].mark, "doubled")
    test.equal(r.marks[3].mark, "rate = 100")
    assert(r.marks[1].t >= 0.05 and r.marks[3].t >= 0.1)
end)

test("collecting a running workload stops its threads", function()
    do
        local w <const> = workload(describe { duration = "forever", threads = 3 }):start()
        assert(w:status().state == "running" and nthreads() >= THREADS + 4)
    end
    collectgarbage()
    collectgarbage()
    assert_threads_gone()
end)

test("a to-be-closed workload stops at the end of its block", function()
    local outside
    do
        local w <close> = workload(describe { duration = "forever" }):start()
        outside = w
    end
    test.equal(outside:status().state, "done")
    assert_threads_gone()
end)

-- What Ctrl-C does in the interpreters: a hook, set at any time, raises.
test("an error raised by a hook ends run() and its threads", function()
    local w = workload(describe { duration = "forever" })
    local instructions = 0
    debug.sethook(function()
        instructions = instructions + 1
        if w.started and instructions > 3 then
            debug.sethook()
            error "interrupted!"
        end
    end, "", 50)
    local ok, message = pcall(w.run, w)
    debug.sethook()
    test.equal(ok, false)
    test.match(message, "interrupted!")
    test.equal(w:status().state, "done")
    assert_threads_gone()
    assert(w:result().stopped)
end)

-- ---- lunalloc ------------------------------------------------------------------------------------------------------

local function needs_lunalloc()
    if not core.loaded then
        test.skip "lunalloc is not loaded"
    end
end

test("lunalloc serves a verified workload of every kind", function()
    needs_lunalloc()
    local r = workload { threads = 3, ops = 60000, verify = true, allocator = "lunalloc", mix = {
        { weight = 60, size = "lognormal(64,1.2,4096)", lifetime = "exp(1000)", free_by = { other = 0.2 }, zero = 0.3 },
        { weight = 20, size = "exp(3000)", lifetime = "fifo(200)", realloc = { share = 0.5, times = 3, grow = 1.7 } },
        { weight = 10, size = "uniform(1,2000)", lifetime = 100, align = 256, touch = 0.3 },
        { weight = 1, size = "uniform(64K,1M)", lifetime = "exp(20)", realloc = 0.3 } } }()
    test.equal(r.allocator, "lunalloc")
    test.equal(r.verify.first, nil)
    test.equal(r.verify.errors, 0)
    test.equal(r.failures, 0)
    local last = r.timeline[#r.timeline - 1]
    assert(last.allocated > 0 and last.active >= last.allocated and last.dirty and last.muzzy and last.retained)
end)

test("a phase writes a control", function()
    needs_lunalloc()
    local la = require "lunalloc"
    local guard <close> = assert(la.with { ["arena.0.dirty_decay_ms"] = 1234 })
    local r = workload { duration = "150ms", allocator = "lunalloc", phases = {
        { at = "50ms", set = { ["arena.0.dirty_decay_ms"] = 777, ["arena.0.purge"] = true } } } }()
    test.equal(la.get "arena.0.dirty_decay_ms", 777)
    test.equal(r.marks[1].mark, "arena.0.dirty_decay_ms = 777")
    test.equal(r.marks[2].mark, "arena.0.purge = ()")
    test.equal(r.failed_sets, 0)
end)

test("a control that refuses its value makes the result not ok", function()
    needs_lunalloc()
    local wrong = { ["arenas.bin.0.slab_size"] = 5 } -- in the range of the row
    local r = workload(describe { duration = "100ms", allocator = "lunalloc", phases = { { at = 0, set = wrong } } })()
    test.equal(r.failed_sets, 1)
    test.equal(r.ok, false)
    test.match(r.marks[1].mark, "^failed: arenas%.bin%.0%.slab_size: '5' cannot be set") -- named once
    local w <close> = workload(describe { duration = "forever", allocator = "lunalloc" }):start()
    test.fails("EINVAL", "slab_size: '5' cannot be set", w:set { set = wrong })
end)

local WRONG_SETTINGS <const> = {
    { '%["arena%.0%.dirty_decay_ms"%] = "soon": a whole number from %-1 .* or a text such as "2s"',
        { ["arena.0.dirty_decay_ms"] = "soon" } },
    { '%["arena%.0%.dirty_decay_ms"%] = %-2: a whole number from %-1', { ["arena.0.dirty_decay_ms"] = -2 } },
    { '%["arena%.0%.dirty_decay_ms"%] = 1%.5: a whole', { ["arena.0.dirty_decay_ms"] = 1.5 } },
    { '%["arena%.0%.dirty_max"%] = "10 parsecs": a whole number', { ["arena.0.dirty_max"] = "10 parsecs" } },
    { '%["arena%.0%.dirty_max"%] = a table: a boolean, a number', { ["arena.0.dirty_max"] = {} } },
    { '%["background_thread"%] = "perhaps": true or false', { background_thread = "perhaps" } },
    { '%["opt%.thp"%] = "maybe": one of ', { ["opt.thp"] = "maybe" } },
    { ": arena%.4000%.dirty_decay_ms: there is no arena 4000", { ["arena.4000.dirty_decay_ms"] = 1 } },
    { ": arena%.4000%.dirty_decay_ms: there is no arena 4000", { ["arena.4000.purge"] = true } },
    { ": thread%.arena is of the thread that writes it", { ["thread.arena"] = 0 } },
    { ": arena%.0%.name takes C values", { ["arena.0.name"] = "x" } },
    { ": .*arena%.0%.dirty_decay_m.*did you mean", { ["arena.0.dirty_decay_m"] = 0 } },
    { ": stats%.allocated cannot be written", { ["stats.allocated"] = 0 } },
    { ": names of controls expected, got 1", { 1 } },
}

test("settings are checked when the plan is compiled, and at once", function()
    needs_lunalloc()
    local w <close> = workload(describe { duration = "forever", allocator = "lunalloc" }):start()
    for _, case in ipairs(WRONG_SETTINGS) do
        test.raises("workload: phases%[2%]%.set" .. case[1], workload, describe { duration = "2h",
            allocator = "lunalloc", phases = { { at = 0 }, { at = "1h", set = case[2] } } })
        test.raises("workload: set" .. case[1], w.set, w, { set = case[2] })
    end
    test.equal(w:set { set = { ["arena.0.dirty_decay_ms"] = "10s", ["arena.4096.decay"] = true,
        ["arena.0.dirty_max"] = "-1", background_thread = core.get "background_thread" } }, true)
end)

-- ---- verification --------------------------------------------------------------------------------------------------

--- Runs a description in a child process whose malloc is faulty.so; what it prints.
local function on_faulty_malloc(mix)
    local library = "build/tests/workload/faulty.so"
    local file = io.open(library)
    if not file then
        test.skip(library .. " was not built")
    end
    file:close()
    local script = ([[
        local describe = require "lunalloc.workload"
        local r = describe { ops = 300, verify = true, allocator = "process", mix = { {%s} } }()
        print(r.verify.errors > 0, r.ok, r.verify.first)]]):format(mix)
    local pipe <close> = assert(io.popen(("LD_PRELOAD=%s lua5.4 -e '%s' 2>&1"):format(library, script)))
    return pipe:read "a"
end

test("overlapping blocks are reported", function()
    test.match(on_faulty_malloc "size = 7001, lifetime = 20",
        "^true\tfalse\tcontents changed while the block was live.*mix%[1%], thread 1, 7001 bytes at 0x")
end)

test("a calloc that does not zero is reported", function()
    test.match(on_faulty_malloc "size = 7002, lifetime = 20, zero = 1",
        "^true\tfalse\tcalloc gave a block that is not zero: byte 7001 is 0x01")
end)

test("a realloc that loses contents is reported", function()
    test.match(on_faulty_malloc 'size = "uniform(7003,7003)", lifetime = 20, realloc = 1',
        "^true\tfalse\trealloc lost contents: byte %d+ is 0x00")
end)

test("a sound malloc is not", function()
    test.match(on_faulty_malloc "size = 7000, lifetime = 20, zero = 0.5, realloc = 0.5", "^false\ttrue\tnil")
end)

-- ---- bad input -----------------------------------------------------------------------------------------------------

local ROW <const> = { size = 64, lifetime = 10 }

--- A row with something wrong.
local function row(more)
    local result = {}
    for key, value in pairs(ROW) do
        result[key] = value
    end
    for key, value in pairs(more) do
        result[key] = value
    end
    return { mix = { result } }
end

local REFUSED <const> = {
    { 'unknown key "thread"; did you mean "threads"%? allowed: allocator, ', { thread = 2 } },
    { "unknown key 1; allowed", { {} } },
    { "threads = 0: a whole number from 1 to 512 expected", { threads = 0 } },
    { "threads = 1%.5: a whole number", { threads = 1.5 } },
    { 'threads = "2": a whole number', { threads = "2" } },
    { "seed = 1%.5: a whole number expected", { seed = 1.5 } },
    { 'duration = "10 parsecs": a time expected: seconds, or a text such as', { duration = "10 parsecs" } },
    { 'duration = 0: a time above 0, or "forever", expected', { duration = 0 } },
    { "duration = %-1: a time", { duration = -1 } },
    { "ops = 0: a whole number from 1", { ops = 0 } },
    { "rate = %-1: a number from 0", { rate = -1 } },
    { "verify = 1: true or false expected", { verify = 1 } },
    { 'allocator = "hoard": "process" or "%w+", which is the malloc of this process %(%w[%w ._-]*%), or "lunalloc" exp',
        { allocator = "hoard" } },
    { "allocator = 1: ", { allocator = 1 } },
    { 'live_max = "much": a size expected', { live_max = "much" } },
    { "mix = 3: an array of tables", { mix = 3 } },
    { "mix has 0 rows", { mix = {} } },
    { 'mix: an array .* but it has the key "size"', { mix = { size = 3 } } },
    { "mix%[1%] = 3: a table", { mix = { 3 } } },
    { "mix%[2%] is missing: an array .* without holes", { mix = { { size = 1, lifetime = 1 }, nil,
        { size = 2, lifetime = 1 } } } },
    { "mix%[1%] is missing", { mix = { [3] = { size = 1, lifetime = 1 } } } },
    { "mix%[1%]%.on%[1%] is missing: an array of thread numbers", row { on = { nil, 1 } } },
    { 'mix%[1%]%.on: an array of thread numbers expected, but it has the key "thread"', row { on = { thread = 1 } } },
    { "phases%[2%] is missing", { phases = { { at = 1 }, nil, { at = 2 } } } },
    { "mix%[1%]: size is missing; every row needs size and lifetime", { mix = { { lifetime = 1 } } } },
    { "mix%[1%]: lifetime is missing", { mix = { { size = 1 } } } },
    { 'unknown key in mix%[1%]: "lifetme"; did you mean "lifetime"%?', row { lifetme = 1 } },
    { "mix%[1%]%.weight = 0", row { weight = 0 } },
    { "mix%[1%]%.touch = 2: a number from 0 to 1 expected", row { touch = 2 } },
    { "mix%[1%]%.align = 3: a power of two", row { align = 3 } },
    { "mix%[1%]%.on = 0", row { on = 0 } },
    { 'unknown key in mix%[1%]%.free_by: "others"; did you mean "other"%?', row { free_by = { others = 1 } } },
    { "mix%[1%]%.free_by = 1: a table", row { free_by = 1 } },
    { "mix%[1%]: free_by needs another thread", row { free_by = { other = 1 } } },
    { "mix%[1%]%.free_by%.thread = 0: a whole number from 1 to 512", row { free_by = { thread = 0 } } },
    { "mix%[1%]%.realloc%.times = 0", row { realloc = { times = 0 } } },
    { "mix%[1%]: realloc needs a lifetime that ends", row { realloc = 1, lifetime = "forever" } },
    { "mix%[1%]%.size = true: a number, a distribution", row { size = true } },
    { "mix%[1%]%.size = {}: { %[value%] = weight, ... } or", row { size = {} } },
    { 'mix%[1%]%.size: "x:y" is not a value; allowed: a number, or a text', row { size = { ["x:y"] = 1 } } },
    { "mix%[1%]%.size: a function is not a weight", row { size = { [16] = print } } },
    { 'mix%[1%]: size "table%(16:%-1%)": entry 1 is not value:weight', row { size = { [16] = -1 } } },
    { 'mix%[1%]: size "gauss%(1%)": no such distribution; allowed: a number, fixed%(n%), ', row { size = "gauss(1)" } },
    { 'mix%[1%]: lifetime "exp%(x%)": "x" is not a number', row { lifetime = "exp(x)" } },
    { "mix%[1%]: size .* out of range; allowed: 1 to 1T", row { size = 0 } },
    { "mix%[1%]%.sized = 2: a number from 0 to 1", row { sized = 2 } },
    { "mix%[1%]%.batch = 0: a whole number from 1 to 65536", row { batch = 0 } },
    { 'mix%[1%]%.batch%.order = "up": "forward", "reversed" or "random" expected', row { batch = { order = "up" } } },
    { "phases = 1: an array", { phases = 1 } },
    { "phases%[1%]: at is missing", { phases = { { scale = 2 } } } },
    { 'unknown key in phases%[1%]: "scael"; did you mean "scale"%?', { phases = { { at = 1, scael = 2 } } } },
    { "phases%[2%]%.at = 2 s: the run is over then: its duration is 1 s", { duration = 1, phases = { { at = 0 },
        { at = 2 } } } },
    { "phases%[1%]%.scale = %-1: a number from 0", { phases = { { at = 1, scale = -1 } } } },
    { "phases%[1%]%.set = 1: a table", { phases = { { at = 1, set = 1 } } } },
}

test("bad descriptions raise one line with what, why and what is allowed", function()
    for _, case in ipairs(REFUSED) do
        local ok, message = pcall(function()
            local _ = workload(case[2])
        end)
        test.equal(ok, false, case[1])
        test.match(message, "^[^\n]*workload_test%.lua:%d+: workload: [^\n]*$")
        test.match(message, case[1])
    end
end)

test("what is not a description raises", function()
    test.raises("workload: a description {...} expected, got nil", workload)
    test.raises("got number", workload, 3)
end)

test("a missing file is an ordinary failure", function()
    test.fails("ENOENT", "cannot open /no/such/file", workload(row { size = "histogram(/no/such/file)" }))
end)

test("what makes no sense before the start says so", function()
    local w = workload(describe())
    test.fails("EAGAIN", "not started", w:result())
    test.fails("EINVAL", "not started", w:stop())
    test.fails("EINVAL", "not started", w:wait(0))
    test.fails("EINVAL", "not started", w:set { scale = 2 })
    test.raises('unknown key "speed"; allowed: mark, rate, scale, set', w.set, w, { speed = 2 })
    test.raises("bad argument #1 to 'workload:set' %(a table of changes expected, got number", w.set, w, 3)
end)

test("the core checks again what it is given", function()
    test.raises("table expected", core.workload.create, 1, "process")
    test.raises("invalid option 'other'", core.workload.create, {}, "other")
    test.raises("field 'threads' is missing", core.workload.create, {}, "process")
    test.raises("field 'threads' is missing, of the wrong type or out of range", core.workload.create,
        { threads = 1 << 40 }, "process")
end)
