-- lunalloc.help: help(x).

local test = ...
local help = require "lunalloc.help"
local la = require "lunalloc"

test("every function that is documented exists, and every function of the module is documented", function()
    for name in pairs(help.functions) do
        local field, inner = name:match "^la%.([%w_]+)%.?([%w_]*)$"
        if field then
            local value = la[field]
            test.equal(value ~= nil and (inner == "" or value[inner] ~= nil), true, name)
        end
    end
    for name in pairs(la) do
        test.equal(help.functions["la." .. name] ~= nil, true, "documentation of la." .. name)
    end
end)

test("every method of a workload that is documented exists", function()
    local w = la.workload { ops = 1 }
    for name in pairs(help.functions) do
        local method = name:match "^w:(%w+)$"
        test.equal(method == nil or type(w[method]) == "function", true, name)
    end
end)

test("a function by value and by name", function()
    test.match(help.text(la.get), "^la%.get%(name%)")
    test.equal(help.text "get", help.text(la.get))
    test.equal(help.text "la.get", help.text(la.get))
    test.match(help.text(la.arena.create), "^la%.arena%.create")
    test.match(help.text "w:run", "^w:run")
end)

test("a control by name, with its present value", function()
    local text = help.text "arena.0.dirty_decay_ms"
    test.match(text, "^arena%.0%.dirty_decay_ms: %a")
    test.match(text, ("value%%s+%d ms, source: "):format(la.get "arena.0.dirty_decay_ms"))
    test.match(text, "range%s+%-1 to %d+ ms\n")
    test.match(help.text "opt.narenas", "range%s+0 to 256\n.*live%s+arenas%.nauto$")
    test.match(help.text "opt.retain_grow_limit", "range%s+4096 %(4%.00 KiB%) or more\n")
    test.match(help.text "arena.<i>.purge", "type%s+action")
    test.match(help.text(la.ctl.arena[0]), "^arena%.0 ")
end)

test("a topic, a search, and what is unknown", function()
    test.match(help.text "decay", "dirty_decay_ms")
    test.match(help.text "unexplained", "la%.reconcile")
    test.equal(help.text "qqxyzzy", "nothing is known about 'qqxyzzy'; help() lists all topics")
    test.match(help.text(42), "42\n  a number")
end)

test("the overview fits a screen and names every topic", function()
    local text = help.text()
    test.equal(tostring(help), text)
    test.equal(help.text(la), text)
    local _, lines = text:gsub("\n", "\n")
    test.equal(lines < 24, true, "lines")
    for name in pairs(help.topics) do
        test.equal(text:find('"' .. name .. '"', 1, true) ~= nil, true, name)
    end
end)

test("the examples are Lua", function()
    for name, entry in pairs(help.functions) do
        local code = entry[3]
        test.equal(code == nil or (load("return " .. code) or load(code)) ~= nil, true, name)
    end
end)

-- ---- everything public is documented -------------------------------------------------------------------------------

local callee = require "lunalloc.callee"
local chains = require "lunalloc.chains"
local options = require "lunalloc.options"

local function is_known(x)
    return not help.text(x):find "^nothing is known" and not help.text(x):find "help%(%) lists all topics$"
end

-- Calls each function below the table, by name and by value: help must know it.
local function walk(t, path, seen)
    for name, value in pairs(t) do
        local full = path .. "." .. tostring(name)
        local callable = type(value) == "function" or type(value) == "table" and (getmetatable(value) or {}).__call
        if callable then
            test.equal(help.functions[full] ~= nil, true, full .. " by name")
            local pattern = full:gsub("%p", "%%%0"):gsub("^la", "[lt]a?")
            test.match(help.text(value), "^[^\n]*" .. pattern, full .. " by value")
        end
        if type(value) == "table" and not seen[value] and (callable or getmetatable(value) == nil) then
            seen[value] = true
            walk(value, full, seen)
        end
    end
end

test("every function of the module answers by name and by value", function()
    walk(la, "la", {})
end)

