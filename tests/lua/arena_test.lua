-- Arena objects.

local test = ...
local la = require "lunalloc"

test("arenas", function()
    local list = assert(la.arenas())
    test.equal(#list >= 1, true)
    test.equal(list[1].index, 0)
    test.equal(tostring(list[1]), "arena 0")
    test.equal(list[1] == la.arena(0), true)
    for i = 2, #list do
        test.equal(list[i].index > list[i - 1].index, true)
        test.equal(list[i] ~= list[1], true)
    end
end)

test("arena(i)", function()
    test.equal(la.arena(0).index, 0)
    test.fails("ENOENT", "no arena 99999: the index goes from 0 to %d+", la.arena(99999))
    test.fails("ENOENT", "no arena %-1", la.arena(-1))
    test.raises("arena_test.lua:%d+: arena: an index expected, got nil", function()
        la.arena()
    end)
    test.raises("index expected", la.arena, "0")
    test.raises("index expected", la.arena, 0.5)
end)

test("actions", function()
    local arena = la.arena(0)
    test.equal(arena:purge(), true)
    test.equal(arena:decay(), true)
end)

test("extents of one arena", function()
    local buffer <close> = assert(la.buffer "1M")
    local arena = la.arena(la.find(buffer).arena)
    local found = 0
    for extent in arena:extents() do
        test.equal(extent.arena, arena.index)
    end
    for extent in arena:extents { state = "active", min_size = "1M" } do
        test.equal(extent.state, "active")
        found = found + (extent.addr == la.find(buffer).extent.addr and 1 or 0)
    end
    test.equal(found, 1)
    test.equal(next(arena:extents_summary()) ~= nil, true)
    test.raises("no condition", arena.extents, arena, { stat = 1 })
end)

test("create with settings, use, destroy", function()
    local arena = assert(la.arena.create { dirty_decay_ms = "2s", muzzy_decay_ms = 0 })
    test.equal(la.get(("arena.%d.dirty_decay_ms"):format(arena.index)), 2000)
    test.equal(la.get(("arena.%d.muzzy_decay_ms"):format(arena.index)), 0)
    test.equal(la.arena(arena.index) == arena, true)
    test.equal(arena:stats().narenas, 1)
    assert(arena:reset())
    assert(arena:destroy())
end)

test("create without settings", function()
    local arena = assert(la.arena.create())
    assert(arena:destroy())
end)

test("create refuses bad settings and leaves no arena behind", function()
    local before = #la.arenas()
    test.fails("ENOENT", "dirty_decay_mss", la.arena.create { dirty_decay_mss = 1 })
    test.fails("EINVAL", "dirty_decay_ms", la.arena.create { dirty_decay_ms = "soon" })
    test.fails("EPERM", "purge", la.arena.create { purge = 1 })
    test.raises("name of a setting expected", la.arena.create, { 1 })
    test.raises("table of settings expected", la.arena.create, 1)
    test.equal(#la.arenas(), before)
end)

test("bind moves this thread's allocation", function()
    local old = assert(la.get "thread.arena")
    local arena = assert(la.arena.create {})
    assert(arena:bind())
    test.equal(la.get "thread.arena", arena.index)
    do
        local buffer <close> = assert(la.buffer "300K")
        test.equal(la.find(buffer).arena, arena.index)
    end
    assert(la.arena(old):bind())
    test.equal(la.get "thread.arena", old)
end)
