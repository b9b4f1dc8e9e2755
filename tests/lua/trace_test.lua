-- la.trace: the values of each question, of a small trace whose events are written here, of sums, and of what other
-- programs have recorded; what a description of a load keeps.

local test = ...
local la = require "lunalloc"
local core = require "lunalloc.core"

local FOLDER <const> = os.getenv "TMPDIR" or "/tmp"

--- A path in the tests' folder; the file is removed when the variable is closed.
local function file(name, text)
    local path = ("%s/trace_test.%s"):format(FOLDER, name)
    if text then
        local out <close> = assert(io.open(path, "wb"))
        out:write(text)
    end
    return setmetatable({ path = path }, { __close = function() os.remove(path) end })
end

local SECOND <const> = 1000000000

--- Two threads; the second one frees what the first one has made. Times are whole seconds.
local EVENTS <const> = {
    { 1, "malloc", 0, 0x1000, 100 },
    { 1, "calloc", 1, 0x2000, 1000 },
    { 2, "malloc", 2, 0x3000, 100 },
    { 1, "aligned", 3, 0x4000, 4096, 0, 4096 },
    { 2, "free", 4, 0x1000 },
    { 1, "realloc", 5, 0x5000, 3000, 0x2000 },
    { 2, "free_sized", 6, 0x4000, 4096 },
    { 1, "free", 8, 0x9000 },
    { 1, "free", 10, 0x5000 },
}

local function write(path, events)
    local writer <close> = assert(core.trace.writer(path))
    writer:meta("name", "small")
    writer:meta("pid", "42")
    writer:meta("mode", "full")
    writer:meta("setting dirty_decay_ms", "10")
    writer:thread(11, "first", SECOND)
    writer:thread(12, "second", SECOND)
    for _, event in ipairs(events) do
        local thread, kind, time = table.unpack(event, 1, 3)
        writer:event(thread, kind, SECOND + time * SECOND, table.unpack(event, 4))
    end
    writer:sample { time = 5 * SECOND, rss = 12345678 }
    return assert(writer:finish())
end

--- The small trace, opened; its file has no name any more.
local function small()
    local f <close> = file "small.lnt"
    write(f.path, EVENTS)
    return assert(la.trace.load(f.path))
end

--- The row whose field has the value.
local function row_of(rows, field, value)
    for _, row in ipairs(rows) do
        if row[field] == value then
            return row
        end
    end
    error(("no row with %s = %s"):format(field, value), 2)
end

--- The fields of a row as one text.
local function fields(row, ...)
    local values = {}
    for i, name in ipairs { ... } do
        values[i] = tostring(row[name])
    end
    return table.concat(values, " ")
end

-- ---- questions -----------------------------------------------------------------------------------------------------

test("info tells who was recorded, and the sums", function()
    local trace <close> = small()
    local info = assert(trace:info())
    test.equal(fields(info, "name", "pid", "mode", "events", "recorded", "lost", "duration", "complete", "damaged"),
        "small 42 full 9 9 0 10.0 true 0")
    test.equal(fields(info, "peak_live", "peak_time", "live", "unknown", "missing", "late", "summed"),
        "7196 5.0 100 1 0 0 false")
    test.equal(info.settings.dirty_decay_ms, "10")
    test.equal(fields(info.threads[2], "tid", "name", "events", "begin", "end"), "12 second 3 2.0 6.0")
    test.equal(fields(info.samples[1], "time", "rss", "allocated"), "4.0 12345678 nil")
    test.match(info.path, "small.lnt$")
end)

local SUMS <const> = { "allocations", "frees", "bytes", "reallocs", "cross", "live", "live_bytes", "peak",
    "peak_bytes" }

