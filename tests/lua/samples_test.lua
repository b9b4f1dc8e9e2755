-- Queries over the profiler's samples.

local test = ...
local la = require "lunalloc"

local SECOND <const> = 1000000000
local NOW <const> = 1000000 * SECOND

local NAMES <const> = { [1] = "main+0x1 (main.c:7)", [2] = "parse+0x1f (parse.c:12)", [3] = "parse+0x2f (parse.c:14)",
    [4] = "list (list.lua:5)", [5] = "lib.so+0x100", [6] = "0x6" }

--- A query over samples by hand. Each: { age =, size =, stack =, ... }; what is left out has a usual value.
local function query_over(list, more)
    local backend = {
        stats = function() return { time = NOW } end,
        symbol = function(address) return NAMES[address] or ("0x%x"):format(address) end,
        samples = function(place)
            local i = place or 1
            local record = list[i]
            return { record and { addr = i, time = NOW - math.floor((record.age or 1) * SECOND),
                size = record.size or 100, weight = record.weight or 1.0, szind = record.szind or 3,
                arena = record.arena or 0, tid = record.tid or 7, thread = record.thread or "t",
                stack = record.stack or { 2, 1 } } }, record and i + 1 or nil
        end,
    }
    local api = more or {}
    require "lunalloc.prof".install(api, backend)
    return api.prof.samples()
end

local function count(query)
    return query:sum().samples
end

test("conditions, alone and together", function()
    local q = query_over { { age = 1 }, { age = 100, size = 200, arena = 1 }, { age = 1000, size = 300, szind = 4 },
        { age = 1000, size = 300, tid = 8, thread = "u" } }
    test.equal(count(q), 4)
    test.equal(count(q:old "100s"), 3)
    test.equal(count(q:old(100.5)), 2)
    test.equal(count(q:old "100s":young "10m"), 1)
    test.equal(count(q:young "1s"), 1)
    test.equal(count(q:old "1d"), 0)
    test.equal(count(q:old "1s":old "1000s"), 2)
    test.equal(count(q:old "1000s":old "1s"), 2, "the stricter one holds")
    test.equal(count(q:size(200)), 1)
    test.equal(count(q:size(101, "1K")), 3)
    test.equal(count(q:size(0, 250):size(150, 1000)), 1)
    test.equal(count(q:class(4)), 1)
    test.equal(count(q:class(4):class(3)), 0)
    test.equal(count(q:arena(1)), 1)
    test.equal(count(q:thread(8)), 1)
    test.equal(count(q:thread "u"), 1)
    test.equal(count(q:thread "t":thread "u"), 0)
    test.equal(count(q:thread "t":class(3):old "100s"), 1)
    test.equal(count(q), 4, "a condition makes another query")
end)

test("stacks by a part of a function's name, or a pattern", function()
    local q = query_over { { stack = { 2, 1 } }, { stack = { 3, 1 } }, { stack = { 4, 3, 1 } }, { stack = { 5 } } }
    test.equal(count(q:stack "parse"), 3)
    test.equal(count(q:stack "^parse%+0x1f"), 1)
    test.equal(count(q:stack "list.lua:5"), 1)
    test.equal(count(q:stack "parse":stack "list"), 1)
    test.equal(count(q:stack "nothing"), 0)
end)

