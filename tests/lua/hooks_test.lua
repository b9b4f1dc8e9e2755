-- Arenas with counting hooks.

local test = ...
local la = require "lunalloc"

local kinds = { "alloc", "dalloc", "destroy", "commit", "decommit", "purge_lazy", "purge_forced", "split", "merge" }

local function create(settings)
    settings = settings or {}
    settings.hooks = "counting"
    return assert(la.arena.create(settings))
end

--- Runs body() with this thread bound to the arena. Where the allocator is the process's malloc, some of the Lua
--- state's own memory comes from that arena too, which must then not be destroyed.
local function bound(arena, body)
    local old = assert(la.get "thread.arena")
    assert(arena:bind())
    local ok, problem = pcall(body)
    assert(la.arena(old):bind())
    assert(ok, problem)
    if not la.replaced then
        assert(arena:destroy())
    end
end

test("counts of a new arena are 0, and of every kind", function()
    local arena = create()
    local counts = assert(arena:hooks())
    local fields = table.concat(kinds, ":integer ") .. ":integer"
    test.shape(counts, fields .. " bytes:table")
    test.shape(counts.bytes, fields)
    for _, kind in ipairs(kinds) do
        test.equal(counts[kind], 0, kind)
        test.equal(counts.bytes[kind], 0, kind)
    end
    assert(arena:destroy())
end)

test("an index that is used again counts from 0", function()
    if la.replaced then
        test.skip "an arena that was used cannot be destroyed here"
    end
    local used = create()
    bound(used, function()
        local buffer <close> = assert(la.buffer "3M")
        test.equal(used:hooks().alloc >= 1, true)
        test.equal(used:hooks().bytes.alloc > 0, true)
    end)
    local again = create()
    test.equal(again.index, used.index)
    for _, kind in ipairs(kinds) do
        test.equal(again:hooks()[kind], 0, kind)
        test.equal(again:hooks().bytes[kind], 0, kind)
    end
    assert(again:destroy())
end)

test("regions, cuts and purges are counted, with their bytes", function()
    local arena = create { dirty_decay_ms = -1, muzzy_decay_ms = 0 }
    bound(arena, function()
        local buffer = assert(la.buffer "3M")
        buffer:fill(1)
        local counts = arena:hooks()
        test.equal(counts.alloc >= 1, true)
        test.equal(counts.bytes.alloc >= 3 * 2 ^ 20, true)
        test.equal(counts.purge_forced + counts.purge_lazy + counts.decommit, 0)
        buffer:free()
        assert(arena:purge())
        counts = arena:hooks()
        test.equal(counts.purge_forced + counts.decommit >= 1, true)
        -- not all of it: the state's own tables may be there by now
        test.equal(counts.bytes.purge_forced + counts.bytes.decommit >= 2 * 2 ^ 20, true)
        test.equal(counts.destroy, 0)
        local stats, bytes = arena:stats(), arena:hooks().bytes -- a region that is wholly free goes back
        test.equal(bytes.alloc - bytes.dalloc, math.tointeger(stats.mapped + stats.retained))
    end)
end)

test("every arena has counts of its own, which start at 0 when an index is used again", function()
    local arena, other = create(), create()
    bound(arena, function()
        local buffer <close> = assert(la.buffer "300K")
        test.equal(arena:hooks().alloc >= 1, true)
        test.equal(other:hooks().alloc, 0)
    end)
    assert(other:destroy())
    local again = create()
    test.equal(again.index, la.replaced and other.index or arena.index)
    test.equal(again:hooks().alloc, 0)
    assert(again:destroy())
end)

test("hooks outlive the Lua object of their arena", function()
    local index = create().index
    collectgarbage()
    local arena = assert(la.arena(index))
    bound(arena, function()
        local buffer <close> = assert(la.buffer "300K")
        test.equal(arena:hooks().alloc >= 1, true)
    end)
end)

test("no counts without counting hooks", function()
    test.equal(la.arena(0):hooks(), nil)
    local arena = assert(la.arena.create {})
    test.equal(arena:hooks(), nil)
    assert(arena:destroy())
    test.fails("ENOENT", "arena", arena:hooks())
end)

test("unknown hooks raise and leave no arena behind", function()
    local before = #la.arenas()
    local where, what = "hooks_test.lua:%d+: ", "bad argument #1 to 'arena.create' "
    test.raises(where .. what .. "%(there are no hooks 'couting'; allowed: 'counting'%)", function()
        la.arena.create { hooks = "couting" }
    end)
    test.raises("'hooks' takes a boolean, number or string, not table", la.arena.create, { hooks = {} })
    test.raises("no hooks false; allowed: 'counting'", la.arena.create, { hooks = false })
    test.fails("EINVAL", "dirty_decay_ms", la.arena.create { hooks = "counting", dirty_decay_ms = "soon" })
    test.equal(#la.arenas(), before)
end)

test("settings that are false reach the arena", function()
    test.fails("EINVAL", "dirty_decay_ms", la.arena.create { dirty_decay_ms = false })
end)
