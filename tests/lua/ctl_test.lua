-- The tree of controls.

local test = ...
local la = require "lunalloc"

local ctl = la.ctl

test("values are read and written", function()
    local old = ctl.arena[0].dirty_decay_ms
    ctl.arena[0].dirty_decay_ms = 500
    test.equal(ctl.arena[0].dirty_decay_ms, 500)
    test.equal(la.get "arena.0.dirty_decay_ms", 500)
    ctl.arena[0].dirty_decay_ms = "3s"
    test.equal(ctl.arena[0].dirty_decay_ms, 3000)
    ctl["arena.0.dirty_decay_ms"] = old
    test.equal(ctl["arena.0"].dirty_decay_ms, old)
    test.equal(type(ctl.version), "string")
    test.equal(math.type(ctl.stats.allocated), "integer")
end)

test("actions are called", function()
    test.equal(ctl.arena[0].purge(), true)
    test.equal(ctl.arena[0]:purge(), true)
    test.equal(ctl.arena[4096].purge(), true)
    test.raises("takes no argument", ctl.arena[0].purge, 1)
    test.raises("is an action", function()
        ctl.arena[0].purge = 1
    end)
end)

test("unknown names raise with a suggestion, in the script's line", function()
    test.raises("ctl_test.lua:%d+: no control 'arena%.0%.dirty_decay_mss'; did you mean 'arena%.0%.dirty_decay_ms'%?",
        function()
            return ctl.arena[0].dirty_decay_mss
        end)
    test.raises("ctl_test.lua:%d+: no control 'arena%.0%.dirty_decay_mss'; did you mean 'arena%.0%.dirty_decay_ms'%?",
        function()
            ctl.arena[0].dirty_decay_mss = 1
        end)
    test.raises("no control 'arema'; did you mean 'arena'%?", function()
        return ctl.arema
    end)
    test.raises("no control 'quite_unheard_of'$", function()
        return ctl.quite_unheard_of
    end)
end)

