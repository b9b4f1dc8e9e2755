-- Random calls of everything public with random arguments: right, almost right and absurd ones, in finalizers too, and
-- now and then with little memory. Whatever is raised is one line that is not the library's fault. Run by hostile.c.
--
-- LUNALLOC_RANDOM_CALLS=1000000 LUNALLOC_RANDOM_SEED=7 make it longer, or another one.

local test = ...
local la = require "lunalloc"

local CALLS <const> = tonumber(os.getenv "LUNALLOC_RANDOM_CALLS" or 1500)
local SEED <const> = tonumber(os.getenv "LUNALLOC_RANDOM_SEED" or 1)

local random = math.random

local function one_of(list)
    return list[random(#list)]
end

-- ---- values --------------------------------------------------------------------------------------------------------

--- Objects that calls have made, by kind; a few of each.
local pool = { buffer = {}, workload = {}, arena = {}, snapshot = {}, rows = {}, walker = {}, guard = {}, group = {} }
local POOL <const> = 6

local kinds = {}
for kind in pairs(pool) do
    kinds[#kinds + 1] = kind
end
table.sort(kinds)

local function keep(kind, object)
    if object ~= nil then
        local objects = pool[kind]
        local place = #objects < POOL and #objects + 1 or random(POOL)
        if kind == "arena" and objects[place] and objects[place] ~= object then
            objects[place]:destroy() -- nothing is bound to it
        end
        objects[place] = object
    end
    return object
end

local SCALARS <const> = { 0, 1, 2, 3, 10, 64, 100, 4096, -1, 1.5, 2.0, 1e300, -0.0, 0 / 0, math.huge, math.mininteger,
    math.maxinteger, true, false, "", "x", "\0", "1", "10", "64K", "1M", "1T", "10s", "5ms", "-1", "1e3", "never",
    "true", "\27[31m\n", ("long"):rep(200),
    "exp(100)", "fifo(10)", "uniform(1,100)", "lognormal(64,1)", "forever", "active",
    "dirty", "state", "stack", "thread", "counting", "arena.0.dirty_decay_ms", "stats.allocated", "arenas.junk" }

-- What these do to a process, or to its files, is not for a test: used memory is taken, a dump is written; and many
-- arenas make everything slow.
local DANGEROUS <const> = { "dump", "prefix", "extent_hooks", "thread%.arena", "reset$", "destroy$", "%.log_", "idle",
    "create$", "nauto", "narenas" }

local names = {}
for name in la.names() do
    local safe = true
    for _, pattern in ipairs(DANGEROUS) do
        safe = safe and not name:find(pattern)
    end
    if safe then
        names[#names + 1] = name
    end
end

--- The name of a control; of another arena's, perhaps of none.
local function control()
    local name = one_of(names):gsub("<%a+>", function()
        return tostring(one_of { 0, 0, 0, 1, 2, 35, 4096, 99999 })
    end)
    return random(20) == 1 and name .. "s" or name
end

local value

local function a_table(depth)
    local t, keys = {}, { "arena", "state", "slab", "min_size", "szind", "by", "n", "min_age", "lg_sample", "hooks",
        "dirty_decay_ms", "muzzy_decay_ms", "scale", "rate", "set", "mark", "size", "lifetime", "at", 1, 2, "x" }
    for _ = 1, random(0, 4) do
        t[one_of(keys)] = value(depth + 1)
    end
    return t
end

--- Its metamethods do what they like.
local function odd_table()
    return setmetatable(a_table(1), {
        __index = function(_, key)
            return random(3) == 1 and value(2) or key
        end,
        __newindex = function() error("odd", 0) end,
        __len = function() return random(-1, 3) end,
        __name = "odd",
        __tostring = function() return one_of { "odd", "two\nlines" } end,
    })
end

function value(depth)
    local choice = random(12)
    if choice <= 5 or depth and depth > 2 then
        return one_of(SCALARS)
    elseif choice <= 7 then
        return a_table(depth or 0)
    elseif choice == 8 then
        return control()
    elseif choice == 9 then
        return odd_table()
    elseif choice == 10 then
        return nil
    elseif choice == 11 then
        return one_of { print, coroutine.create(print), io.stdout }
    end
    return one_of(pool[one_of(kinds)])
end

local function spec()
    local description = { ops = random(1, 50), threads = random(1, 3), seed = random(100), sample = random(1, 3),
        verify = random(2) == 1, allocator = one_of { "lunalloc", "lunalloc", "process" },
        mix = {}, live_max = "16M", interval = "10ms" }
    for i = 1, random(1, 3) do
        description.mix[i] = { size = one_of { 16, "exp(100)", "uniform(1,5000)", "normal(50,5)" },
            lifetime = one_of { 10, "exp(20)", "fifo(5)", "forever" }, realloc = one_of { 0, 0.5 },
            zero = one_of { 0, 0.5 }, touch = one_of { 0, 0.5, 1 } }
    end
    if random(3) == 1 then
        description.phases = { { at = 0, scale = random(), set = { ["arena.0.dirty_decay_ms"] = random(100) } } }
    end
    if random(4) == 1 then
        description[one_of { "ops", "threads", "mix", "phases", "limits", "verify", "rate", "x" }] = value()
    end
    if description.ops == nil or description.duration then
        description.ops, description.duration = 10, nil
    end
    return description
end

-- ---- calls ---------------------------------------------------------------------------------------------------------

--- Calls a method of one of the pool's objects, or a function by the name; often on a wrong object.
local function method(kind, list)
    return function()
        local object, name = one_of(pool[kind]), one_of(list)
        if object == nil then
            return
        end
        local f = object[name]
        local result = f(random(12) == 1 and value() or object, value(), value())
        return result
    end
end

local function read_all(object)
    for key, field in pairs(object) do
        if random(4) == 1 and type(field) == "userdata" then
            keep("rows", field)
        end
        if random(50) == 1 then
            return key
        end
    end
    return tostring(object)
end

local function walk()
    local step, walker = la.extents(random(3) == 1 and value() or {})
    keep("walker", walker)
    return step and step(walker)
end

local calls = {
    function() return la.get(random(3) == 1 and value() or control()) end,
    function() return la.set(control(), value()) end,
    function() return la.set("arena.0.dirty_decay_ms", value()) end,
    function() return la.set(value(), value()) end,
    function() return la.describe(random(3) == 1 and value() or control()) end,
    function() return keep("guard", la.with(random(2) == 1 and value() or { [control()] = value() })) end,
    function() return keep("guard", la.with { ["arena.0.dirty_decay_ms"] = 5, ["arenas.junk"] = "alloc" }) end,
    function() return la.sizeclass(value()) end,
    function() return la.find(value()) end,
    function() return la.extents_summary(value()) end,
    function() return la.extents_summary { by = one_of { "state", "szind", "slab", "arena" } } end,
    walk,
    function() return keep("arena", la.arena(random(2) == 1 and value() or random(0, 5))) end,
    function() return keep("arena", la.arena.create(value())) end,
    function() return keep("arena", la.arena.create { dirty_decay_ms = random(100), hooks = "counting" }) end,
    function() return keep("snapshot", la.stats()) end,
    function() return keep("snapshot", one_of(pool.snapshot) - one_of(pool.snapshot)) end,
    function() return one_of(pool.snapshot)[value()] end,
    function() return read_all(one_of(pool.snapshot)) end,
    function() return one_of(pool.rows)[value()] end,
    function() return read_all(one_of(pool.rows)) end,
    function() return keep("buffer", la.buffer(random(100000), random(2) == 1 and 1 << random(0, 13) or nil)) end,
    function() return keep("buffer", la.buffer(value(), value())) end,
    function() return keep("workload", la.workload(random(5) == 1 and value() or spec())) end,
    function() return la.prof.start { lg_sample = random(10, 20) } end,
    function() return la.prof.start(value()) end,
    function() return la.prof.stop() end,
    function() return la.prof.reset(value()) end,
    function() return la.prof.top(random(2) == 1 and value() or { by = one_of { "class", "arena", "stack" } }) end,
    function() return keep("group", la.ctl.arena) end,
    function() return keep("group", la.ctl[control():match "^[^.]+"]) end,
    function() return one_of(pool.group)[value()] end,
    function() one_of(pool.group)[value()] = value() end,
    function() return tostring(one_of(pool[one_of(kinds)])) end,
    function() return la.names(value()) end,
    method("buffer", { "addr", "size", "usable", "fill", "fill", "resize", "resize", "free" }),
    method("workload", { "start", "start", "wait", "stop", "set", "status", "timeline", "result", "info" }),
    method("arena", { "extents", "extents_summary", "purge", "decay", "hooks", "stats", "destroy" }),
    method("snapshot", { "tojson", "toopenmetrics" }),
    method("walker", { "next", "next", "fill", "close" }),
    method("guard", { "restore" }),
}

-- Errors of this file's own making: an object that is not there, or an odd one.
local OURS <const> = { "attempt to %a+ .*local 'object'", "attempt to .*nil value", "^odd$",
    "attempt to perform arithmetic", "attempt to call a", "attempt to index", "not enough memory",
    "error in error handling", "length.*integer", "'__index' chain too long" }

local function assert_message(message, seed)
    if type(message) ~= "string" then
        return
    end
    local internal = message:find "lunalloc/%a+%.lua" ~= nil
    local ours = false
    for _, pattern in ipairs(OURS) do
        ours = ours or message:find(pattern) ~= nil
    end
    if internal and not message:find "not enough memory" or message:find "\n" and not ours then
        error(("seed %d raised '%s'"):format(seed, message), 0)
    end
end

local function one_call(seed)
    math.randomseed(seed)
    local f = one_of(calls)
    local ok, message
    if random(8) == 1 then
        local _
        _, ok, message = hostile.attempt(random(0, 60), f)
    else
        ok, message = pcall(f)
    end
    if not ok then
        assert_message(message, seed)
    end
end

--- In the finalizer of something: a call at any allocation.
local function plant(seed)
    setmetatable({}, { __gc = function()
        pcall(one_call, seed)
    end })
end

test("random calls", function()
    for i = 1, CALLS do
        local seed = SEED * 1000003 + i
        one_call(seed)
        if random(20) == 1 then
            plant(-seed)
        end
        if random(200) == 1 then
            collectgarbage()
        end
    end
    for _, guard in ipairs(pool.guard) do
        pcall(guard.restore, guard)
    end
    for _, kind in ipairs(kinds) do
        pool[kind] = nil
    end
    collectgarbage()
end)
