-- extents, extents_summary, find, size classes.

local test = ...
local la = require "lunalloc"
local core = require "lunalloc.core"

local FIELDS <const> = "addr:integer size:integer state:string arena:integer szind:integer? slab:boolean " ..
    "nfree:integer nregs:integer discarded:integer sn:integer is_head:boolean committed:boolean " ..
    "zeroed:boolean lru:integer"
local STATES <const> = { active = true, dirty = true, muzzy = true, retained = true, busy = true }

-- Something of every kind: slabs, a large block, and free pages.
local small, large = assert(la.buffer(100)), assert(la.buffer "256K")
do
    local _ <close> = assert(la.buffer "1M"):fill(1)
end

test("every extent has the documented fields", function()
    local n = 0
    for extent in la.extents() do
        test.shape(extent, FIELDS)
        test.equal(STATES[extent.state], true, extent.state)
        test.equal(extent.szind ~= nil, extent.state == "active", "szind of an extent that is " .. extent.state)
        test.equal(extent.size > 0 and extent.size % 4096 == 0, true, "size")
        test.equal(extent.nfree <= extent.nregs, true, "nfree")
        n = n + 1
    end
    test.equal(n > 0, true)
end)

test("extents can be filtered", function()
    local function each(filter, check)
        local n = 0
        for extent in la.extents(filter) do
            test.equal(check(extent), true)
            n = n + 1
        end
        return n
    end
    test.equal(each({ state = "active" }, function(e) return e.state == "active" end) > 0, true)
    test.equal(each({ slab = true }, function(e) return e.slab and e.nregs > 0 end) > 0, true)
    each({ slab = false }, function(e) return not e.slab and e.nregs == 0 end)
    test.equal(each({ min_size = "256K" }, function(e) return e.size >= 256 << 10 end) > 0, true)
    each({ arena = 0 }, function(e) return e.arena == 0 end)
    local szind = la.sizeclass(100)
    test.equal(each({ szind = szind }, function(e) return e.szind == szind end) > 0, true)
    each({ arena = 0, state = "dirty", min_size = 8192 }, function(e)
        return e.arena == 0 and e.state == "dirty" and e.size >= 8192
    end)
    test.equal(each({ min_size = 1 << 62 }, function() return false end), 0)
end)

test("bad filters", function()
    test.raises("extents_test.lua:%d+: extents: no condition 'stat'; did you mean 'state'%?", function()
        la.extents { stat = "dirty" }
    end)
    test.raises("extents_test.lua:%d+: extents: no state 'drity'; did you mean 'dirty'%?", function()
        la.extents { state = "drity" }
    end)
    test.raises("slab must be true or false", la.extents, { slab = 1 })
    test.raises("arena must be an index", la.extents, { arena = -1 })
    test.raises("arena must be an index", la.extents, { arena = "0" })
    test.raises("szind must be an index", la.extents, { szind = 1.5 })
    test.raises("table of conditions expected", la.extents, 0)
    test.raises("no condition 'by'", la.extents, { by = "state" })
    test.raises("extents_test.lua:%d+: extents: bad size 'big'", function()
        for _ in la.extents { min_size = "big" } do end
    end)
    test.raises("extents_test.lua:%d+: extents: no arena 99999: an index is 0 to %d+", function()
        for _ in la.extents { arena = 99999 } do end
    end)
    test.raises("extents_test.lua:%d+: extents: bad size 'big'", function()
        return #la.extents_summary { min_size = "big" }
    end)
end)

test("an iteration closed early is over", function()
    local _, walker = la.extents()
    for _ in la.extents() do
        break
    end
    assert(walker:next())
    getmetatable(walker).__close(walker)
    test.equal(walker:next(), nil)
    test.match(tostring(walker), "ended")
    for _, early in la.extents() do
        test.equal(early, nil)
        collectgarbage()
        break
    end
end)

test("Lua may allocate, collect and walk again inside a walk", function()
    local n = 0
    for _ in la.extents() do
        la.buffer(4096):fill(n % 256)
        for _ in la.extents { state = "active" } do
            break
        end
        n = n + 1
        if n % 100 == 0 then
            collectgarbage()
        end
        if n == 2000 then
            break
        end
    end
    test.equal(n > 0, true)
end)

local function summed(groups)
    local count, bytes = 0, 0
    for _, group in pairs(groups) do
        test.shape(group, "count:integer bytes:integer")
        count, bytes = count + group.count, bytes + group.bytes
    end
    return count, bytes
end

