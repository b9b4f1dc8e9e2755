-- la.replay: fidelity on each allocator, settings, speeds, and bad input.

local test = ...
local la = require "lunalloc"

local function path_of(name)
    return (os.getenv "TMPDIR" or "/tmp") .. "/replay_test." .. name
end

--- A synthetic trace, which is removed when the variable is closed. lost: how many events; or "pages": of pages.
local function make(events, threads, lost)
    local path = path_of(("%d-%d.trace"):format(events, threads))
    assert(os.execute(("build/tests/replay/make_trace %s %d %d %s"):format(path, events, threads, lost or "")))
    return setmetatable({ path = path }, { __close = function() os.remove(path) end })
end

--- Plans of this process.
local function left_behind()
    local pipe <close> = io.popen(("ls %s | grep -c '^lunalloc-%d-[0-9]*.plan'"):format(path_of(""):match "^(.*)/",
        require("lunalloc.core").child.identity()))
    return pipe:read "n"
end

test("a replay is exact on this allocator, with one thread and with many", function()
    for _, threads in ipairs { 1, 16 } do
        local trace <close> = make(60000, threads)
        local r = assert(la.replay { trace = trace.path, speed = "max" })
        local f = r.fidelity
        test.equal(f.exact, true)
        test.equal(f.classes .. " " .. f.violations .. " " .. f.deviations, "0 0 0")
        test.equal(f.kinds.malloc.recorded > 10000, true)
        test.equal(f.kinds.realloc.replayed, f.kinds.realloc.recorded)
        test.equal(f.remote.recorded > 0, threads > 1)
        test.equal(r.threads, threads)
        test.equal(r.allocator, "lunalloc")
        test.equal(r.ops, 60000)
        test.equal(r.peak_growth > f.peak_live.replayed and r.peak_growth < 2 * f.peak_live.replayed, true)
    end
    test.equal(left_behind(), 0)
end)

test("and on every other one that is installed", function()
    local trace <close> = make(20000, 4)
    for _, allocator in ipairs(la.allocators()) do
        local r = assert(la.replay { trace = trace.path, allocator = allocator.name, speed = "max", touch = "all" })
        test.equal(r.fidelity.exact, true)
        test.equal(r.allocator, allocator.name)
    end
end)

test("settings reach the child, and a wrong one is told", function()
    local trace <close> = make(2000, 1)
    local r = assert(la.replay { trace = trace.path, conf = { narenas = 1 } })
    test.equal(r.conf, "narenas:1")
    test.match(tostring(r), "narenas:1")
    local _, message, code = la.replay { trace = trace.path, conf = "narenas:many" }
    test.match(message, "'narenas:many' is not a number")
    test.equal(code, "EINVAL")
end)

test("the recorded times are kept", function()
    local trace <close> = make(20000, 1) -- one event each 50 ns
    local r = assert(la.replay { trace = trace.path, speed = 0.01 })
    test.equal(r.seconds > 0.099, true)
    test.equal(r.fidelity.exact, true)
end)

test("the result as text and as JSON", function()
    local trace <close> = make(2000, 2)
    local r = assert(la.replay { trace = trace.path, speed = "max" })
    test.match(tostring(r), "\n  freed by another thread +%d+ +%d+  equal\n")
    test.match(tostring(r), "\n  peak of live bytes ")
    test.match(r:tojson(), '"exact":true')
end)

test("a trace that lost too much is refused, unless lossy", function()
    local trace <close> = make(2000, 2, 3)
    local r, message, code = la.replay { trace = trace.path, speed = "max" }
    test.equal(r, nil)
    test.match(message, "^3 events of the trace were lost %(0%.15 %%, above 0%.1 %%%)")
    test.equal(code, "ENODATA")
    r = assert(la.replay { trace = trace.path, speed = "max", lossy = true })
    test.equal(r.fidelity.lost, 3)
    test.equal(left_behind(), 0)
end)

test("what is missing or wrong", function()
    local trace <close> = make(2000, 1)
    for _, case in ipairs {
        { { trace = "/nonexistent" }, "No such file", "ENOENT" },
        { { trace = "/etc/passwd" }, "no trace", "EINVAL" },
        { { trace = "/" }, ".", "EINVAL" },
        { { trace = trace.path, allocator = "/nonexistent.so" }, "No such file", "ENOENT" },
        { { trace = trace.path, speed = 1e-6, timeout = "300ms" }, "no end within 0%.3 s", "ETIMEDOUT" },
    } do
        local r, message, code = la.replay(case[1])
        test.equal(r, nil)
        test.match(message, case[2])
        test.equal(code, case[3])
    end
    test.equal(left_behind(), 0)
end)

