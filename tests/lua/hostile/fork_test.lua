-- A fork while a workload runs. The child has none of its threads: it sees the workload as ended, and hangs nowhere.

local test = ...
local la = require "lunalloc"

local function forever()
    return assert(la.workload { threads = 2, duration = "forever", rate = 20000,
        mix = { { size = "exp(200)", lifetime = "exp(100)", free_by = { other = 0.5 } } } })
end

--- Runs body(w) in children of a process with a running workload; several, since a fork meets its threads anywhere.
local function in_children(body)
    local w <close> = forever():start()
    for _ = 1, 5 do
        test.equal(hostile.fork(body, w), "exit 0")
    end
    test.equal(w:status().state, "running")
    local r = w:stop()
    test.equal(r.ops > 0, true)
    test.equal(r.timeline[#r.timeline].mark, "everything freed")
end

test("a child closes its state", function()
    in_children(function() end)
end)

test("a child collects the workload", function()
    local holder = { forever():start() }
    test.equal(hostile.fork(function()
        holder[1] = nil
        collectgarbage()
        collectgarbage()
    end), "exit 0")
    assert(holder[1]:stop())
end)

test("a child waits for it, asks it, and stops it", function()
    in_children(function(w)
        test.equal(w:wait(), true)
        local status = w:status()
        test.equal(status.state, "done")
        test.match(tostring(status), "^done: ")
        test.match(tostring(w), "; done: ")
        test.equal(#w:timeline(), 0)
        test.fails("ESRCH", "runs in the parent of this process", w:result())
        test.fails("ESRCH", "belongs to the parent of this process", w:set { scale = 2, mark = "here" })
        test.fails("ESRCH", "runs in the parent of this process", w:stop())
        test.equal(math.type(w:info().threads), "integer")
    end)
end)

test("a child runs it anew", function()
    in_children(function(w)
        test.equal(w:start(), w)
        test.equal(w:status().state, "running")
        local r = assert(w:stop())
        test.equal(r.timeline[#r.timeline].mark, "everything freed")
    end)
end)

test("a child of a child", function()
    in_children(function(w)
        w:start()
        test.equal(hostile.fork(function()
            test.equal(w:wait(), true)
            test.fails("ESRCH", "parent", w:stop())
        end), "exit 0")
        assert(w:stop())
    end)
end)

test("a workload that is over, and one that never ran", function()
    local over, idle = la.workload { ops = 100, mix = { { size = 10, lifetime = 10 } } }, forever()
    assert(over:run())
    test.equal(hostile.fork(function()
        test.equal(over:wait(), true)
        test.equal(over:status().state, "done")
        test.equal(over:result().timeline[#over:timeline()].mark, "everything freed")
        test.equal(over:stop().ops, 100)
        test.fails("ESRCH", "belongs to the parent", over:set { mark = "late" })
        test.equal(idle:status().state, "idle")
        test.fails("EINVAL", "not started", idle:stop())
        test.equal(over:run().ops, 100)
    end), "exit 0")
    test.equal(over:result().ops, 100)
end)

-- What a workload maps and opens, apart from what the allocator keeps of it.
local function mapped_bytes()
    local bytes = 0
    for line in io.lines "/proc/self/maps" do
        local first, past = line:match "^(%x+)%-(%x+) "
        bytes = bytes + tonumber(past, 16) - tonumber(first, 16)
    end
    return bytes
end

local function nopen()
    local listing <close> = assert(io.popen "ls -l /proc/$PPID/fd | grep -c statm")
    return tonumber(listing:read "a")
end

test("a child gives back what the workload had mapped and opened", function()
    local w <close> = forever():start()
    w:wait(0.05)
    collectgarbage() -- earlier workloads have files of their own
    collectgarbage "stop"
    test.equal(hostile.fork(function()
        local mapped, opened = mapped_bytes(), nopen()
        getmetatable(w.run_).__gc(w.run_)
        test.equal(opened, 1)
        test.equal(nopen(), 0, "open files")
        test.equal(mapped_bytes() < mapped - (1 << 20), true, "mapped bytes")
    end), "exit 0")
    collectgarbage "restart"
end)

test("a child closes a state on a meter, or its meter", function()
    local ok, problem = hostile.state [[
        local la = require "lunalloc"
        local m = la.adopt { limit = "64M" }
        local w <close> = la.workload { allocator = "lunalloc", threads = 2, duration = "forever", rate = 20000,
            mix = { { size = "exp(200)", lifetime = "exp(100)" } } }
        w:start()
        local list = {}
        local function fill(n)
            for i = 1, n do
                list[i] = { i, tostring(i) }
            end
        end
        fill(10000)
        for round = 1, 10 do
            local ended = hostile.fork(function()
                fill(20000)
                assert(m:stats().allocated > 1000000)
                if round % 2 == 0 then
                    m:close()
                end
            end)
            assert(ended == "exit 0", ended)
        end
    ]]
    test.equal(ok, true, problem)
end)