test("extents_summary", function()
    local by_state = assert(la.extents_summary())
    test.equal(by_state.active.count > 0, true)
    for state in pairs(by_state) do
        test.equal(STATES[state], true, state)
    end
    for _, by in ipairs { "state", "arena", "szind", "slab", "is_head", "size", "sn", "committed" } do
        test.equal(summed(assert(la.extents_summary { by = by })) > 0, true, by)
    end
    test.equal(assert(la.extents_summary { by = "slab" })[true].count > 0, true)
    local active = assert(la.extents_summary { by = "slab", state = "active", min_size = "128K" })
    test.equal(active[false].bytes >= 256 << 10, true)
    test.raises("no field 'stat'; did you mean 'state'%?", la.extents_summary, { by = "stat" })
    test.raises("no condition 'bye'", la.extents_summary, { bye = "state" })
end)

test("one batch agrees with its arena's own totals", function()
    for _, arena in ipairs(la.arenas()) do
        local list, totals = core.walk(arena.index, 1 << 18)
        local bytes = { active = 0, dirty = 0, muzzy = 0, retained = 0 }
        for _, extent in ipairs(list) do
            local state = extent.state == "busy" and "active" or extent.state
            bytes[state] = bytes[state] + extent.size
        end
        test.equal(totals.arena, arena.index)
        for state, sum in pairs(bytes) do
            test.equal(sum, totals[state], ("arena %d, %s"):format(arena.index, state))
        end
        test.equal(totals.mapped, totals.active + totals.dirty + totals.muzzy)
    end
end)

test("core.walk checks its arguments", function()
    test.raises("arena expected", core.walk)
    test.raises("extents expected", core.walk, 0, 0)
    test.raises("extents expected", core.walk, 0, 1 << 40)
end)

