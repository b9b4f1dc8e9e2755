-- An example call of every public function and method, for tests that walk over all of them: misuse_test.lua gives each
-- wrong arguments, hostile/every_test.lua too little memory. A documented function without an example fails there.
--
--     local examples = dofile "tests/lua/examples.lua"
--     for name, example in examples.each() do
--         local call <close> = examples.prepare(name, example)
--         print(call.f(table.unpack(call.arguments)))
--     end
--
-- An example has:
--     args    the arguments without the object of a method, or a function that returns them, in a table
--     self    for a method: a function that makes the object; its second result, if any, is called at the end
--     around  a function that prepares the process for the call; its result is called at the end
--     check   a function that gets the results, and raises if they are wrong; without it the first one must be true
--     after   a function that gets the results of a call that succeeded, and gives back what they hold
--     reused  true: calls leave the object as it was
--     meter   true: it concerns the meter of the running state
--     own     true: not for targets
--     slow    true: it starts processes: of n, only a few are tried
--     lone    true: its arguments must not be replaced by wrong ones: it writes files, is slow,
--             or a low limit would end the test

local la = require "lunalloc"

local examples = {}

local subject = la -- or a target: whose functions are called

local DECAY <const> = "arena.0.dirty_decay_ms"

local MIX <const> = { { size = "exp(200)", lifetime = "exp(100)" } }

local function close(object)
    local meta = object ~= nil and getmetatable(object)
    if meta and meta.__close then
        meta.__close(object)
    end
end

local function new_arena()
    local arena = assert(subject.arena.create { dirty_decay_ms = 1000, hooks = "counting" })
    return arena, function() arena:destroy() end
end

local function buffer()
    local b = assert(la.buffer(5000))
    return b, function() close(b) end
end

local function instant()
    local one = assert(subject.instant())
    return one, function() one:close() end
end

local trace

--- The path of a small trace; the file is removed when the state ends.
local function some_trace()
    if not trace then
        local path = os.tmpname()
        trace = setmetatable({ path = path }, { __gc = function() os.remove(path) end })
        assert(os.execute("build/tests/replay/make_trace " .. path .. " 20000 3"))
    end
    return trace.path
end

local function replayed()
    return assert(la.replay { trace = some_trace(), speed = "max" })
end

-- A search that has nothing to find, and so is short.
local SEARCH <const> = { scenario = { threads = 1, ops = 2000, seed = 1, mix = MIX }, space = { "tcache_bytes:4096" },
    runs = 8, limit = "none" }

local tuned

--- The result of a search, which is made once.
local function tuning()
    tuned = tuned or assert(la.tune(SEARCH))
    return tuned
end

local function opened_trace()
    local opened = assert(la.trace.load(some_trace()))
    return opened, function() opened:close() end
end

local function stacks_trace()
    local path = os.tmpname()
    local writer <close> = assert(require("lunalloc.core").trace.writer(path))
    writer:stack({ count = 1, bytes = 100, live_count = 1, live_bytes = 50 }, "parse\nmain")
    assert(writer:finish())
    local opened = assert(la.trace.load(path))
    os.remove(path)
    return opened, function() opened:close() end
end

local function changes()
    local one, other = assert(subject.instant()), assert(subject.instant())
    return one:diff(other), function()
        one:close()
        other:close()
    end
end

local function snapshot()
    return assert(subject.stats())
end

local function idle_workload()
    return assert(la.workload { allocator = "lunalloc", ops = 200, seed = 1, mix = MIX })
end

local function done_workload()
    local w = idle_workload()
    assert(w:run())
    return w
end

local function running_workload()
    local w = assert(la.workload { allocator = "lunalloc", duration = "forever", rate = 1000, mix = MIX })
    return assert(w:start()), function() w:stop() end
end

local function walker()
    local _, walking = assert(subject.extents())
    return walking, function() walking:close() end
end

local function guard()
    local g = assert(subject.with { [DECAY] = 4321 })
    return g, function() g:restore() end
end

