-- The definitions for language servers (scripts/luacats.lua) say what the module has: every function and method with
-- its parameters and results, and every field of its objects.

local test = ...
local la = require "lunalloc"
local chains = require "lunalloc.chains"
local help = require "lunalloc.help"
local options = require "lunalloc.options"
assert(loadfile "scripts/reference")() -- sets package.path
local luacats = require "luacats"
local types = require "luacats_types"

local text <const> = luacats.text()

-- "a, b" -> { "a", "b" }
local function words(list)
    local found = {}
    for word in list:gmatch "[%w_.]+" do
        found[#found + 1] = word
    end
    return found
end

-- name -> { params = what the function has, documented = its @param lines, returns = how many @return lines }; for a
-- value that can be called, what its @overload says.
local function definitions()
    local found, entry = {}, { documented = {}, returns = 0 }
    for line in text:gmatch "[^\n]+" do
        entry.documented[#entry.documented + 1] = line:match "^%-%-%-@param ([%w_]+)%?? %S"
        entry.returns = entry.returns + (line:find "^%-%-%-@return %S+ [%w_|]+" and 1 or 0)
        entry.overload = line:match "^%-%-%-@overload fun(%b().*)$" or entry.overload
        local name, params = line:match "^function ([%w_.:]+)(%b()) end$"
        name = name or line:match "^(la[%w_.]*) = {}$"
        if name then
            found[name], entry.params = entry, words(params or "")
        end
        if not line:find "^%-%-%-" then
            entry = { documented = {}, returns = 0 }
        end
    end
    return found
end

local defined <const> = definitions()

-- The names of a Lua function's parameters; of a C function, those of its usage: "la.get(name) -> value".
local function parameters(f, usage, is_method)
    local info, names = debug.getinfo(f, "Su"), {}
    if info.what == "C" then
        return words((usage:match "^[^({]*(%b())" or ""):gsub("%b{}", ""))
    end
    for i = is_method and 2 or 1, info.nparams do
        names[#names + 1] = debug.getlocal(f, i)
    end
    return names
end

local function check_function(name, f, documented, is_method)
    local found, usage = defined[name], help.functions[documented][1]
    assert(found, name .. " has a definition")
    local names = table.concat(parameters(f, usage, is_method), ", ")
    test.equal(table.concat(found.params, ", "), names, "parameters of " .. name)
    test.equal(table.concat(found.documented, ", "), names, "@param of " .. name)
    if usage:find "%->" or usage:find "^for " or usage:find "^local " then
        test.equal(found.returns > 0, true, "@return of " .. name)
    end
    local fails = usage:find("nil, message, code", 1, true) ~= nil
    test.equal(fails and found.returns < 3, false, "message and code of " .. name)
end

-- A value that can be called: `name: type` of each parameter is in its @overload.
local function check_callable(name, call)
    local overload = defined[name] and defined[name].overload
    assert(overload, name .. " has an @overload")
    local names = {}
    for i = 2, debug.getinfo(call, "u").nparams do
        names[#names + 1] = debug.getlocal(call, i)
    end
    local documented = {}
    for word in overload:match "^%((.*)%): ":gmatch "([%w_]+)%??: [%w_.]+" do
        documented[#documented + 1] = word
    end
    test.equal(table.concat(documented, ", "), table.concat(names, ", "), "parameters of " .. name)
    test.match(overload, "%): [%w_]+: %S", "results of " .. name)
end

local function walk(t, path)
    local count = 0
    for key, value in pairs(t) do
        local name = path .. "." .. key
        local call = type(value) == "table" and (getmetatable(value) or {}).__call
        if type(value) == "function" then
            check_function(name, value, name)
        elseif call then
            check_callable(name, call)
        end
        count = count + ((type(value) == "function" or call) and 1 or 0)
        count = count + (type(value) == "table" and key ~= "ctl" and walk(value, name) or 0)
    end
    return count
end

test("every public function has its parameters and its results", function()
    local count = walk(la, "la")
    local extra = 0
    for name in pairs(defined) do
        extra = extra + (name:find "^la%." and name ~= "la.prof" and name ~= "la.trace" and 1 or 0)
    end
    test.equal(extra, count, "functions")
end)

-- ---- objects ----

local comparison <const> = require "lunalloc.compare_run".judge { name = "test", rounds = 6, least = 0.01,
    metrics = { "ops/s" }, variants = { { name = "a", samples = { ["ops/s"] = { 1, 2, 3, 4, 5, 6 } } },
        { name = "b", samples = { ["ops/s"] = { 2, 4, 6, 8, 10, 12 } } } } }

local result <const> = la.workload { ops = 2000, interval = "1ms",
    limits = { failures = { at_most = 0, reason = "there is memory" } } }:run()

local function sampled()
    la.prof.start { lg_sample = 8 }
    local block <close> = la.buffer(100000)
    local samples = la.prof.samples()
    local groups, sample = samples:by "stack", samples()
    la.prof.stop()
    return samples, groups, sample, block
end

local function objects()
    local samples, groups = sampled()
    local meter = la.adopt {}
    local scope <close> = meter:scope "luacats"
    local list = { arena = la.arena(0), buffer = la.buffer(10), comparison = comparison, groups = groups,
        guard = la.with {},
        history = la.history() or {}, meter = meter, samples = samples, scope = scope, snapshot = la.stats(),
        thread = la.threads()[1], walker = select(2, la.extents {}), workload = la.workload { ops = 1 } }
    meter:close()
    return list
end

test("every method of every object has its parameters and its results", function()
    local prefix_of, count = {}, 0
    for prefix, class in pairs(types.prefixes) do
        prefix_of[class] = prefix
    end
    for class, object in pairs(objects()) do
        local members = chains.members(object, true)
        members.flush = class == "thread" or members.flush -- threads find their methods by a function
        for name in pairs(members) do
            local value = object[name]
            if type(value) == "function" and type(name) == "string" then
                check_function(class .. ":" .. name, value, prefix_of[class] .. ":" .. name, true)
                count = count + 1
            end
        end
    end
    test.equal(count > 45, true, "enough methods: " .. count)
end)

test("whatever is documented with arguments has a signature", function()
    local VALUES <const> = { ["la.ctl"] = true, ["la.prof"] = true, ["la.trace"] = true }
    for name, entry in pairs(help.functions) do
        local callable = entry[1]:find "[({]" and not VALUES[name]
        test.equal(types.signatures[name] ~= nil, callable and true or false, "signature of " .. name)
    end
    for name in pairs(types.signatures) do
        test.equal(help.functions[name] ~= nil, true, "help on " .. name)
    end
end)

-- ---- fields ----

-- The declared fields of a class and of its base: name -> type.
local function fields(class)
    local head, body = text:match("\n%-%-%-@class lunalloc%." .. class .. "(:? ?[%w._%[%]]*)\n(.-)\n[^-]")
    assert(head, "class " .. class)
    local base = head:match "^: lunalloc%.([%w_]+)$"
    local found = base and fields(base) or {}
    for name, optional, what in (body .. "\n"):gmatch '%-%-%-@field (%S-)(%??) (%b""%S*)' do
        found[name] = { type = what, optional = optional == "?" }
    end
    for name, optional, what in (body .. "\n"):gmatch "%-%-%-@field (%S-)(%??) ([^%s]+)" do
        found[name:match '^%["(.*)"%]$' or name] = { type = what, optional = optional == "?" }
    end
    return found
end

local function same_type(value, what)
    local basic = math.type(value) or type(value)
    if what:find "^lunalloc%.state$" or what:find '^"' then
        return basic == "string"
    elseif what == "lunalloc.value" or what == "any" then
        return basic ~= "table"
    elseif what == "number" then
        return type(value) == "number"
    elseif what:find "^fun" then
        return basic == "function"
    elseif what:find "^lunalloc%." or what:find "^table" or what:find "%[%]$" then
        return basic == "table" or basic == "userdata"
    end
    return basic == what
end

-- Each field of the object is declared with its type, and it has every field that is not optional.
local function check_fields(class, object, is_open)
    local declared = fields(class)
    for name, value in pairs(object) do
        local field = declared[name]
        if type(name) == "string" and type(value) ~= "function" or field then
            assert(field, ("%s of %s is declared"):format(name, class))
            test.equal(same_type(value, field.type), true, ("%s.%s is %s"):format(class, name, field.type))
        end
        local inner = field and field.type:match "^lunalloc%.([%w_]+)$"
        if inner and types.classes[inner] and type(value) == "table" then
            check_fields(inner, value, is_open)
        end
    end
    for name, field in pairs(declared) do
        if not field.optional and not name:find "%[" and not is_open then
            test.equal(object[name] ~= nil, true, ("%s.%s is there"):format(class, name))
        end
    end
end

test("the fields of objects are declared, with their types", function()
    local _, groups, sample, _ = sampled()
    local block = la.buffer(100)
    local workload = la.workload { ops = 1000 }
    local meter = la.adopt {}
    local _ <close> = setmetatable({}, { __close = function()
        workload:stop()
        meter:close()
    end })
    for class, object in pairs { comparison = comparison, compared = comparison:of("b", "ops/s"),
        variant = comparison.variants[1], result = result, phase = result.phases[1], judged = result.limits[1],
        timeline_entry = result.timeline[1], timeline_mark = result.marks[1], latency = result.latency.malloc,
        workload_info = workload:info(), workload_status = workload:start():status(),
        meter_stats = meter:stats(), sample = sample, group = groups[1], thread = la.threads()[1],
        location = la.find(block), sizeclass = la.sizeclasses()[1], row = la.describe "opt.narenas",
        extent = select(2, la.extents {}):next(), extents_sum = la.extents_summary {}.active, purge_result = la.purge(),
        reconciliation = la.reconcile(), waste = la.waste { by = "class" }, waste_row = la.waste { by = "class" }[1],
        allocator = la.allocators()[1], findings = la.doctor { seconds = 0 },
        arena = { index = la.arena(0).index },
        hook_calls = la.arena.create { hooks = "counting" }:hooks(), snapshot = la.stats(),
        class_counters = la.stats().classes[0] } do
        check_fields(class, object)
    end
    check_fields("snapshot", la.stats() - la.stats())
    check_fields("snapshot", la.arena(0):stats(), true)
end)

test("the fields of groups are declared, however blocks are grouped", function()
    la.prof.start { lg_sample = 8 }
    local block <close> = la.buffer(100000)
    for _, by in ipairs(options.of "la.prof.top".by.values) do
        check_fields("group", la.prof.top { by = by }[1])
        check_fields("group", la.prof.samples():by(by)[1])
    end
    for _, by in ipairs(options.of "la.waste".by.values) do
        local waste = la.waste { by = by }
        check_fields("waste", waste)
        check_fields("waste_row", waste[1])
    end
    la.prof.stop()
    test.equal(table.concat(options.of "la.prof.top".by.values, " "),
        table.concat(require "lunalloc.samples".GROUPINGS, " "))
    test.equal(block:size(), 100000)
end)

-- ---- the file ----

test("the file is Lua, and defines functions, not values", function()
    local module = assert(load(text))()
    test.equal(type(module.get), "function")
    test.equal(type(module.prof.top), "function")
    test.equal(text:find("= nil", 1, true), nil, "a function that is nil")
    test.equal(text:find "\n[^-\n][^\n]*%.%.%.", nil, "a function of any arguments")
end)

test("every class that is named is defined", function()
    local code = text:gsub("%-%-%-[^@\n][^\n]*", ""):gsub("lunalloc%.h", "")
    for class in code:gmatch "[^%w@](lunalloc%.[%a_][%w_.]*)" do
        local escaped = class:gsub("%p", "%%%0")
        local found = text:find("@class " .. escaped .. "[\n:]") or text:find("@alias " .. escaped .. " ")
        test.equal(found ~= nil, true, class)
    end
end)

test("every key of a table of options is a field with a type", function()
    for _, call in ipairs(options.functions()) do
        for key, option in pairs(options.of(call)) do
            assert(luacats.key_type(call, key, option), ("type of %s of %s"):format(key, call))
        end
    end
    test.match(text, "\n%-%-%-@class lunalloc%.options%.extents\n%-%-%-@field arena%? integer only extents of ")
    test.match(text, '\n%-%-%-@field mode%? "braille"|"blocks"|"ascii" ')
end)
