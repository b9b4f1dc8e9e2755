-- Replays of traces (la.workload{ trace = ... }): the calls are those of the file, whatever allocator they meet.

local test = ...
local la = require "lunalloc"
local workload = require "lunalloc.workload"

local TRACE <const> = "tests/workload/data/trace.txt"

--- What the file asks for: the number of calls of each kind, and of threads (a number counts again after its end).
local function survey()
    local calls, threads, open = {}, 0, {}
    for line in io.lines(TRACE) do
        local tid, call = line:match "^(%d+): ([%a_]+)"
        threads, open[tid] = open[tid] and threads or threads + 1, call ~= "thread_done" or nil
        calls[call] = (calls[call] or 0) + 1
    end
    return calls, threads
end

test("each call of the file is made, and the contents of every block survive", function()
    local calls, threads = survey()
    local w = workload { trace = TRACE, verify = true, sample = 1 }
    test.equal(w:info().threads, threads)
    test.match(tostring(w), ("workload of %d threads on "):format(threads))
    for _ = 1, 3 do
        local r = w()
        test.equal(r.verify.errors, 0, r.verify.first)
        test.equal(r.failures, 0)
        test.equal(r.calls.malloc, calls.malloc)
        test.equal(r.calls.calloc, calls.calloc)
        test.equal(r.calls.aligned_alloc, calls.memalign)
        test.equal(r.calls.realloc, calls.realloc)
        test.equal(r.ops, calls.malloc + calls.calloc + calls.memalign + calls.realloc + calls.free)
        test.equal(r.live, 0)
        test.equal(r.stopped, false)
    end
end)

test("the same file is the same plan", function()
    local a, b = workload { trace = TRACE }, workload { trace = { file = TRACE, touch = 0 } }
    test.equal(a:info().plan_hash, workload({ trace = TRACE }):info().plan_hash)
    assert(a:info().plan_hash ~= b:info().plan_hash)
    test.equal(a().sizes_hash, workload({ trace = TRACE })().sizes_hash)
end)

test("a replay keeps to the times of the trace", function()
    local last, first = 0, math.huge
    for line in io.lines(TRACE) do
        local begin = tonumber(line:match "(%d+) %d+$")
        last, first = math.max(last, begin or 0), math.min(first, begin or math.huge)
    end
    local r = workload { trace = { file = TRACE, speed = 0.5 } }()
    assert(r.seconds >= (last - first) / 0.5 / 1e9)
    test.raises("trace%.speed = %-1: a number from 0", workload, { trace = { file = TRACE, speed = -1 } })
    local path = os.tmpname()
    local file <close> = io.open(path, "w")
    file:write "1: malloc 0x10 5\n"
    file:flush()
    test.raises("trace%.speed needs the times of each call", workload, { trace = { file = path, speed = 1 } })
    os.remove(path)
end)

test("import knows a trace", function()
    local description = la.workload.import(TRACE)
    test.equal(description.trace, TRACE)
    test.equal(workload(description)().failures, 0)
    test.fails("EINVAL", "is a trace; allowed here: a table of sizes", workload {
        mix = { { joint = ("fleetbench(%s)"):format(TRACE) } } })
end)

test("what does not go with a trace is refused", function()
    for key, value in pairs { mix = { { size = 1, lifetime = 1 } }, threads = 2, seed = 1, ops = 5, rate = 5 } do
        test.raises(key .. " does not go with trace", workload, { trace = TRACE, [key] = value })
    end
    test.raises("phases%[1%]: scale does not go with trace", workload, {
        trace = TRACE, phases = { { at = 0, scale = 2 } } })
    test.raises("trace: file is missing", workload, { trace = {} })
    test.raises("trace%.file = 3: the path of a file expected", workload, { trace = 3 })
    test.raises("trace%.touch = 2: a number from 0 to 1", workload, { trace = { file = TRACE, touch = 2 } })
    test.fails("EINVAL", "cells%.txt:1: allowed: THREAD: and malloc",
        workload { trace = "tests/workload/data/cells.txt" })
    test.fails("ENOENT", "cannot open /no/such", workload { trace = "/no/such" })
end)