--- Two moments of a process; here no agent keeps any.
local function history()
    local h = assert(subject.history())
    for i = 1, 2 do
        h.moments[i] = { time = i * 1000000000, rss = i << 20, allocated = i, active = i, dirty = i, muzzy = 0 }
    end
    h.marks[1] = { time = 1500000000, name = DECAY, value = "5" }
    return h
end

--- Some samples, while the example runs.
local function profiled()
    if subject.way == "memory" then
        return nil
    end
    assert(subject.prof.start { lg_sample = 10 })
    local blocks = {}
    for i = 1, 30 do
        blocks[i] = la.buffer(i * 1000)
    end
    return function()
        subject.prof.stop()
        for _, block in ipairs(blocks) do
            block:free()
        end
    end
end

local function samples()
    local done = profiled()
    return subject.prof.samples(), done
end

local function groups()
    local all, done = samples()
    return assert(all:by "class"), done
end

--- A comparison of recorded samples.
local function comparison()
    return require("lunalloc.compare_run").judge { name = "recorded", rounds = 5, least = 0.01, metrics = { "ops/s" },
        variants = { { name = "a", samples = { ["ops/s"] = { 1, 2, 3, 4, 5 } } },
            { name = "b", samples = { ["ops/s"] = { 10, 20, 30, 40, 50 } } } } }
end

local function own_pid()
    local file <close> = assert(io.open "/proc/self/stat")
    return (file:read "n")
end

--- The meter of this state; without one, one that is closed at the end.
local function meter()
    local m = la.meter()
    if m then
        return m
    end
    m = assert(la.adopt {})
    return m, function()
        if la.meter() == m then
            m:close()
        end
    end
end

--- A scope of it.
local function scope()
    local m, done = meter()
    return m:scope "parser", done
end

local function is_query(value)
    assert(value ~= nil and getmetatable(value), "a query")
end