test("a trace of pages is replayed on a simulated system, with any setting, more than 100 times as fast", function()
    local trace <close> = make(10000, 1, "pages")
    local mean = {}
    for _, conf in ipairs { "dirty_decay_ms:-1", "dirty_decay_ms:10s", "dirty_decay_ms:1000", "dirty_decay_ms:0" } do
        local r = assert(la.replay { trace = trace.path, conf = conf })
        test.equal(r.mode .. " " .. r.allocs .. " " .. r.frees, "pages 5000 5000")
        test.equal(r.peak.active > 50 << 20 and r.peak.rss >= r.peak.active, true)
        test.equal(r.timeline[#r.timeline].active, 0)
        test.equal(r.seconds / r.took > 10, true) -- 109 s; the machine may be busy
        mean[#mean + 1] = r.mean.dirty
    end
    test.equal(mean[1] > 1.5 * mean[2] and mean[2] > 5 * mean[3] and mean[4] == 0, true, table.concat(mean, " "))
    local r = assert(la.replay { trace = trace.path, conf = { dirty_max = "4M", retain = false } })
    test.equal(r.peak.dirty <= 4 << 20 and r.unmaps > 0, true)
    test.match(tostring(r), "replay +of pages %(dirty_max:4194304,retain:0%)")
    test.match(r:tojson(), '"purged_pages":%d+')
    local _, message, code = la.replay { trace = trace.path, conf = "narenas:1" }
    test.match(message, "^'narenas' does not matter to pages; a replay of pages takes dirty_decay_ms, ")
    test.equal(code, "EINVAL")
    test.match(select(2, la.replay { trace = trace.path, conf = "retain:maybe" }), "retain: 'maybe' is not a value")
    test.match(select(2, la.replay { trace = trace.path, allocator = "glibc" }), "lunalloc's page layer only")
end)

test("trace:replay replays a view: all of it, or what a filter leaves", function()
    local trace <close> = make(20000, 4)
    local whole <close> = assert(la.trace.load(trace.path))
    local all = assert(whole:replay { speed = "max", conf = "narenas:1" })
    test.equal(all.ops .. " " .. all.conf, "20000 narenas:1")
    local part = assert(whole:filter { thread = 2 }:replay { speed = "max" })
    test.equal(part.ops > 2000 and part.ops < 10000 and part.threads, 1)
    test.equal(part.trace, trace.path)
    test.equal(part.fidelity.exact, true)
    test.match(select(2, pcall(whole.replay, whole, { trace = "x" })), "no trace=: it is this one")
    test.match(select(2, pcall(whole.replay, whole, { speed = "fast" })), "trace:replay: speed = 'fast'")
end)

test("a text of Android's malloc debugging is replayed", function()
    local path = path_of "android.txt"
    local file = assert(io.open(path, "w"))
    file:write("10: malloc 0x1000 100\n10: calloc 0x2000 4 50\n11: memalign 0x3000 64 256\n",
        "10: realloc 0x4000 0x1000 300\n11: free 0x4000\n10: free 0x2000\n11: thread_done 0x0\n")
    file:close()
    local r, message = la.replay { trace = path, speed = "max" }
    local m = (la.trace.load(path) or test):replay { speed = "max" }
    os.remove(path)
    test.equal(message, nil)
    local kinds = r.fidelity.kinds
    test.equal(kinds.malloc.replayed .. kinds.calloc.replayed .. kinds.aligned_alloc.replayed ..
        kinds.realloc.replayed .. kinds.free.replayed, "11112")
    test.equal(r.fidelity.remote.replayed .. " " .. r.threads .. " " .. tostring(r.fidelity.exact), "1 2 true")
    test.equal(m.ops .. m.trace, r.ops .. path)
end)

test("misuse raises, with what is allowed", function()
    for _, case in ipairs {
        { {}, "trace = nil: the path of a trace expected" },
        { { trace = "a\0b" }, "the path of a trace expected" },
        { { trace = "x", speed = "fast" }, 'speed = \'fast\': "real", "max"' },
        { { trace = "x", speed = -1 }, "speed = %-1" },
        { { trace = "x", allocator = "jemaloc" }, "replay: .*one of lunalloc, glibc, jemalloc" },
        { { trace = "x", allocator = "glibc", conf = "narenas:1" }, "conf: settings are lunalloc's" },
        { { trace = "x", touch = "some" }, '"pages", "all", "none" or "verify" expected' },
        { { trace = "x", sample = 0 }, "sample = 0" },
        { { trace = "x", timeout = "soon" }, "timeout = 'soon': a time above 0" },
        { { trace = "x", tarce = "y" }, "unknown key 'tarce'; allowed: allocator, conf," },
    } do
        local ok, message = pcall(la.replay, case[1])
        test.equal(ok, false)
        test.match(message, case[2])
    end
    test.match(select(2, pcall(la.replay)), "a table of options expected, got nil")
end)

test("la.compare replays a trace, compiled once, on each variant in turn", function()
    local trace <close> = make(20000, 2)
    for _, key in ipairs { "trace", "scenario" } do
        local c = assert(la.compare { [key] = trace.path, a = "", b = "narenas:1", rounds = 2 })
        test.equal(c.scenario, trace.path:match "[^/]*$")
        local medians = c.variants[2].medians
        test.equal(medians["ns/call"] > 0 and medians["ops/s"] > 0 and medians["peak RSS"] > 1 << 20, true)
    end
    test.match(select(2, la.compare { trace = "/nonexistent", a = "", b = "narenas:1" }), "No such file")
    for message, options in pairs {
        ["duration and set are of workloads"] = { trace = trace.path, duration = "1s" },
        ["either a scenario or a trace"] = { trace = trace.path, scenario = {} },
        ["speed = 'fast'"] = { trace = trace.path, speed = "fast" },
        ["trace = 1: the path"] = { trace = 1 },
    } do
        options.a, options.b = "", "narenas:1"
        test.match(select(2, pcall(la.compare, options)), message)
    end
    test.equal(left_behind(), 0)
end)

test("a child that dies is told, and leaves nothing", function()
    local trace <close> = make(2000, 1)
    local r, message = la.replay { trace = trace.path, env = { LD_LIBRARY_PATH = "/nonexistent", LUA_PATH = "/" } }
    test.equal(r, nil)
    test.match(message, "^lunalloc: exit status 1")
    test.equal(left_behind(), 0)
end)