test("sizeclasses", function()
    local fields = "index:integer size:integer slab_size:integer nregs:integer lg_group:integer lg_delta:integer " ..
        "ndelta:integer cached_max:integer max_waste:float"
    local classes = assert(la.sizeclasses())
    test.equal(#classes > 40, true)
    for i, class in ipairs(classes) do
        test.shape(class, fields)
        test.equal(class.index, i - 1)
        test.equal(i == 1 or class.size > classes[i - 1].size, true, "ascending")
        test.equal(class.max_waste >= 0 and class.max_waste < 1, true, "waste of class " .. class.index)
        test.equal((class.slab_size > 0), (class.nregs > 0))
    end
end)

test("sizeclass", function()
    for _, request in ipairs { 0, 1, 100, 4096, "64K", "1.5M", 100.0 } do
        local index, size = la.sizeclass(request)
        test.equal(la.sizeclasses()[index + 1].size, size)
    end
    local index, size = la.sizeclass "64K"
    test.equal(size, 65536)
    test.equal(index, (la.sizeclass(65536)))
    test.equal(la.sizeclass(100) <= la.sizeclass(101), true)
    test.fails("EINVAL", "bad size '%-1'", la.sizeclass(-1))
    test.fails("EINVAL", "bad size '1.5'", la.sizeclass(1.5))
    test.fails("EINVAL", "bad size '64Q'", la.sizeclass "64Q")
    test.fails("EINVAL", "bad size '99999999999T'", la.sizeclass "99999999999T")
    test.fails("ENOENT", "no size class for", la.sizeclass(math.maxinteger))
    test.raises("size .* expected, got table", la.sizeclass, {})
    test.raises("size .* expected, got no value", la.sizeclass)
end)

--- More than two batches of extents, by address.
local function many()
    local buffers, by_address = {}, {}
    for i = 1, 600 do
        buffers[i] = assert(la.buffer "64K")
        by_address[la.find(buffers[i]).extent.addr] = 0
    end
    return buffers, by_address
end

test("each of many extents is met once", function()
    local buffers, met = many()
    for extent in la.extents() do
        if met[extent.addr] then
            met[extent.addr] = met[extent.addr] + 1
        end
    end
    for address, n in pairs(met) do
        test.equal(n, 1, ("extent at 0x%x"):format(address))
    end
    local szind = la.sizeclass "64K"
    local group = la.extents_summary { by = "szind" }[szind]
    test.equal(group.count >= 600, true)
    test.equal(group.bytes >= 600 << 16, true)
    test.equal(group.bytes, group.count * la.find(buffers[1]).extent.size)
end)

test("a size is a lower bound, itself included", function()
    local extent = la.find(large).extent
    local function met(size)
        for candidate in la.extents { min_size = size, state = "active" } do
            if candidate.addr == extent.addr then
                return true
            end
        end
        return false
    end
    test.equal(met(extent.size - 1), true)
    test.equal(met(extent.size), true)
    test.equal(met(extent.size + 1), false)
end)

test("find", function()
    local at = assert(la.find(small))
    test.shape(at, "extent:table state:string arena:integer allocated:boolean class:table szind:integer " ..
        "region:integer region_addr:integer region_size:integer")
    test.equal(at.state, "active")
    test.equal(at.allocated, true)
    test.equal(at.region_addr, small:addr())
    test.equal(at.region_size >= 100, true)
    test.shape(at.extent, FIELDS)
    local inside = assert(la.find(large:addr() + 5000))
    test.equal(inside.extent.size >= 256 << 10, true)
    test.equal(inside.extent.slab, false)
end)

test("a freed block is not allocated once the cache is flushed", function()
    local kept, freed = assert(la.buffer(5000)), assert(la.buffer(5000))
    local address = freed:addr()
    test.equal(la.find(address).allocated, true)
    freed:free()
    test.equal(la.set "thread.tcache.flush", true)
    test.equal(la.find(kept).allocated, true)
    local at = la.find(address)
    test.equal(at == nil or at.allocated == false or la.replaced, true)
end)

test("the largest size class is named", function()
    local classes = la.sizeclasses()
    local largest = classes[#classes].size
    test.fails("ENOENT", ("no size class for %d bytes; the largest holds %d$"):format(largest + 1, largest),
        la.sizeclass(largest + 1))
    test.equal(select(2, la.sizeclass(largest)), largest)
end)

test("find fails on what is not ours", function()
    test.fails("ENOENT", "no memory of this allocator", la.find(0))
    test.fails("ENOENT", "no memory of this allocator", la.find(4096))
    test.raises("address .* expected, got string", la.find, "x")
    test.raises("address .* expected, got no value", la.find)
    test.raises("address .* expected", la.find, io.stdout)
    local freed = la.buffer(10)
    freed:free()
    test.raises("was freed", la.find, freed)
end)

test("fields: the tables have these only", function()
    local _block <close> = la.buffer "1M"
    for extent in la.extents { fields = { "size", "szind", "state" }, state = "active" } do
        test.shape(extent, "size:integer szind:integer? state:string")
        test.equal(extent.state, "active")
    end
    local _, walker <close> = la.extents { fields = { "addr" } }
    local t = { size = "mine" }
    assert(walker:fill(t))
    test.equal(t.size, "mine")
    test.equal(math.type(t.addr), "integer")
    for _, bad in ipairs { {}, "size", 5, { "sise" }, { 1 }, { "size", false } } do
        test.raises("extents_test.lua:%d+: extents: ", function()
            for _ in la.extents { fields = bad } do
                error "it is accepted"
            end
        end)
    end
end)

test("an extent is a record that cannot be changed", function()
    local _block <close> = la.buffer "1M"
    local _, walker <close> = la.extents { state = "active", min_size = "1M" }
    local _, twin <close> = la.extents { state = "active", min_size = "1M" }
    local extent, copy, filled = walker:next(), {}, {}
    test.equal(type(extent), "userdata")
    test.equal(twin:fill(filled), true)
    for name, value in pairs(extent) do
        copy[name] = value
        test.equal(value, extent[name], name)
        test.equal(value, filled[name], name)
    end
    test.equal(next(copy) ~= nil and copy.szind ~= nil, true)
    test.equal(extent.nonsense, nil)
    test.equal(extent[1], nil)
    test.match(tostring(extent), "^extent: arena %d+, 0x%x+, %d+ bytes, active$")
    test.raises("extents_test.lua:%d+: an extent cannot be changed", function()
        extent.size = 1
    end)
    local index = getmetatable(extent).__index
    for _, other in ipairs { 5, "x", {}, walker, io.stdout, ("x"):rep(104) } do
        test.raises("bad self", index, other, "size")
    end
    test.raises("bad self", index)
end)

test("summaries by a field with few values agree with those by one with many", function()
    local _blocks = { la.buffer "1M", la.buffer "2M", la.buffer(100) }
    for _, by in ipairs { "state", "szind", "arena", "slab", "is_head", "committed", "zeroed" } do
        local counted = {}
        for extent in la.extents { arena = 0 } do
            local key = extent[by]
            if key == nil then
                key = "none"
            end
            counted[key] = (counted[key] or 0) + extent.size
        end
        for key, group in pairs(la.extents_summary { by = by, arena = 0 }) do
            test.equal(group.bytes > 0 and group.count > 0, true)
            test.equal(counted[key] ~= nil, true, by .. " " .. tostring(key))
        end
    end
end)
