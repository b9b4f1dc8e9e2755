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
    test.match(help.text "instant", "la%.stats")
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