test("sums and groups, most bytes first", function()
    local q = query_over { { stack = { 2, 1 }, weight = 2.0, age = 5 }, { stack = { 2, 1 }, age = 70 },
        { stack = { 3, 1 }, size = 1000, szind = 9, tid = 8, thread = "u" }, { stack = { 4, 3 }, size = 10, arena = 2 },
        { stack = { 6, 5 }, size = 1, age = 90000 }, { stack = { 5 }, size = 1, age = 90000 } }
    local sum = q:sum()
    test.equal(sum.samples, 6)
    test.equal(sum.objects, 7)
    test.equal(sum.bytes, 2 * 100 + 100 + 1000 + 10 + 2)
    test.equal(sum.oldest, 90000.0)
    local function shown(by, field)
        local list = {}
        for i, group in ipairs(q:by(by)) do
            local key = group[field]
            list[i] = ("%s=%d"):format(type(key) == "table" and table.concat(key, "<") or key, group.bytes)
        end
        return table.concat(list, " ")
    end
    test.equal(shown("function", "function"), "parse=1300 list=10 lib.so=2")
    test.equal(shown("line", "line"), "parse.c:14=1000 parse.c:12=300 list.lua:5=10 lib.so+0x100=2")
    test.equal(shown("class", "szind"), "9=1000 3=312")
    test.equal(shown("class", "size"), "1000=1000 100=312")
    test.equal(shown("arena", "arena"), "0=1302 2=10")
    test.equal(shown("thread", "tid"), "8=1000 7=312")
    test.equal(shown("thread", "thread"), "u=1000 t=312")
    test.equal(shown("age", "age"), "1 s to 10 s=1210 1 to 10 min=100 1 day and more=2")
    local stacks = q:by "stack"
    test.equal(#stacks, 5)
    test.equal(stacks[1].stack[1], NAMES[3])
    test.equal(stacks[2].oldest, 70.0)
    test.equal(stacks[2].objects, 3)
    test.equal(#stacks:top(2), 2)
    test.equal(stacks:top(2):sum().bytes, 1300)
    test.equal(stacks:sum().bytes, sum.bytes)
    test.equal(#q:top(1), 1)
    test.match(tostring(stacks), "^ +bytes +objects +samples +oldest  stack\n")
    test.match(tostring(q:by "age"), "1 s to 10 s")
    test.match(tostring(q), "^6 samples: 1.28 KiB in 7 blocks, up to 90000 s old; ask with")
end)

test("nothing: groups, sums and loops without samples", function()
    local q = query_over {}
    test.equal(q:sum().samples, 0)
    test.equal(#q:by "stack", 0)
    test.equal(#q:by "function", 0)
    test.equal(#q:top(), 0)
    for _ in q do
        error "there is none"
    end
    test.equal(q(), nil)
end)

test("one by one: a loop begins anew, also after a break", function()
    local q = query_over { { stack = { 2, 1 } }, { stack = { 2, 1 }, size = 200 }, { stack = {} } }
    for _ = 1, 2 do
        local n = 0
        for sample in q do
            n = n + 1
            test.equal(sample.addr, n)
        end
        test.equal(n, 3)
        for _ in q do break end
    end
    local next_one = q:size(200)
    local sample = next_one()
    test.equal(sample.size, 200)
    test.equal(table.concat(sample.stack, " "), "2 1")
    test.shape(sample, "addr:integer size:integer szind:integer arena:integer tid:integer thread:string " ..
        "time:integer weight:float stack:table")
    test.equal(next_one(), nil)
end)

test("classes whose slabs are sparse", function()
    local rows = { [0] = { curregs = 21, nslabs = 10 }, { curregs = 90, nslabs = 10 }, { curregs = 0, nslabs = 0 } }
    local more = {
        sizeclasses = function()
            return { { nregs = 10 }, { nregs = 10 }, { nregs = 10 }, { nregs = 0 } }
        end,
        arenas = function()
            return { { index = 0, stats = function() return { classes = rows } end },
                { index = 5, stats = function() return nil end } }
        end,
    }
    local q = query_over({ { szind = 0 }, { szind = 1 }, { szind = 1 }, { szind = 2 }, { szind = 0, arena = 5 } }, more)
    test.equal(count(q:in_slabs { util = 0.2 }), 1, "one of 21 objects is the sample")
    test.equal(count(q:in_slabs { util = 0.19 }), 0)
    test.equal(count(q:in_slabs { util = 0.88 }), 3)
    test.equal(count(q:in_slabs()), 1)
    test.equal(count(q:in_slabs { util = 0.9 }:in_slabs { util = 0.5 }), 1)
end)

test("weights that are no numbers of blocks count for nothing", function()
    local q = query_over { { weight = 0 / 0 }, { weight = -5.0 }, { weight = math.huge }, { weight = 1e300 }, {} }
    test.equal(q:sum().bytes, 100)
    test.equal(q:by "stack"[1].bytes, 100)
end)

test("many threads and stacks", function()
    local list = {}
    for i = 1, 5000 do
        list[i] = { stack = { i // 2, 1 }, tid = i // 5, size = 16 }
    end
    local q = query_over(list)
    test.equal(#q:by "stack", 2501)
    test.equal(#q:by "thread", 1001)
    test.equal(q:sum().bytes, 80000)
end)

test("the real ones: blocks by class, with in_slabs", function()
    assert(la.prof.start { lg_sample = 12 })
    local blocks, szind = {}, la.sizeclass(1500)
    for i = 1, 4000 do
        blocks[i] = assert(la.buffer(1500))
    end
    local q = la.prof.samples():class(szind)
    local estimate = q:sum().objects
    test.equal(estimate > 3000 and estimate < 5000, true, "an estimate of 4000")
    test.equal(count(q:young "1h"), count(q))
    test.equal(count(q:old "1h"), 0)
    test.equal(count(q:in_slabs { util = 0.4 }), 0)
    for i = 1, #blocks do
        if i % 8 ~= 0 then
            blocks[i]:free()
        end
    end
    la.set "thread.tcache.flush"
    test.equal(count(q:in_slabs { util = 0.4 }) > 0, true, "an eighth is left")
    test.equal(q:by "stack"[1].samples > 0, true)
    for i = 8, #blocks, 8 do
        blocks[i]:free()
    end
    la.prof.stop()
    la.prof.reset(19)
end)

test("misuse raises in the caller's line", function()
    local q = query_over {}
    for method, values in pairs { old = { "soon", -1, {} }, young = { false, 0 / 0 }, size = { "big", -1, {} },
        class = { -1, 1.5, "3" }, arena = { {}, 1 << 40 }, thread = { {}, -1 }, stack = { 5, "[" },
        in_slabs = { 5, { util = 2 }, { util = "x" }, { used = 1 } }, by = { "size", 7 }, top = { -1, "x" } } do
        for _, value in ipairs(values) do
            test.raises("^tests/lua/samples_test.lua:%d+: bad argument #1 to 'samples:" .. method, function()
                local _ = q[method](q, value)
            end)
        end
        test.raises("^tests/lua/samples_test.lua:%d+: calling 'samples:" .. method, function()
            local _ = q[method](5)
        end)
    end
    test.raises("samples_test.lua:%d+: calling 'samples:sum' on bad self", function()
        local _ = q.sum()
    end)
end)

test("failures are passed on", function()
    local api = {}
    require "lunalloc.prof".install(api, { stats = function() return nil, "gone", "ESRCH" end })
    local q = api.prof.samples()
    test.fails("ESRCH", "gone", q:by "stack")
    test.fails("ESRCH", "gone", q:sum())
    test.fails("ESRCH", "gone", q:top())
    test.raises("samples_test.lua:%d+: samples: gone", function()
        for _ in q do end
    end)
    test.equal(tostring(q), "samples: gone")
end)
