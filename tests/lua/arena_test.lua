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
    test.fails("ENOENT", "no arena 99999: an index is 0 to %d+", la.arena(99999))
    test.fails("ENOENT", "no arena %-1", la.arena(-1))
    test.raises("arena_test.lua:%d+: bad argument #1 to 'arena' %(an index expected, got nil", function()
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
    test.equal(select("#", la.extents_summary { by = "state" }), 1) -- a prompt shows each value
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

test("an index past the last arena", function()
    local narenas = la.get "arenas.narenas"
    local range = ("an index is 0 to %d$"):format(narenas - 1)
    test.fails("ENOENT", range, la.arena(narenas))
    test.fails("ENOENT", range, la.arena(-1))
    test.fails("ENOENT", range, la.arena(math.mininteger))
    assert(la.arena(narenas - 1) or narenas > 1)
end)

test("an arena's extents are its own", function()
    local used <close> = assert(la.buffer "64K")
    local arena = assert(la.arena.create {})
    local index = la.find(used).arena
    local n = 0
    for extent in la.arena(index):extents() do
        test.equal(extent.arena, index)
        n = n + 1
    end
    test.equal(n > 0, true)
    for _ in arena:extents() do
        error "a new arena has none"
    end
    test.equal(next(arena:extents_summary { by = "arena" }), nil)
    test.equal(la.arena(index):extents_summary({ by = "arena" })[arena.index], nil)
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

--- What an operation on a wrong arena could change.
local function picture()
    local parts = { la.get "arenas.narenas", la.get "arenas.nauto", la.get "thread.arena" }
    for _, arena in ipairs(assert(la.arenas())) do
        for _, name in ipairs { "dirty_decay_ms", "muzzy_decay_ms", "dirty_max" } do
            name = ("arena.%d.%s"):format(arena.index, name)
            parts[#parts + 1] = ("%s=%s"):format(name, la.get(name))
        end
    end
    return table.concat(parts, " ")
end

--- Setting (or doing, without a value) fails with this code and message, and changes nothing.
local function refused(code, message, name, value)
    local before = picture()
    test.fails(code, message, la.set(name, value))
    test.equal(picture(), before, name)
end

test("arenas that are not there", function()
    local none = la.get "arenas.narenas"
    for _, index in ipairs { none, 4000, 4097, 99999 } do
        local message = ("there is no arena %d; allowed: 0 to %d"):format(index, none - 1)
        refused("ENOENT", message, ("arena.%d.dirty_decay_ms"):format(index), 1)
        refused("ENOENT", message, ("arena.%d.dirty_max"):format(index), "1M")
        for _, action in ipairs { "decay", "purge", "reset", "destroy" } do
            refused("ENOENT", message, ("arena.%d.%s"):format(index, action))
        end
        test.fails("ENOENT", message, la.get(("arena.%d.dirty_decay_ms"):format(index)))
        if index ~= 4097 then -- of statistics: the destroyed ones
            test.fails("ENOENT", message, la.get(("stats.arenas.%d.active"):format(index)))
        end
        refused("EINVAL", message, "thread.arena", index)
    end
    refused("ENOENT", "no control 'arena.%-1.purge'", "arena.-1.purge")
end)

test("all arenas where one is meant", function()
    refused("EINVAL", "4096 means all arenas, and this takes one", "arena.4096.reset")
    refused("EINVAL", "4096 means all arenas, and this takes one", "arena.4096.destroy")
    refused("EINVAL", "4096 means all arenas, and this takes one", "thread.arena", 4096)
    test.fails("ENOENT", "4096 means all arenas, and this takes one", la.get "arena.4096.dirty_decay_ms")
    test.equal(la.set "arena.4096.purge", true)
end)

test("automatic arenas and arenas in use are not reset or destroyed", function()
    refused("EINVAL", "only manual arenas", "arena.0.reset")
    refused("EINVAL", "only manual arenas", "arena.0.destroy")
    local old = assert(la.get "thread.arena")
    local arena = assert(la.arena.create {})
    assert(arena:bind())
    refused("EAGAIN", "threads are bound to this arena; bind them", ("arena.%d.reset"):format(arena.index))
    test.fails("EAGAIN", "threads are bound to this arena; bind them", arena:destroy())
    assert(la.arena(old):bind())
    -- Not destroyed: where the allocator is this interpreter's own, the arena now holds some of its objects.
end)

test("an arena that was destroyed", function()
    local arena, last = assert(la.arena.create {}), assert(la.arena.create {})
    assert(arena:destroy())
    refused("ENOENT", "there is no arena %d+, it was destroyed", ("arena.%d.purge"):format(arena.index))
    test.fails("ENOENT", "it was destroyed", arena:destroy())
    assert(last:destroy())
end)

test("the number of automatic arenas", function()
    local nauto = la.get "arenas.nauto"
    for _, wrong in ipairs { 0, 257, -1, "many" } do
        refused("EINVAL", "allowed: a number from 1 to 256", "arenas.nauto", wrong)
    end
    assert(la.set("arenas.nauto", 8))
    test.equal(la.get "arenas.nauto", 8)
    assert(la.set("arenas.nauto", nauto))
end)

-- Blocks of which a few stay, spread over many slabs; the calling thread's arena.
local function spread(n, size)
    local blocks, kept = {}, {}
    for i = 1, n do
        blocks[i] = la.buffer(size)
        blocks[i]:fill(7)
    end
    for i, block in ipairs(blocks) do
        if i % 18 == 0 then
            kept[#kept + 1] = block
        else
            block:free()
        end
    end
    la.set "thread.tcache.flush"
    return kept, la.get "thread.arena"
end

test("purge_slabs gives back pages of slabs in part use", function()
    local kept, index = spread(20000, 448)
    local before, purged = la.reconcile().active.resident, la.arena(index):stats().purged
    test.equal(la.set(("arena.%d.purge_slabs"):format(index)), true)
    local given = la.arena(index):stats().purged - purged
    local less = before - la.reconcile().active.resident
    for _, block in ipairs(kept) do
        block:free()
    end
    if given == 0 and la.get "config.debug" then
        test.skip "under VirtualAlloc's rules no page of a slab can be given back"
    end
    test.equal(given > 2 << 20, true, "counted " .. given)
    test.equal(less > given // 2, true, "resident")
end)

test("free pages of slabs go back after slab_decay_ms, and at once by a purge", function()
    local kept, index = spread(20000, 448)
    local decay = ("arena.%d.slab_decay_ms"):format(index)
    local old = la.get(decay)
    local before = la.arena(index):stats()
    local guard <close> = assert(la.with { [decay] = 0 })
    local after = la.arena(index):stats()
    local skips = after.discarded == 0 and la.get "config.debug"
    if not skips then
        test.equal(after.discarded - before.discarded > 2 << 20, true, "discarded " .. after.discarded)
        test.equal(before.active - after.active > (after.discarded - before.discarded) * 9 // 10, true, "active")
        local walked = 0
        for extent in la.extents { arena = index, slab = true } do
            walked = walked + extent.discarded
        end
        test.equal(walked > 2 << 20, true, "walked " .. walked)
    end
    assert(la.set(decay, -1))
    for _, block in ipairs(kept) do
        block:free()
    end
    kept = spread(20000, 448)
    local aged = la.arena(index):stats().discarded
    test.equal(la.set(("arena.%d.purge"):format(index)), true)
    test.equal(skips or la.arena(index):stats().discarded > aged, true, "by a purge")
    for _, block in ipairs(kept) do
        block:free()
    end
    guard:restore()
    test.equal(la.get(decay), old)
    if skips then
        test.skip "under VirtualAlloc's rules no page of a slab can be given back"
    end
end)

test("purge_slabs takes a manual arena, which can be destroyed afterwards", function()
    local arena = assert(la.arena.create {})
    test.equal(la.set(("arena.%d.purge_slabs"):format(arena.index)), true)
    test.equal(arena:stats().nthreads, 0)
    test.equal(arena:destroy(), true)
end)