test("count has the sums of each class", function()
    local trace <close> = small()
    local rows = assert(trace:count())
    test.equal(#rows, 4)
    test.equal(fields(row_of(rows, "size", 112), table.unpack(SUMS)), "2 1 200 0 1 1 100 2 200")
    test.equal(fields(row_of(rows, "size", 1024), table.unpack(SUMS)), "1 1 1000 0 0 0 0 1 1000")
    test.equal(fields(row_of(rows, "size", 3072), table.unpack(SUMS)), "1 1 3000 1 0 0 0 1 3000")
    test.equal(fields(row_of(rows, "size", 4096), table.unpack(SUMS)), "1 1 4096 0 1 0 0 1 4096")
    local row = row_of(rows, "size", 112)
    assert(row.lifetime > 2 and row.lifetime < 5, row.lifetime) -- 4 s: within its power of two
    assert(row.lifetime_bytes > 4096 and row.lifetime_bytes < 8192, row.lifetime_bytes) -- 5296, with its own
    test.equal(row.sizes[2], 2) -- 97 to 112 has eight parts of two bytes
end)

test("count has those of threads, kinds and sizes", function()
    local trace <close> = small()
    local threads = assert(trace:count { by = "thread" })
    test.equal(fields(threads[1], "tid", "events", table.unpack(SUMS)), "11 6 4 2 8196 1 0 0 0 3 7096")
    test.equal(fields(threads[2], "tid", "events", table.unpack(SUMS)), "12 3 1 2 100 0 2 1 100 1 100")
    local kinds = assert(trace:count { by = "kind" })
    test.equal(fields(row_of(kinds, "kind", "malloc"), "count", "bytes"), "2 200")
    test.equal(fields(row_of(kinds, "kind", "free"), "count", "bytes"), "3 0")
    test.equal(fields(row_of(kinds, "kind", "free_sized"), "count", "bytes"), "1 4096")
    test.equal(kinds[1].kind, "free")
    local sizes = assert(trace:count { by = "size" })
    test.equal(fields(sizes[1], "size", "count", "bytes"), "100 2 200")
    test.equal(#sizes, 4)
end)

local function count_of(trace)
    local n = 0
    for _ in trace:events() do
        n = n + 1
    end
    test.equal(assert(trace:info()).events, n)
    return n
end

test("each condition narrows a trace down", function()
    local trace <close> = small()
    test.equal(count_of(trace:filter { thread = 2 }), 3)
    test.equal(count_of(trace:filter { kind = "free" }), 3)
    test.equal(count_of(trace:filter { kind = { "malloc", "calloc" } }), 3)
    test.equal(count_of(trace:filter { from = "3s" }), 6)
    test.equal(count_of(trace:filter { from = 3, to = 6 }), 3)
    test.equal(count_of(trace:filter { min_size = 1000 }), 5)
    test.equal(count_of(trace:filter { max_size = 100 }), 3)
    test.equal(count_of(trace:filter { class = 112 }), 3)
    test.equal(count_of(trace:filter { max_size = 2000 }), 5) -- of the realloc, only that it frees the old block
    test.equal(count_of(trace:filter { thread = 1 }:filter { kind = "free" }), 2)
    test.equal(count_of(trace:filter { thread = 1 }:filter { thread = 2 }), 0)
    test.equal(#assert(trace:count { by = "size", thread = 2 }), 1)
    test.raises("no option 'size' %(there are: class, from", trace.filter, trace, { size = 1 })
    test.raises("did you mean \"malloc\"", trace.filter, trace, { kind = "mallok" })
    test.raises("filter: thread is the number of a thread, from 1", trace.filter, trace, { thread = 0 })
end)

test("the new half of a realloc is no free of what does not pass", function()
    local trace <close> = small()
    local row = row_of(assert(trace:filter { min_size = 2000, max_size = 3500 }:count()), "size", 3072)
    test.equal(fields(row, table.unpack(SUMS)), "1 1 3000 1 0 0 0 1 3000")
    test.equal(#assert(trace:filter { min_size = 2000, max_size = 3500 }:count()), 1)
end)

test("events are in the order of time, with what they end", function()
    local trace <close> = small()
    local seen = {}
    for e in trace:events() do
        seen[#seen + 1] = e
    end
    test.equal(#seen, #EVENTS)
    for i, event in ipairs(EVENTS) do
        test.equal(fields(seen[i], "thread", "kind", "time", "addr", "size"),
            ("%d %s %d %d %d"):format(event[1], event[2], event[3] * SECOND, event[4], event[5] or 0))
    end
    test.equal(seen[4].align, 4096)
    test.equal(fields(seen[6], "old_addr", "old_size", "lifetime"), ("8192 1000 %d"):format(4 * SECOND))
    test.equal(fields(seen[8], "old_size", "lifetime"), "nil nil")
end)

-- ---- files ---------------------------------------------------------------------------------------------------------

test("what is saved of a trace is what was seen of it", function()
    local trace <close> = small()
    local copy <close> = file "copy.lnt"
    for _, conditions in ipairs { {}, { from = 2 }, { thread = 1 }, { min_size = 1000, max_size = 4000 } } do
        local view = trace:filter(conditions)
        local written = assert(view:save(copy.path))
        local saved <close> = assert(la.trace.load(copy.path))
        test.equal(written.events, count_of(view))
        test.equal(count_of(saved), count_of(view))
        local next_saved = saved:events()
        local moved = assert(saved:info()).threads[1].begin
        for e in view:events() do
            local other = next_saved()
            test.equal(fields(other, "kind", "addr", "size", "old_addr"), fields(e, "kind", "addr", "size", "old_addr"))
        end
        test.equal(moved >= 0, true)
        if not conditions.thread then -- what another thread frees is not in the copy
            test.equal(assert(saved:info()).live, assert(view:info()).live)
        end
        test.equal(assert(saved:info()).name, "small")
    end
end)

test("a difference of two traces is by class, with distances", function()
    local trace <close> = small()
    local other <close> = file "other.lnt"
    local events = { table.unpack(EVENTS) }
    events[#events + 1] = { 1, "malloc", 11, 0x6000, 100 }
    events[#events + 1] = { 1, "malloc", 12, 0x7000, 20000 }
    write(other.path, events)
    local b <close> = assert(la.trace.load(other.path))
    local same, diff = assert(trace:diff(trace)), assert(trace:diff(b))
    test.equal(fields(same, "distance", "distance_bytes"), "0.0 0.0")
    local row = row_of(diff.rows, "size", 20480)
    test.equal(row.a.allocations .. " " .. row.b.allocations .. " " .. row.b.bytes, "0 1 20000")
    test.equal(fields(diff.b, "allocations", "bytes"), "7 28396")
    -- shares of the allocations: 2/5 and 3/7 of 112, 1/5 and 1/7 of three classes, 0 and 1/7
    assert(math.abs(diff.distance - 6 / 35) < 1e-9, diff.distance)
    test.match(tostring(diff), "bytes in class 20.0 KiB +0 B +19.5 KiB +new")
end)

test("a plot has the peak of live bytes", function()
    local trace <close> = small()
    test.match(tostring(assert(trace:plot { width = 40, height = 6 })), "%d")
    local empty = trace:filter { from = "1h" }
    test.fails("EINVAL", "no allocation to draw", empty:plot())
end)

-- ---- loads ---------------------------------------------------------------------------------------------------------

--- A trace of many events of threads that allocate, resize and free blocks, also those of other threads.
local function large(events, threads)
    local f <close> = file "large.lnt"
    local writer <close> = assert(core.trace.writer(f.path))
    local sizes, seed = {}, 1
    local function random(n)
        seed = seed * 6364136223846793005 + 1442695040888963407
        return (seed >> 33) % n
    end
    for i = 1, threads do
        writer:thread(i, "worker", 0)
    end
    for time = 1, events do
        local slot, thread = random(2000), random(threads) + 1
        local addr = 0x100000 + slot * 0x10000
        if not sizes[slot] then
            sizes[slot] = 1 + random(5000)
            writer:event(thread, "malloc", time, addr, sizes[slot])
        elseif random(8) == 0 then
            sizes[slot] = 1 + random(20000)
            writer:event(thread, "realloc", time, addr, sizes[slot], addr)
        else
            sizes[slot] = nil
            writer:event(thread, "free", time, addr)
        end
    end
    assert(writer:finish())
    return assert(la.trace.load(f.path))
end

test("a description has the live bytes of the trace", function()
    local trace <close> = large(200000, 3)
    local description, errors = assert(trace:workload())
    assert(math.abs(errors.live) < 0.05, errors.live)
    test.equal(errors.live, errors.expected_live / errors.mean_live - 1)
    test.equal(description.threads, 3)
end)

test("a run of a description has the live bytes that were computed", function()
    local trace <close> = large(200000, 1) -- threads that wait for each other would hand blocks over late
    local description, errors = assert(trace:workload())
    description.rate = nil
    local result = assert(la.workload(description):run())
    local ratio = result.live_at_end / errors.expected_live
    assert(ratio > 0.85 and ratio < 1.3, ratio) -- at its end, a run has its most
    test.equal(result.ops, description.ops)
end)

test("a description says what it lacks", function()
    local trace <close> = small()
    local description, errors = assert(trace:workload())
    test.equal(description.ops, 4)
    test.equal(errors.lost, 0.0)
    test.equal(errors.alignments, 0.25)
    assert(errors.live > -1 and errors.live < math.huge, errors.live)
    test.fails("EINVAL", "no allocation to describe", trace:filter { from = "1h" }:workload())
    local code = require("lunalloc.trace_workload").code(description, errors, "x\ny")
    test.equal(load(code)().ops, 4)
end)

-- ---- sums ----------------------------------------------------------------------------------------------------------

test("a recording of sums has the answers of the whole, and says what it lacks", function()
    local f <close> = file "sums.lnt"
    local recording = assert(la.record { path = f.path, mode = "classes", ring_size = "4M" })
    local blocks = {}
    for i = 1, 2000 do
        blocks[i] = ("x"):rep(i)
    end
    local result = assert(recording:stop())
    local trace <close> = assert(la.trace.load(f.path))
    local info = assert(trace:info())
    test.equal(info.events, result.events)
    test.equal(fields(info, "mode", "summed", "complete", "damaged"), "classes true true 0")
    test.equal(#assert(trace:count()) > 0, info.peak_live > 0)
    test.equal(#assert(trace:count { by = "thread" }), result.threads)
    test.equal(assert(trace:diff(trace)).distance, 0.0)
    test.fails("ENOTSUP", "^conditions need each event, and '.*' has sums alone", trace:filter { thread = 1 }:info())
    test.fails("ENOTSUP", "^events need", trace:events())
    test.fails("ENOTSUP", "^copies need", trace:save(f.path .. ".copy"))
    test.fails("ENOTSUP", "^instants need", trace:instant())
    if info.peak_live > 0 then
        test.equal(assert(trace:workload()).ops > 0, true)
    end
end)

-- ---- stacks --------------------------------------------------------------------------------------------------------

test("a recording of stacks tells what was allocated, and what of it lives", function()
    local f <close> = file "stacks.lnt"
    la.prof.stop()
    assert(la.set("prof.reset", 10))
    local recording = assert(la.record { path = f.path, mode = "stacks", duration = "1h" })
    test.fails("EBUSY", "profiler is in use: prof.active is true", la.record { path = f.path .. "2", mode = "stacks" })
    local kept = {}
    for i = 1, 3000 do
        local text = ("x"):rep(1000 + i)
        kept[i % 10 == 0 and #kept + 1 or 1] = text
    end
    local result = assert(recording:stop())
    test.equal(la.get "prof.active", false)
    test.equal(la.get "prof.accum", false)
    if result.stacks == 0 then
        test.skip "the interpreter allocates elsewhere"
    end
    local trace <close> = assert(la.trace.load(f.path))
    test.equal(fields(assert(trace:info()), "mode", "complete", "summed"), "stacks true true")
    test.fails("ENOTSUP", "has stacks alone", trace:count())
    test.fails("ENOTSUP", "^events need", trace:events())
    local rows, bytes, live = assert(trace:stacks()), 0, 0
    for _, row in ipairs(rows) do
        bytes, live = bytes + row.bytes, live + row.live_bytes
        assert(#row.stack > 0 and row.live_bytes <= row.bytes)
    end
    -- 7.5 MB of strings at least, of which a tenth is kept; the profiler's estimate is within a few percent
    assert(bytes > 6e6 and bytes < 40e6, bytes)
    assert(live > 0.5e6 and live < bytes / 2, live)
    test.equal(result.stacks, #rows)
    local lines = require("lunalloc.collapsed").rows(rows, "bytes")
    test.match(lines[1], "^[^ ].* %d+$")
    test.fails("ENOTSUP", "conditions need", trace:filter { thread = 1 }:stacks())
end)

test("a profile that is cut or changed gives rows, or none", function()
    local stacks = require "lunalloc.prof_stacks"
    local good = "\x12\x08\x0a\x02\x01\x02\x12\x02\x05\x06\x22\x05\x08\x01\x18\x80\x20\x22\x04\x08\x02\x18\x07"
    local row = stacks.rows(good, function(address) return "f" .. address end)[1]
    test.equal(table.concat(row.stack, " "), "f4096 f7")
    test.equal(fields(row, "count", "bytes", "live_count", "live_bytes"), "5 6 0 0")
    for i = 0, #good - 1 do
        stacks.rows(good:sub(1, i), tostring)
        for _, byte in ipairs { 0, 1, 0x7f, 0x80, 0xff } do
            stacks.rows(good:sub(1, i) .. string.char(byte) .. good:sub(i + 2), tostring)
        end
    end
    stacks.rows(("\xff"):rep(1000), tostring)
end)

-- ---- what other programs have recorded -----------------------------------------------------------------------------

test("Android's text is imported by its first bytes", function()
    local f <close> = file("android.txt", table.concat({
        "7: malloc 0x1000 100 10 20", "8: calloc 0x2000 4 25 30 40", "7: realloc 0x3000 0x1000 300 50 60",
        "8: memalign 0x4000 64 640 70 80", "7: free 0x2000 90 91", "7: thread_done 0x0 99", "" }, "\n"))
    local trace <close> = assert(la.trace.load(f.path))
    local kinds, info = {}, assert(trace:info())
    for e in trace:events() do
        kinds[#kinds + 1] = e.kind .. " " .. e.size
    end
    test.equal(table.concat(kinds, ", "), "malloc 100, calloc 100, realloc 300, aligned 640, free 0, thread_end 0")
    test.equal(fields(info, "live", "peak_live", "unknown"), "940 1040 0")
    test.equal(fields(info.threads[1], "tid", "ended"), "7 true")
    local bad <close> = file("bad.txt", "7: malloc 0x1000 100\n7: free\n")
    test.fails("EINVAL", ":2: '7: free' is no call; allowed", la.trace.load(bad.path))
end)

test("heaptrack's text is imported: sizes, live bytes and the peak", function()
    local f <close> = file("heaptrack.txt", table.concat({ "v 10400 3", "x /bin/true", "I 1000 ffff", "a 40 1",
        "a 400 2", "c 1", "+ 0", "+ 0", "R 10", "+ 1", "c 5", "- 0", "- 1", "- 1", "" }, "\n"))
    local trace <close> = assert(la.trace.load(f.path))
    local info = assert(trace:info())
    test.equal(fields(info, "events", "live", "peak_live"), "5 64 1152")
    test.equal(info.samples[1].rss, 16 * 4096)
    test.equal(fields(row_of(assert(trace:count { by = "size" }), "size", 64), "count"), "2")
    local bad <close> = file("bad.txt", "v 10400 9\n")
    test.fails("EINVAL", "file versions 1 to 3", la.trace.load(bad.path))
    local copy <close> = file "copy.lnt"
    test.equal(assert(la.trace.import(f.path, copy.path)).events, 5)
end)

-- ---- the prompt ----------------------------------------------------------------------------------------------------

test(".record records in the background, until .record stop", function()
    local console = os.getenv "LUNALLOC_CONSOLE" or "build/lunalloc"
    local f <close> = file "dot.lnt"
    local pipe <close> = assert(io.popen(([[printf '%%s\n' '.record' '.record stop' '.record %s' ]] ..
        [['x = ("y"):rep(1 << 20)' '.record' '.record stop' | %s -i 2>&1]]):format(f.path, console)))
    local said = pipe:read "a"
    test.match(said, "usage: .record FILE")
    test.match(said, "nothing is recorded")
    test.match(said, "recording '[^\n]*dot.lnt': recording")
    local trace <close> = assert(la.trace.load(f.path))
    test.equal(assert(trace:info()).complete, true)
end)