-- The objects that functions without arguments return, also as elements of arrays, and some that need arguments.
local function public_objects()
    local list = { la.arena(0), la.workload { ops = 1 }, la.workload { ops = 1 }:run(), la.buffer(10),
        la.with { ["arena.0.dirty_decay_ms"] = la.get "arena.0.dirty_decay_ms" }, (select(2, la.extents {})) }
    for name, entry in pairs(help.functions) do
        local call = entry[1]:match "^la%.([%w_]+)%(%)" or entry[1]:match "^la%.([%w_]+){"
        local without = call and not ({ workload = true, plot = true, bars = true, compare = true, replay = true,
            record = true, tune = true })[call]
        local results = without and type(la[call]) == "function"
            and table.pack(la[call]()) or {}
        for i = 1, results.n or 0 do
            list[#list + 1] = results[i]
            list[#list + 1] = type(results[i]) == "table" and results[i][1] or nil
        end
        test.equal(name ~= nil, true)
    end
    return list
end

local function methods_of(object)
    local methods = type(object) ~= "string" and chains.members(object, true) or {}
    local meta = getmetatable(object)
    local index = type(meta) == "table" and rawget(meta, "__index")
    if type(index) == "function" and type(object) == "table" then -- threads find their methods so
        for name in pairs(help.functions) do
            local method = name:match ":([%w_]+)$"
            local ok, value = pcall(function() return object[method] end)
            methods[method or 1] = ok and type(value) == "function" or nil
        end
    end
    return methods
end

test("every method of every object answers", function()
    local count = 0
    for _, object in ipairs(public_objects()) do
        local prefix = callee.prefix(object)
        for method in pairs(type(object) ~= "function" and methods_of(object) or {}) do
            if prefix and type(method) == "string" then
                count = count + 1
                test.equal(help.functions[prefix .. ":" .. method] ~= nil, true, prefix .. ":" .. method)
                test.equal(is_known(prefix .. ":" .. method), true, prefix .. ":" .. method)
            end
        end
        if prefix and next(callee.methods(prefix)) then
            test.match(help.text(object), prefix .. ":", "help(object) lists its methods: " .. prefix)
        end
    end
    test.equal(count > 25, true, "enough methods: " .. count)
end)

test("methods answer by value", function()
    _G.help_test_w = la.workload { ops = 1 }
    test.match(help.text(_G.help_test_w.wait), "^w:wait")
    test.match(help.text(la.arena(0).purge), "^a:purge")
    test.match(help.text(la.buffer(1).fill), "^b:fill")
    _G.help_test_w = nil
end)

-- The keys "{a=, b=}" of a usage, without those of tables within.
local function keys_of(usage)
    local keys = {}
    for list in usage:gmatch "%b{}" do
        for key in list:gmatch "([%a_][%w_]*)%s*=" do
            keys[key] = true
        end
    end
    return keys
end

test("every key of every table of options answers, and completes", function()
    for name, entry in pairs(help.functions) do
        local arguments = entry[1]:match "^(.-)%->" or entry[1]
        for key in pairs(keys_of(arguments)) do
            test.equal(is_known(key), true, ("%s of %s"):format(key, name))
        end
    end
    for _, call in ipairs(options.functions()) do
        for key in pairs(options.of(call)) do
            test.equal(is_known(key), true, ("%s of %s"):format(key, call))
        end
        test.equal(help.functions[call] ~= nil or not call:find "^la", true, call .. " is a function")
    end
end)

test("the keys that are documented are those that functions take", function()
    for call, complain in pairs {
        ["la.extents"] = function(t) return la.extents(t) end,
        ["la.extents_summary"] = function(t) return la.extents_summary(t) end,
        ["la.prof.top"] = function(t) return la.prof.top(t) end,
        ["la.workload"] = function(t) return la.workload(t) end,
        ["la.waste"] = function(t) return la.waste(t) end,
        ["la.plot"] = function(t) return la.plot(t) end,
    } do
        for key in pairs(options.of(call)) do
            local _, message = pcall(complain, { [key] = print })
            test.equal(tostring(message):find "unknown key" or tostring(message):find "no condition"
                or tostring(message):find "no option", nil, ("%s of %s: %s"):format(key, call, message))
        end
        local _, message = pcall(complain, { no_such_key = 1 })
        for key in (tostring(message):match "allowed: (.*)" or tostring(message):match "there are: (.*)%)"
            or tostring(message):match "known: (.*)" or ""):gmatch "[%w_/]+" do
            test.equal(options.of(call)[key] ~= nil, true, ("%s of %s is documented"):format(key, call))
        end
    end
end)

test("values of controls that take few texts are taken", function()
    for name, values in pairs(options.controls) do
        local concrete = name:gsub("<i>", "0")
        local row = la.describe(concrete)
        if row.access == "rw" then
            local before = la.get(concrete)
            for _, value in ipairs(values) do
                test.equal(la.set(concrete, value), true, concrete .. " = " .. value)
            end
            la.set(concrete, before)
        end
    end
end)

test("what is misspelt gets a suggestion", function()
    test.match(help.text "extnts", "did you mean 'extents'%?$")
    test.match(help.text "limts", "did you mean 'limits'%?$")
    test.match(help.text "arena.0.dirty_decay_mss", "did you mean 'arena.0.dirty_decay_ms'%?$")
end)

test("options, distributions, commands and Lua's functions answer", function()
    for _, word in ipairs { "limits", "verify", "histogram", "allocator", "w:wait", "wait", ".time", "commands",
        "lognormal", "peak_rss", "by" } do
        test.equal(is_known(word), true, word)
    end
    test.match(help.text(table.concat), "^table%.concat\n")
    test.match(help.text(print), "^print\n")
    test.match(help.text "allocator", "Values: process, lunalloc")
end)

test("texts fit the width, broken at words", function()
    local show = require "lunalloc.show"
    local width = show.width
    for _, columns in ipairs { 40, 60, 80, 200 } do
        show.width = function() return columns end
        local words = help.words()
        words[""], words.by, words.limits, words["opt.narenas"], words.commands = true, true, true, true, true
        for word in pairs(words) do
            local text = word == "" and help.text() or help.text(word)
            for line in text:gmatch "[^\n]+" do
                local room = math.min(columns, 110)
                test.equal(utf8.len(line) <= room or not line:sub(20):find "%S%s+%S", true, word .. ": " .. line)
            end
            test.equal(text:find "%s\n", nil, word .. " has blanks at an end")
        end
    end
    show.width = width
end)
