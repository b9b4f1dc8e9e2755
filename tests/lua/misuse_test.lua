-- Every public function and method, called without arguments, with each wrong type and with values out of range. What
-- it raises names the call that was made and the line that made it, never a line of the library nor a primitive; what
-- it returns is nil, a message and a code; and nothing has changed.

local test = ...
local la = require "lunalloc"

local WRONG <const> = { false, true, 0, -1, 1.5, 1e300, 0 / 0, math.mininteger, math.maxinteger, "", "x", "\0",
    "1\0", "two\nlines", ("long"):rep(100), {}, { 1 }, { x = 1 }, { [{}] = 1 }, print, coroutine.create(print),
    io.stdout, setmetatable({}, { __index = {}, __name = "odd" }), la.ctl, la.stats() }

--- What misuse could change.
local function picture()
    local parts = { #la.arenas() }
    for _, name in ipairs { "arena.0.dirty_decay_ms", "arenas.dirty_decay_ms", "arenas.nauto", "arenas.junk",
        "thread.arena", "thread.tcache.enabled", "prof.active", "prof.lg_sample" } do
        parts[#parts + 1] = ("%s=%s"):format(name, tostring(la.get(name)))
    end
    return table.concat(parts, " ")
end

--- The call; not a tail call, so that it has a line.
local function call(f, ...)
    local results = table.pack(f(...))
    return table.unpack(results, 1, results.n)
end

--- A tail call, which is what a prompt makes of an expression: Lua does not know its name nor its line.
local function tail(f, ...)
    return f(...)
end

local INTERNAL <const> = { "lunalloc/", "%.core", "'%?'", "upvalue", "local '", "field '%a", "method '", "'row'",
    "'report'", "'index'" }

local function assert_raised(name, message, way)
    local what = ("%s raised '%s'"):format(name, tostring(message))
    if type(message) ~= "string" or message:find "\n" or
        way == call and not message:find "^%S*misuse_test%.lua:%d+: " then
        error(what, 0)
    end
    for _, pattern in ipairs(INTERNAL) do
        if message:find(pattern) and not (pattern == "field '%a" and message:find "^%S+ no field '") then
            error(what, 0)
        end
    end
    local base = name:match "[%a_]+$"
    if not message:find(base, 1, true) then
        error(what .. ", which does not name it", 0)
    end
end

local function assert_failed(name, value, message, code)
    if type(message) ~= "string" or message == "" or message:find "\n" or not tostring(code):find "^E%u+$" then
        error(("%s returned %s, %s, %s"):format(name, tostring(value), tostring(message), tostring(code)), 0)
    end
    test.equal(message:find("lunalloc/", 1, true), nil, message)
end

--- Calls it in both ways; it must refuse.
local function refuse(name, f, ...)
    for _, way in ipairs { call, tail } do
        local results = table.pack(pcall(way, f, ...))
        if not results[1] then
            assert_raised(name, results[2], way)
        elseif results[2] == nil and results[3] ~= nil then
            assert_failed(name, table.unpack(results, 2, 4))
        else
            error(("%s accepts %s"):format(name, tostring((...))), 0)
        end
    end
end

--- Every wrong value in the place of one argument, after those before it; those that `right` holds of are left out.
local function refuse_all(name, f, right, ...)
    local before = picture()
    local arguments = table.pack(...)
    for _, value in ipairs(WRONG) do
        if not right(value) then
            arguments[arguments.n + 1] = value
            refuse(name, f, table.unpack(arguments, 1, arguments.n + 1))
        end
    end
    if not right(nil) then
        refuse(name, f, ...)
    end
    test.equal(picture(), before, name)
end

-- ---- what is right -------------------------------------------------------------------------------------------------

local function never()
    return false
end

local function is_text(value)
    return type(value) == "string" and not value:find "\0"
end

local function is_text_or_nil(value)
    return value == nil or is_text(value)
end

local function is_size(value)
    return math.type(value) == "integer" and value >= 0
end

local function is_empty(value)
    return value == nil or type(value) == "table" and next(value) == nil and value ~= la.ctl
end

-- ---- functions -----------------------------------------------------------------------------------------------------

local DECAY <const> = "arena.0.dirty_decay_ms"

test("controls", function()
    refuse_all("get", la.get, never)
    refuse_all("set", la.set, never)
    refuse_all("set", la.set, function(value)
        return math.type(value) == "integer" and value >= -1 and value < 1 << 40
    end, DECAY)
    refuse_all("describe", la.describe, never)
    refuse_all("names", la.names, is_text_or_nil)
    refuse("names", la.names, "[")
    refuse("names", la.names, "arena.<i>.%")
    refuse_all("with", la.with, is_empty)
    for _, value in ipairs { {}, print, "\0" } do
        refuse("with", la.with, { [DECAY] = value })
    end
end)

test("extents, size classes, addresses", function()
    refuse_all("sizeclass", la.sizeclass, is_size)
    refuse_all("find", la.find, never)
    for _, name in ipairs { "extents", "extents_summary" } do
        refuse_all("extents", la[name], is_empty)
        for _, key in ipairs { "state", "slab", "min_size", "szind", "arena" } do
            refuse_all("extents", function(value)
                local ok, message = pcall(call, la[name], { [key] = value })
                return ok and nil or error(message, 0)
            end, function(value)
                return value == nil or key == "slab" and type(value) == "boolean" or
                    key == "min_size" and (type(value) == "number" or type(value) == "string") or
                    key == "szind" and is_size(value) and value < 1 << 32 or key == "arena" and is_size(value)
            end)
        end
    end
    refuse("extents", la.extents, { min_size = -1 })
    refuse("extents", la.extents, { min_size = "much" })
    refuse("arena", la.extents, { arena = 5000 })
end)

test("a table is read once, as pairs() shows it", function()
    local reads = 0
    local function odd(t)
        return setmetatable(t, { __index = function()
            reads = reads + 1
            return "odd"
        end })
    end
    assert(la.extents(odd {}))
    assert(la.extents_summary(odd { by = "szind" }))
    assert(la.with(odd { ["arena.0.dirty_decay_ms"] = 5 })):restore()
    assert(assert(la.arena.create(odd { dirty_decay_ms = 5 })):destroy())
    assert(la.prof.top(odd { by = "class" }))
    test.equal(reads, 0)
end)

test("arenas", function()
    refuse_all("arena", la.arena, function(value)
        return value == 0
    end)
    refuse_all("arena.create", la.arena.create, is_empty)
    for _, value in ipairs { {}, print, "\0" } do
        refuse("arena.create", la.arena.create, { dirty_decay_ms = value })
    end
    refuse("arena.create", la.arena.create, { hooks = "odd" })
    local arena = la.arena(0)
    for _, name in ipairs { "purge", "decay", "reset", "destroy", "bind", "hooks", "stats", "extents",
        "extents_summary" } do
        refuse_all("arena:" .. name, arena[name], never)
    end
    refuse_all("extents", arena.extents, is_empty, arena)
    refuse_all("extents", arena.extents_summary, is_empty, arena)
end)

test("an object is equal to no table of another kind", function()
    local arena, thread = la.arena(0), la.threads()[1]
    for _, other in ipairs { {}, { index = 0 }, { tid = thread.tid }, la.ctl, la.ctl.arena } do
        test.equal(arena == other, false)
        test.equal(thread == other, false)
        test.equal(other == thread, false)
    end
    test.equal(arena == la.arena(0), true)
    test.equal(thread == la.threads()[1], true)
end)

test("the profiler", function()
    refuse_all("prof.start", la.prof.start, is_empty)
    refuse_all("prof.top", la.prof.top, is_empty)
    refuse_all("prof.dump", la.prof.dump, is_text_or_nil)
    for _, rate in ipairs { -1, 64, 100, 1.5, "x", {}, "", false, 0 / 0 } do
        refuse("prof.start", la.prof.start, { lg_sample = rate })
        refuse("prof.reset", la.prof.reset, rate)
    end
    for _, n in ipairs { -1, 1.5, "x", {}, false } do
        refuse("prof.top", la.prof.top, { n = n })
    end
    for _, age in ipairs { -1, "soon", {}, false, 0 / 0, "1.2.3" } do
        refuse("prof.top", la.prof.top, { min_age = age })
    end
    for _, by in ipairs { "size", {}, false, 1 } do
        refuse("prof.top", la.prof.top, { by = by })
    end
end)

test("statistics", function()
    refuse_all("stats_print", la.stats_print, is_text_or_nil)
    local s = la.stats()
    for _, name in ipairs { "tojson", "toopenmetrics" } do
        refuse_all("snapshot:" .. name, s[name], function(value)
            return getmetatable(value) == getmetatable(s)
        end)
    end
    for _, key in ipairs { "alocated", 5, {}, print, 1.5, "\0" } do
        for what, object in pairs { snapshot = s, difference = s - s, row = s.arenas[0] } do
            refuse(what, function()
                local value = object[key]
                return value
            end)
        end
    end
    for _, key in ipairs { "x", {}, 1.5, print } do
        for _, rows in ipairs { s.arenas, s.classes } do
            refuse("rows", function()
                local value = rows[key]
                return value
            end)
        end
    end
    for _, other in ipairs(WRONG) do
        if getmetatable(other) ~= getmetatable(s) and not (getmetatable(other) or {}).__sub then
            refuse("difference", function()
                local value = s - other
                return value
            end)
        end
    end
end)

test("buffers", function()
    refuse_all("buffer", la.buffer, is_size)
    refuse_all("alignment", la.buffer, function(value)
        return value == nil or type(value) ~= "number"
    end, 10)
    local buffer <close> = la.buffer(10)
    for _, name in ipairs { "addr", "size", "usable", "fill", "resize", "free" } do
        refuse_all("buffer:" .. name, buffer[name], never)
    end
    refuse_all("buffer:fill", buffer.fill, function(value)
        return value == 0 or value == "x" or value == "\0"
    end, buffer)
    refuse("buffer:fill", buffer.fill, buffer, 300)
    refuse_all("size", buffer.resize, is_size, buffer)
    local freed = la.buffer(10)
    freed:free()
    refuse("find", la.find, freed)
end)

test("workloads", function()
    refuse_all("workload", la.workload, is_empty)
    local w = la.workload { ops = 10, mix = { { size = 10, lifetime = 10 } } }
    for _, name in ipairs { "start", "run", "stop", "wait", "set", "status", "timeline", "result", "info" } do
        refuse_all("workload:" .. name, w[name], never)
    end
    refuse_all("workload", w.set, never, w)
    refuse_all("wait", w.wait, function(value)
        return value == nil or type(value) == "number" and value >= 0
    end, w)
    for key, values in pairs { threads = { 0, 513, "2", {} }, seed = { 1.5, {} }, duration = { 0, -1, "1w", {}, false },
        ops = { 0, -1, 1 << 63, {} }, rate = { -1, 0 / 0, {} }, mix = { 1, {}, { 1 }, { {} } }, phases = { 1, { 1 } },
        verify = { 1, "x" }, limits = { 1, { x = 1 } }, allocator = { "x", 1, {} }, sample = { 0, {} },
        live_max = { "x", {} }, interval = { "x", {} } } do
        for _, value in ipairs(values) do
            refuse("workload", la.workload, { [key] = value })
        end
    end
    for key, values in pairs { size = { 0, "x(1)", "64\0", {}, true }, lifetime = { -1, "x(1)", "1\0", {} },
        weight = { 0, {} }, touch = { 2, "x" }, zero = { -1 }, align = { 3, "x" }, on = { 0, {} }, writes = { -1 },
        realloc = { 2, { x = 1 } }, free_by = { 1, { x = 1 } } } do
        for _, value in ipairs(values) do
            refuse("workload", la.workload, { mix = { { size = 10, lifetime = 10, [key] = value } } })
        end
    end
    test.equal(w:status().state, "idle")
    test.equal(w:run().ops, 10)
end)

test("pictures", function()
    refuse_all("plot", la.plot, function(value)
        return type(value) == "table" and type(rawget(value, 1)) == "number" -- a series
    end)
    for _, key in ipairs { "series", "x", "marks", "title", "unit", "width", "height", "mode" } do
        for _, value in ipairs { false, -1, 1.5, print, la.stats(), { "x" }, { { x = "x" } } } do
            refuse("plot", la.plot, { series = key ~= "series" and {} or value, [key] = value })
        end
    end
end)

test("guards", function()
    local guard <close> = la.with {}
    refuse_all("guard:restore", guard.restore, never)
end)

test("the tree of controls", function()
    local arena = la.ctl.arena[0]
    for _, key in ipairs { "x", "\0", 5, 1.5, {}, print, true, "..", "arena." } do
        for _, group in ipairs { la.ctl, arena } do
            refuse("control", function()
                local value = group[key]
                return value
            end)
            refuse("control", function()
                group[key] = 1
            end)
        end
    end
    for _, value in ipairs { {}, print, "\0", "soon", 0 / 0 } do
        refuse("dirty_decay_ms", function()
            arena.dirty_decay_ms = value
        end)
    end
    refuse("purge", arena.purge, 5)
    refuse("purge", function()
        arena.purge = 1
    end)
    refuse("group", function()
        la.ctl.arena = 1
    end)
end)