test("odd keys raise", function()
    for _, key in ipairs { "", ".", "arena.", ".arena", "arena..0", "<i>", 1.5, -1, math.mininteger, true, print } do
        test.raises("ctl_test.lua:%d+: no control", function()
            return ctl[key]
        end)
        test.raises("ctl_test.lua:%d+: no control", function()
            return ctl.arena[key]
        end)
    end
    test.raises("no control 'arena%.%d+': an index is 0 to %d+", function()
        return ctl.arena[#ctl.arena]
    end)
end)

test("assignments that make no sense raise", function()
    test.raises("'arena%.0' is a group of controls", function()
        ctl.arena[0] = 1
    end)
    test.raises("'arena' is a group of controls", function()
        ctl.arena = {}
    end)
    test.raises("takes a boolean, number or string, not nil", function()
        ctl.arena[0].dirty_decay_ms = nil
    end)
    test.raises("version", function()
        ctl.version = "2"
    end)
    test.raises("dirty_decay_ms", function()
        ctl.arena[0].dirty_decay_ms = "soon"
    end)
end)

test("pairs gives the children, and creates nothing", function()
    local before = la.get "arenas.narenas"
    local seen = {}
    for key, value in pairs(ctl) do
        seen[key] = value
        tostring(value)
    end
    test.equal(type(seen.arena), "table")
    test.equal(type(seen.version), "string")
    local children = {}
    for key, value in pairs(ctl.arena[0]) do
        children[key] = value
    end
    test.equal(children.dirty_decay_ms, la.get "arena.0.dirty_decay_ms")
    test.equal(type(children.purge), "function")
    for _ in pairs(ctl.arenas) do
    end
    test.equal(la.get "arenas.narenas", before)
end)

test("indexed groups: length, pairs from 0", function()
    local n = #ctl.arena
    test.equal(n >= la.get "arenas.narenas", true)
    local expected = 0
    for index, arena in pairs(ctl.arena) do
        test.equal(index, expected)
        test.match(tostring(arena), "^arena%." .. index .. " {")
        expected = expected + 1
    end
    test.equal(expected, n)
end)

--- Visits every node below, first two indices of each array; the names of all values and actions.
local function visit(node, names, path)
    for key, value in pairs(node) do
        local name = path == "" and tostring(key) or path .. "." .. key
        if type(value) == "table" then
            test.match(tostring(value), "^" .. name:gsub("%p", "%%%0"))
            if math.type(key) ~= "integer" or key < 2 then
                visit(value, names, name)
            end
        else
            names[name] = true
        end
    end
end

test("the whole tree can be walked, and agrees with names()", function()
    local names = {}
    visit(ctl, names, "")
    for name in la.names() do
        if not name:find("<", 1, true) then
            test.equal(names[name], true, name)
        end
    end
    test.equal(names["arena.0.dirty_decay_ms"], true)
    test.equal(names["arena.1.purge"] or #ctl.arena == 1, true)
end)

test("arenas.create is an action of the tree", function()
    local before = la.get "arenas.narenas"
    local index = ctl.arenas.create()
    test.equal(math.type(index), "integer")
    test.equal(la.get "arenas.narenas" >= before, true)
    assert(la.set(("arena.%d.destroy"):format(index)))
end)

test("all arenas have an index only where arenas do", function()
    test.equal(type(ctl.arena[4096].purge), "function")
    test.equal(math.type(ctl.stats.arenas[4096].active), "integer")
    test.raises("an index is 0 to %d+", function()
        return ctl.arenas.bin[4096]
    end)
end)

test("jemalloc's names without a meaning here are answered, and listed nowhere", function()
    test.equal(ctl.opt.hpa, false)
    test.equal(ctl["opt.percpu_arena"], "disabled")
    test.equal(ctl.stats.arenas[0].dss, "disabled")
    test.equal(ctl.experimental["hooks.prof_dump"], 0)
    for name in pairs(ctl.opt) do
        test.equal(name:find "hpa", nil)
    end
    test.raises("no control 'opt%.hpb'", function()
        return ctl.opt.hpb
    end)
    test.raises("no control 'opt%.x", function()
        return ctl.opt["x\0y"]
    end)
end)

test("what is probably meant", function()
    local nearest = require "lunalloc.core".nearest
    for _, case in ipairs {
        { "ab", { "ba" }, "ba" }, -- a swap is one error
        { "ab", { "xy" }, nil },
        { "purgee", { "merge", "purge", "decay" }, "purge" },
        { "prge", { "merge", "purge" }, "purge" },
        { "pxrge", { "merge", "purge" }, "purge" },
        { "dirty_decay", { "dirty_decay_ms", "muzzy_decay_ms" }, "dirty_decay_ms" },
        { "zzzzzz", { "dirty", "muzzy" }, nil },
        { "", { "a" }, nil },
        { ("x"):rep(96), { ("x"):rep(95) }, ("x"):rep(95) },
        { ("x"):rep(97), { ("x"):rep(96) }, nil },
    } do
        test.equal(nearest(case[1], case[2]), case[3], case[1])
    end
end)

test("tostring is one bounded line", function()
    test.match(tostring(ctl), "^ctl {")
    test.match(tostring(ctl.arena), "^arena%[0%.%.%d+%]")
    test.match(tostring(ctl.arena[0]), "dirty_decay_ms=%-?%d+")
    test.match(tostring(ctl.arena[0]), "decay%(%)")
    test.equal(#tostring(ctl.opt) < 200, true)
end)

test("a group in use is one object, and is collected after use", function()
    local arena = ctl.arena[0]
    test.equal(rawequal(ctl.arena[0], arena), true)
    test.equal(rawget(ctl, "arena"), nil)
    local weak = setmetatable({ ctl.arenas.bin[0] }, { __mode = "v" })
    collectgarbage()
    collectgarbage()
    test.equal(weak[1], nil)
    test.equal(ctl.arenas.bin[0].size, la.get "arenas.bin.0.size")
end)

test("a control that is gone raises, also if it was read before", function()
    local index = ctl.arenas.create()
    local stats = ctl.stats.arenas[index]
    test.equal(math.type(stats.active), "integer")
    local arena = ctl.arena[index]
    local old = arena.dirty_decay_ms
    assert(la.set(("arena.%d.destroy"):format(index)))
    for _ = 1, 2 do
        test.raises("ctl_test.lua:%d+: .*arena %d+", function()
            return arena.dirty_decay_ms
        end)
        test.raises("ctl_test.lua:%d+: .*arena %d+", function()
            arena.dirty_decay_ms = old
        end)
    end
end)