local function is_array(value)
    assert(type(value) == "table" and #value > 0, "an array")
end

local function is_table(value)
    assert(type(value) == "table", "a table")
end

local function is_extent(value)
    assert(math.type(value.size) == "integer", "an extent")
end

local function is_meter(value)
    assert(value == la.meter() and value:stats().allocated > 0, "the meter")
end

local function is_text(value)
    assert(type(value) == "string" and #value > 0, "a text")
end

local function is_number(value)
    assert(math.type(value) == "integer" and value > 0, "a number")
end

local function is_nothing() end

local function is_result(value)
    assert(value.ops == 200, "a result")
end

local function temporary()
    return { os.getenv "TMPDIR" and os.getenv "TMPDIR" .. "/example.heap" or os.tmpname() }
end

local function recording()
    local r = assert(subject.record { path = temporary()[1], rings = 2, ring_size = "64K" })
    return r, function()
        r:stop()
        os.remove(temporary()[1])
    end
end

examples.functions = {
    ["la.get"] = { args = { DECAY }, check = is_number },
    ["la.set"] = { args = { DECAY, 10000 } },
    ["la.describe"] = { args = { DECAY }, check = function(row) assert(row.name == DECAY and row.value) end },
    ["la.names"] = { args = { "decay" }, check = is_array },
    ["la.with"] = { args = { { [DECAY] = 77, ["arenas.junk"] = "alloc" } }, after = close },
    ["la.sizeclasses"] = { args = {}, check = is_array },
    ["la.sizeclass"] = { args = { "100K" }, check = is_number },
    ["la.extents"] = { args = { { state = "active", min_size = "4K", arena = 0, fields = { "size" } } },
        after = function(_, object)
        close(object)
    end },
    ["la.extents_summary"] = { args = { { by = "szind" } }, check = function(groups) assert(next(groups)) end },
    ["la.threads"] = { args = {}, check = is_array },
    ["la.purge"] = { args = { { all = false, timeout = "10ms" } }, check = function(r) assert(r.before.rss > 0) end },
    ["la.conf"] = { args = {}, check = function(text) assert(type(text) == "string") end },
    ["la.history"] = { args = {}, check = is_table },
    ["la.find"] = { args = function() return { la.buffer(100) } end, check = is_table, own = true },
    ["la.arenas"] = { args = {}, check = is_array },
    ["la.arena"] = { args = { 0 }, check = function(arena) assert(arena.index == 0) end },
    ["la.arena.create"] = { args = { { dirty_decay_ms = 5, hooks = "counting" } }, after = function(arena)
        assert(arena:destroy())
    end },
    ["la.stats"] = { args = {}, check = function(s) assert(s.active > 0) end },
    ["la.stats_print"] = { own = true, args = { "gmdablxeJ" } },
    ["la.reconcile"] = { args = {}, check = function(r) assert(r.rss > 0) end },
    ["la.allocators"] = { args = {}, check = is_array },
    ["la.prof.start"] = { args = { { lg_sample = 12 } }, after = function() subject.prof.stop() end },
    ["la.prof.stop"] = { args = {} },
    ["la.prof.reset"] = { args = { 13 } },
    ["la.prof.stacks"] = { lone = true, around = profiled, args = {}, check = is_table },
    ["la.prof.dump"] = { own = true, args = temporary, after = function() os.remove(temporary()[1]) end, lone = true },
    ["la.report"] = { own = true, args = function() return { temporary()[1], { doctor = false } } end, check = is_table,
        after = function() os.remove(temporary()[1]) end, lone = true },
    ["la.prof.pprof"] = { own = true, around = profiled, args = {}, check = is_text },
    ["la.prof.top"] = { around = profiled, args = { { by = "class", min_age = 0, n = 5 } }, check = is_table },
    ["la.prof.samples"] = { around = profiled, args = {}, check = is_nothing },
    ["la.prof.symbols"] = { args = { { 4096, 8192 } }, check = is_array },
    ["la.waste"] = { around = profiled, args = { { by = "class" } }, check = is_table },
    ["la.attach"] = { args = function() return { own_pid() } end, after = close },
    ["la.ps"] = { args = {}, check = is_table, lone = true },
    ["la.doctor"] = { args = { { seconds = 0 } }, check = is_table },
    ["la.buffer"] = { args = { 100, 64 }, after = close },
    ["la.workload"] = { args = { { allocator = "lunalloc", threads = 2, seed = 1, ops = 100, rate = 0, verify = true,
        sample = 4, live_max = "16M", interval = "10ms", mix = MIX,
        phases = { { at = "1ms", scale = 2, mark = "twice", set = { [DECAY] = 10000 } } } } },
        after = close },
    ["la.workload.import"] = { own = true, args = { "tests/workload/data/shares.csv", { heap = "64M", threads = 2 } },
        check = is_table },
    ["la.compare"] = { own = true, slow = true, lone = true, args = { { scenario = "lua/lunalloc/json.lua", rounds = 1,
        a = "", b = { conf = { dirty_decay_ms = 5 }, env = { HOME = false } } } },
        check = function(c) assert(c:of("b", "cpu").verdict == "undecided") end },
    ["la.replay"] = { own = true, slow = true, lone = true, args = function()
        return { { trace = some_trace(), speed = "max", conf = "narenas:1", env = { HOME = false }, sample = 4,
            touch = "none", lossy = false } }
    end, check = function(r) assert(r.fidelity.exact) end },
    ["la.tune"] = { own = true, slow = true, lone = true, args = { SEARCH }, check = function(t)
        assert(t.baseline.runs > 0)
    end },
    ["tuning:tojson"] = { self = tuning, lone = true, reused = true, args = {}, check = is_text },
    ["replay:tojson"] = { self = replayed, reused = true, args = {}, check = is_text },
    ["la.record"] = { lone = true, args = function() return { { path = temporary()[1], mode = "full", duration = "1s",
        max_size = "1M", rings = 2, ring_size = "64K" } } end, check = function(r) assert(r:status().state) end,
        after = function(r)
            r:stop()
            os.remove(temporary()[1])
        end },
    ["recording:wait"] = { lone = true, self = recording, args = { "1ms" },
        check = function(over) assert(over == false) end },
    ["recording:status"] = { lone = true, self = recording, args = {}, check = is_table },
    ["recording:stop"] = { lone = true, self = recording, args = {}, check = is_table },
    ["la.trace.load"] = { own = true, args = function() return { some_trace() } end, after = close },
    ["la.trace.import"] = { own = true, lone = true, args = function()
        return { "tests/workload/data/trace.txt", temporary()[1] }
    end, check = is_table, after = function() os.remove(temporary()[1]) end },
    ["trace:info"] = { self = opened_trace, reused = true, args = {}, check = function(i) assert(i.peak_live > 0) end },
    ["trace:filter"] = { self = opened_trace, reused = true, args = { { thread = 1, kind = "malloc", from = 0,
        to = "1h", min_size = 1, max_size = "1M", class = 64 } }, check = function(t) assert(t:info()) end },
    ["trace:count"] = { self = opened_trace, reused = true, args = { { by = "class", thread = 1 } }, check = is_array },
    ["trace:events"] = { self = opened_trace, reused = true, args = {}, check = function(next)
        assert(next().time == 0)
        next:close()
    end, after = close },
    ["trace:stacks"] = { lone = true, self = stacks_trace, args = {}, check = function(rows)
        assert(rows[1].bytes == 100 and rows[1].stack[2] == "main")
    end },
    ["trace:save"] = { lone = true, self = opened_trace, reused = true, args = temporary, check = is_table,
        after = function() os.remove(temporary()[1]) end },
    ["trace:diff"] = { self = opened_trace, reused = true, args = function() return { (opened_trace()) } end,
        check = function(d) assert(d.distance == 0) end },
    ["trace:workload"] = { self = opened_trace, reused = true, args = {}, check = is_table },
    ["trace:replay"] = { self = opened_trace, reused = true, slow = true, args = { { speed = "max" } },
        check = is_table },
    ["trace:plot"] = { self = opened_trace, reused = true, args = { { width = 40, height = 6, mode = "ascii",
        title = "live" } }, check = is_text },
    ["trace:instant"] = { self = opened_trace, reused = true, args = { { at = "peak" } }, check = is_table,
        after = close },
    ["trace:close"] = { self = opened_trace, args = {} },
    ["c:table"] = { self = comparison, reused = true, args = { { width = 80, mode = "ascii" } }, check = is_text },
    ["c:of"] = { self = comparison, reused = true, args = { "b", "ops/s" }, check = is_table },
    ["c:tojson"] = { self = comparison, reused = true, args = {}, check = is_text },
    ["la.plot"] = { args = { { series = { { name = "squares", values = { 1, 4, 9, 16 } } }, width = 40, height = 6,
        title = "a title", unit = "bytes", mode = "ascii", marks = { { x = 2, label = "two" } } } }, check = is_text,
        local_ = true },

    ["samples:old"] = { self = samples, reused = true, args = { "1ms" }, check = is_query },
    ["samples:young"] = { self = samples, reused = true, args = { "1h" }, check = is_query },
    ["samples:size"] = { self = samples, reused = true, args = { "1K", "16K" }, check = is_query },
    ["samples:class"] = { self = samples, reused = true, args = { 20 }, check = is_query },
    ["samples:thread"] = { self = samples, reused = true, args = { 1 }, check = is_query },
    ["samples:arena"] = { self = samples, reused = true, args = { 0 }, check = is_query },
    ["samples:in_slabs"] = { self = samples, reused = true, args = { { util = 0.9 } }, check = is_query },
    ["samples:stack"] = { self = samples, reused = true, args = { "." }, check = is_query },
    ["samples:by"] = { self = samples, reused = true, args = { "class" }, check = is_query },
    ["samples:top"] = { self = samples, reused = true, args = { 3 }, check = is_query },
    ["samples:sum"] = { self = samples, reused = true, args = {}, check = function(s) assert(s.samples > 0) end },
    ["groups:top"] = { self = groups, reused = true, args = { 2 }, check = is_query },
    ["groups:sum"] = { self = groups, reused = true, args = {}, check = function(s) assert(s.samples > 0) end },

    ["la.adopt"] = { lone = true, own = true, meter = true, args = { { arena = "new", limit = "1G", soft = "512M",
        on_soft = print } }, check = is_meter, after = function(m) m:close() end },
    ["la.meter"] = { own = true, meter = true, args = {}, check = function(m) assert(m == nil or m:stats()) end },
    ["m:stats"] = { self = meter, meter = true, args = {}, check = function(s) assert(s.allocated > 0) end },
    ["m:set"] = { lone = true, self = meter, meter = true, args = { { limit = "1G", soft = "512M", on_soft = print } },
        check = is_meter },
    ["m:scope"] = { self = meter, meter = true, args = { "parser" }, after = close },
    ["m:close"] = { self = meter, meter = true, args = {} },
    ["scope:close"] = { self = scope, meter = true, args = {},
        check = is_nothing },

    ["t.alive"] = { args = {} },
    ["t.close"] = { args = {} },

    ["a:extents"] = { self = new_arena, args = { { state = "active" } }, after = function(_, object)
        close(object)
    end },
    ["a:extents_summary"] = { self = new_arena, args = { { by = "state" } }, check = is_table },
    ["a:purge"] = { self = new_arena, args = {} },
    ["a:decay"] = { self = new_arena, args = {} },
    ["a:reset"] = { self = new_arena, args = {} },
    ["a:destroy"] = { self = new_arena, args = {} },
    ["a:bind"] = { self = function() return subject.arena(0) end, args = {} },
    ["a:hooks"] = { self = new_arena, args = {}, check = is_table },
    ["a:stats"] = { self = new_arena, args = {}, check = function(s) assert(s.active >= 0) end },
    ["s:tojson"] = { self = snapshot, reused = true, args = {}, check = is_text },
    ["s:toopenmetrics"] = { self = snapshot, reused = true, args = {}, check = is_text },
    ["b:addr"] = { self = buffer, reused = true, args = {}, check = is_number },
    ["b:size"] = { self = buffer, reused = true, args = {}, check = is_number },
    ["b:usable"] = { self = buffer, reused = true, args = {}, check = is_number },
    ["b:fill"] = { self = buffer, reused = true, args = { 7 } },
    ["b:resize"] = { self = buffer, args = { "100K" } },
    ["b:free"] = { self = buffer, args = {}, check = is_nothing },
    ["guard:restore"] = { self = guard, args = {}, check = is_nothing },
    ["walker:next"] = { self = walker, args = {}, check = is_extent },
    ["walker:fill"] = { self = walker, args = { {} } },
    ["walker:close"] = { self = walker, args = {}, check = is_nothing },
    ["thread:flush"] = { self = function() return subject.threads()[1] end, reused = true,
        args = { { timeout = "10ms" } }, check = is_nothing },
    ["w:run"] = { self = idle_workload, args = {}, check = is_result, after = is_nothing },
    ["w:start"] = { self = idle_workload, args = {}, after = function(w) w:stop() end },
    ["w:status"] = { self = running_workload, reused = true, args = {}, check = is_table },
    ["w:set"] = { self = running_workload, reused = true, args = { { scale = 1.5, rate = "steps(0s:900)", mark = "here",
        set = { [DECAY] = 10000 } } } },
    ["w:wait"] = { self = done_workload, reused = true, args = { "1s" } },
    ["w:timeline"] = { self = done_workload, reused = true, args = {}, check = is_array },
    ["w:stop"] = { self = done_workload, reused = true, args = {}, check = is_result },
    ["w:result"] = { self = done_workload, reused = true, args = {}, check = is_result },
    ["w:info"] = { self = done_workload, reused = true, args = {}, check = is_table },
    ["la.instant"] = { args = { { residency = true } }, check = is_table, after = close },
    ["la.instant.layout"] = { own = true, args = function() return { { { 4096, 8192 } }, { columns = 4, rows = 2,
        range = { 0, 8192 } } } end, check = is_table },
    ["la.bars"] = { own = true, args = { { rows = { { name = "a", values = { 1, 2 } }, { name = "b", value = 4 } },
        parts = { "x", "y" }, unit = "bytes", title = "t", most = 2, width = 40, mode = "ascii", colour = false } },
        check = is_text },
    ["la.map"] = { args = { { by = "class", width = 40, height = 4, mode = "ascii", colour = false } },
        check = is_text },
    ["instant:map"] = { self = instant, args = { { by = "class", width = 40, height = 4, mode = "ascii",
        colour = false } }, check = is_text, reused = true },
    ["instant:diff"] = { self = instant, lone = true, reused = true, args = function()
        return { assert(subject.instant()) }
    end, check = is_table },
    ["changes:raster"] = { self = changes, args = { { columns = 8, rows = 4, arena = 0, range = { 0, 1 << 47 } } },
        check = is_table, reused = true },
    ["changes:map"] = { self = changes, args = { { width = 40, height = 4, mode = "ascii", colour = false } },
        check = is_text, reused = true },
    ["changes:tojson"] = { self = changes, args = {}, check = is_text, reused = true },
    ["instant:raster"] = { self = instant, args = { { by = "class", columns = 8, rows = 4, arena = 0,
        range = { 0, 1 << 47 } } }, check = is_table, reused = true },
    ["instant:spans"] = { self = instant, args = {}, check = is_array, reused = true },
    ["instant:tojson"] = { self = instant, args = {}, check = is_text, reused = true },
    ["la.instant.load"] = { own = true, lone = true, args = function()
        local path = temporary()
        assert(assert(la.instant()):save(path[1]))
        return path
    end, check = is_table, after = function(loaded)
        os.remove(temporary()[1])
        close(loaded)
    end },
    ["instant:save"] = { self = instant, lone = true, args = temporary,
        after = function() os.remove(temporary()[1]) end },
    ["instant:close"] = { self = instant, args = {} },
    ["history:plot"] = { self = history, args = { { figures = { "rss", "dirty" }, mode = "ascii", height = 5 } },
        check = is_text, reused = true },
}

--- Iterates over names and examples, in the order of the names.
function examples.each()
    local names, i = {}, 0
    for name in pairs(examples.functions) do
        names[#names + 1] = name
    end
    table.sort(names)
    return function()
        i = i + 1
        return names[i], examples.functions[names[i]]
    end
end

--- From now on the functions of `t` are called, which is a target or la.
function examples.use(t)
    subject = t
end

--- The function of that name: "la.prof.top" by its path, "w:run" as a method of the object. nil if a target has none.
local function find(name, object)
    local method = name:match ":([%w_]+)$"
    if method then
        return object[method]
    end
    local value = name:find "^t" and assert(la.attach(own_pid())) or subject
    for key in name:gmatch "%.([%w_]+)" do
        value = value and value[key]
    end
    return value
end

--- A call of an example: { f =, object =, arguments = (with the object) }; the end of its scope closes the object.
function examples.prepare(name, example)
    local object, done
    if example.self then
        object, done = example.self()
    elseif example.around then
        done = example.around()
    end
    local arguments = type(example.args) == "function" and example.args() or table.move(example.args, 1,
        #example.args, 1, {})
    if object ~= nil then
        table.insert(arguments, 1, object)
    end
    local call = { f = find(name, object), object = object, arguments = arguments }
    return setmetatable(call, { __close = function()
        if done then
            done()
        end
    end })
end

--- Raises unless these results are right; then gives back what they hold.
function examples.judge(example, ...)
    if example.check then
        assert(select("#", ...) == 0 or select(1, ...) ~= nil or select("#", ...) == 1, (select(2, ...)))
        example.check(...)
    else
        assert(...)
    end
    if example.after then
        example.after(...)
    end
end

return examples
