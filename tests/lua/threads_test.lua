-- Threads as objects, purge, and history. A workload at a low rate has threads that sleep with something cached.

local test = ...
local la = require "lunalloc"
local show = require "lunalloc.show"

local function busy_work(rate)
    return la.workload { allocator = "lunalloc", threads = 2, seed = 1, rate = rate, duration = "forever",
        mix = { { weight = 1, size = "fixed(448)", lifetime = "exp(1000)" } } }
end

-- The threads that were born after the first one, without those of the allocator.
local function workers()
    local list = {}
    for i, thread in ipairs(assert(la.threads())) do
        list[#list + 1] = i > 1 and not thread.name:find "^lunalloc_" and thread or nil
    end
    return list
end

-- Waits until each worker has something cached.
local function wait_for_caches(w)
    for _ = 1, 200 do
        w:wait(0.02)
        local ready = 0
        for _, thread in ipairs(workers()) do
            ready = ready + (thread.cached > 0 and 1 or 0)
        end
        if ready >= 2 then
            return
        end
    end
    error "the workload's threads cache nothing"
end

test("threads: this one", function()
    local buffer <close> = assert(la.buffer "100")
    local list = assert(la.threads())
    local first = list[1]
    test.equal(#list, la.stats().nthreads)
    test.equal(math.type(first.tid), "integer")
    test.equal(first.arena, la.get "thread.arena")
    test.equal(type(first.name) == "string" and #first.name > 0, true)
    test.equal(first.idle < 100, true)
    test.equal(first.behind, false)
    test.equal(first.requests > 0, true)
    test.equal(first == la.threads()[1], true)
end)

test("threads: what the cache holds, by class", function()
    local w <close> = busy_work(20000):start()
    wait_for_caches(w)
    for _, thread in ipairs(assert(la.threads())) do
        local bytes, last = 0, -1
        for _, class in ipairs(thread.classes) do
            test.equal(class.bytes, class.size * class.count)
            test.equal(class.size, la.sizeclasses()[class.szind + 1].size)
            test.equal(class.szind > last and class.count > 0, true)
            bytes, last = bytes + class.bytes, class.szind
        end
        test.equal(bytes, thread.cached)
    end
    test.match(show.text(la.threads()), "^name%s+tid%s+arena%s")
    w:stop()
end)

test("thread:flush", function()
    local w <close> = busy_work(20000):start()
    wait_for_caches(w)
    test.equal(workers()[1]:flush { timeout = "20s" }, true)
    test.equal(la.threads()[1]:flush(), true)
    w:stop()
    local gone = la.threads()[1]
    gone.tid = 1 << 30
    test.fails("EINVAL", "tcache_flush_of: '1073741824' cannot be set: no thread of this number", gone:flush())
    test.raises("calling 'thread:flush' on bad self %(a thread expected", gone.flush, {})
    test.raises("a time expected", gone.flush, gone, { timeout = {} })
end)

test("a thread that sleeps is named, with what it keeps", function()
    local w <close> = busy_work(20000):start()
    wait_for_caches(w)
    w:set { rate = 0.01 }
    w:wait(0.2) -- until both sleep
    local sleeper = workers()[1]
    if sleeper.cached == 0 then
        test.skip "its last operation has emptied the cache"
    end
    test.fails("ETIMEDOUT", "thread %d+ %(.*%) has not called the allocator since", sleeper:flush { timeout = 0.01 })
    local result = assert(la.purge { timeout = "10ms" })
    test.equal(#result.threads_silent > 0, true)
    for _, thread in ipairs(result.threads_silent) do
        test.equal(thread.cached > 0 and math.type(thread.tid) == "integer", true)
    end
    test.equal(result.waited >= 0.01, true)
    test.match(tostring(result), "\n  thread %d+ %(.*%) sleeps and keeps %d+[%d.]* %a+ in its cache")
    w:stop()
end)

test("purge gives back what is free", function()
    local buffer = assert(la.buffer "32M")
    buffer:fill(1)
    buffer:free()
    local result = assert(la.purge())
    test.equal(result.freed, result.before.rss - result.after.rss)
    test.equal(result.freed > (16 << 20), true, "bytes given back")
    test.equal(la.stats().dirty + la.stats().muzzy < (8 << 20), true)
    test.match(tostring(result), "^RSS [%d.]+ MiB before, [%d.]+ MiB after: [%d.]+ MiB given back")
    local again = assert(la.purge { all = true, timeout = 0 })
    test.equal(#again.threads_silent + again.waited, 0)
end)

test("purge: misuse", function()
    test.raises("bad argument #1 to 'purge' %({all=, timeout=} expected", la.purge, 5)
    test.raises("unknown option 'al'; known: all timeout", la.purge, { al = true })
    test.raises("timeout: a time expected", la.purge, { timeout = "soon" })
end)

-- ---- history, of a backend that has some ---------------------------------------------------------------------------

local function with_history(moments, marks)
    local function reader(list)
        return function(place)
            local batch = table.move(list, place + 1, math.min(place + 2, #list), 1, {})
            return batch, place + #batch
        end
    end
    local backend = setmetatable({ moments = reader(moments), marks = reader(marks) }, { __index =
        require "lunalloc.core" })
    return require("lunalloc.api").new(backend)
end

local function some_moments(n)
    local moments = {}
    for i = 1, n do
        moments[i] = { time = i * 1000000000, rss = i % 3 ~= 0 and i << 20 or nil, allocated = 1 << 20,
            active = 2 << 20, dirty = 0, muzzy = 0, retained = 0, requests = i, faults = i }
    end
    return moments
end

test("history of a process without an agent", function()
    local h = assert(la.history())
    test.equal(#h.moments + #h.marks, 0)
    test.match(tostring(h), "^no history")
    test.fails("EAGAIN", "fewer than two moments", h:plot())
end)

test("history in batches, and only what is new", function()
    local moments, marks = some_moments(5), { { time = 2, name = "a", value = "1" } }
    local other = with_history(moments, marks)
    local h = assert(other.history())
    test.equal(#h.moments, 5)
    test.equal(h.moments[5].requests, 5)
    test.equal(h.marks[1].name, "a")
    test.match(tostring(h), "^5 moments, 1 marks; RSS now 5.00 MiB")
    moments[6], marks[2] = { time = 6, rss = 1 }, { time = 6, name = "b", value = "" }
    local more = assert(other.history { after = h })
    test.equal(#more.moments == 1 and #more.marks == 1 and more.marks[1].name, "b")
    test.equal(#assert(other.history { after = more }).moments, 0)
    test.raises("after: a history expected", other.history, { after = {} })
end)

test("history as a picture", function()
    local marks = { { time = 3000000000, name = "arena.0.dirty_decay_ms", value = "0" },
        { time = 4000000000, name = "arena.0.purge", value = "" } }
    local h = assert(with_history(some_moments(9), marks).history())
    local text = h:plot { mode = "ascii", width = 70 }
    test.match(text, "rss 8")
    test.match(text, "arena.0.dirty_decay_ms = 0")
    test.match(text, "arena.0.purge")
    test.match(h:plot { figures = { "requests" }, mode = "ascii", unit = "" }, "requests 9")
    test.raises("no figure 'rs'; known: rss allocated", h.plot, h, { figures = { "rs" } })
end)
