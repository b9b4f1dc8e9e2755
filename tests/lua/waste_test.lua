-- Waste by arena, class and stack.

local test = ...
local la = require "lunalloc"

local parts <const> = { "free", "rest", "cached", "dirty", "muzzy" }

--- Every row is the sum of its columns, and the total that of the rows; the largest stands first.
local function check_sums(waste)
    local total = 0
    for i, row in ipairs(waste) do
        local bytes = 0
        for _, part in ipairs(parts) do
            test.equal(math.type(row[part]), "integer", part)
            test.equal(row[part] >= 0, true, part)
            bytes = bytes + row[part]
        end
        test.equal(row.bytes, bytes, "row " .. i)
        test.equal(i == 1 or waste[i - 1].bytes >= bytes, true, "order")
        total = total + bytes
    end
    test.equal(waste.total, total, "total")
end

local function row_of(waste, name, value)
    for _, row in ipairs(waste) do
        if row[name] == value then
            return row
        end
    end
end

--- Blocks of which only one in `keep` stays. Returns those that stay.
local function sparse(n, size, keep)
    local blocks, kept = {}, {}
    for i = 1, n do
        blocks[i] = assert(la.buffer(size))
    end
    for i, block in ipairs(blocks) do
        if i % keep == 0 then
            kept[#kept + 1] = block
        else
            block:free()
        end
    end
    return kept
end

--- The bytes of free regions in all rows.
local function free_in(waste)
    local sum = 0
    for _, row in ipairs(waste) do
        sum = sum + row.free
    end
    return sum
end

local function free_of(by)
    return free_in(assert(la.waste { by = by }))
end

local function free(blocks)
    for _, block in ipairs(blocks) do
        block:free()
    end
end

test("rows add up, exactly", function()
    local kept = sparse(4000, 448, 64)
    for _, by in ipairs { "arena", "class", "stack" } do
        local waste = assert(la.waste { by = by })
        test.equal(waste.by, by)
        check_sums(waste)
    end
    test.equal(la.waste().by, "arena")
    free(kept)
end)

test("free regions are found by class and by arena", function()
    local szind, size = la.sizeclass(448)
    local before = row_of(la.waste { by = "class" }, "szind", szind)
    local arena = la.get "thread.arena"
    local held = row_of(la.waste(), "arena", arena).free
    local kept = sparse(64000, 448, 18)
    local row = row_of(la.waste { by = "class" }, "szind", szind)
    local more = row.free + row.cached - (before and before.free + before.cached or 0)
    test.equal(row.size, size)
    local class, stats = la.sizeclasses()[szind + 1], la.stats().classes[szind]
    local slab_end = class.slab_size - class.nregs * size
    -- the two are of two moments: Lua itself may have taken or left a slab in between
    test.equal(math.abs(row.rest // slab_end - stats.nslabs) <= 4, true, "ends of slabs")
    test.equal(row.rest % slab_end, 0)
    test.equal(more > 50000 * size and more < 66000 * size, true, ("free and cached of class 448 (%d)"):format(more))
    test.equal(row_of(la.waste(), "arena", arena).free - held > 45000 * size, true, "free of the arena")
    free(kept)
end)

test("dirty pages are in no class", function()
    local _ <close> = assert(la.with { [("arena.%d.dirty_decay_ms"):format(la.get "thread.arena")] = -1 })
    la.buffer("8M"):free()
    local row = row_of(la.waste { by = "class" }, "what", "free pages")
    test.equal(row.dirty >= 7 << 20, true, "dirty")
    test.equal(row.free, 0)
    la.set "arena.4096.purge"
end)

test("stacks are charged for what their old objects pin", function()
    la.prof.start { lg_sample = 14 }
    local kept = sparse(32000, 640, 12)
    local before = free_of "class"
    local waste = assert(la.waste { by = "stack" })
    local after = free_of "class"
    local charged, unexplained = 0, row_of(waste, "what", "unexplained")
    local szind = la.sizeclass(640)
    for _, row in ipairs(waste) do
        if row.stack and row.szind == szind then
            charged = charged + row.free
            test.equal(type(row.stack[1]), "string")
            test.equal(row.samples >= 1 and row.oldest >= 0, true)
        end
    end
    check_sums(waste)
    local class = row_of(la.waste { by = "class" }, "szind", szind)
    test.equal(charged > 0.4 * class.free, true, ("charged (%d of %d)"):format(charged, class.free))
    test.equal(unexplained ~= nil and unexplained.free > 0, true)
    -- Lua's own memory grows and shrinks meanwhile
    local least, most, by_stack = math.min(before, after), math.max(before, after), free_in(waste)
    test.equal(by_stack > 0.9 * least and by_stack < 1.1 * most, true,
        ("%d, by class %d and %d"):format(by_stack, before, after))
    local none = la.waste { by = "stack", min_age = "1h" }
    test.equal(row_of(none, "szind", szind), nil, "younger than an hour")
    check_sums(none)
    la.prof.stop()
    la.prof.reset()
    free(kept)
end)

--- Blocks that another stack allocates than those of sparse(): pcall is in it.
local function dense(n, size)
    local blocks = {}
    for i = 1, n do
        blocks[i] = assert(select(2, pcall(la.buffer, size)))
    end
    return blocks
end

--- Bytes charged to the stack with most samples of a class, and to the others.
local function charged(waste, szind)
    local main, others = nil, 0
    for _, row in ipairs(waste) do
        if row.stack and row.szind == szind then
            main, others = not main and row or row.samples > main.samples and row or main, others + row.free
        end
    end
    return main.free, others - main.free
end

-- There are 40 times as many blocks in full slabs, and they are older.
test("what slabs hold is charged to those whose blocks lie in sparse ones", function()
    la.set "thread.tcache.flush"
    la.prof.start { lg_sample = 13 }
    local full = dense(20000, 1280)
    local kept = sparse(20000, 1280, 40)
    la.set "thread.tcache.flush"
    local waste, szind = assert(la.waste { by = "stack" }), la.sizeclass(1280)
    check_sums(waste)
    local by_full, by_sparse = charged(waste, szind)
    test.equal(by_sparse > 4 * by_full and by_sparse > 1 << 20, true, ("sparse %d, full %d"):format(by_sparse, by_full))
    local placed, n = 0, 0
    for sample in la.prof.samples():class(szind) do
        n, placed = n + 1, placed + (sample.place and 1 or 0)
        test.equal(sample.place ~= sample.addr, true, "place")
    end
    test.equal(placed > n // 2, true, ("%d of %d samples have a place"):format(placed, n))
    la.prof.stop()
    la.prof.reset()
    free(kept)
    free(full)
end)

test("waste is shown as lines, with its total", function()
    local text = tostring(la.waste { by = "class" })
    test.match(text, "^ +bytes +free +rest +cached +dirty +muzzy  class\n")
    test.match(text, "\n +[%d.]+ %a+  in all$")
    test.match(tostring(la.waste()), "  arena 0\n")
end)

test("misuse is reported at the caller's line", function()
    test.raises("waste_test.lua:%d+: bad argument #1 to 'waste' %(by is one of arena, class, stack, not 'size'%)",
        function() la.waste { by = "size" } end)
    test.raises("waste_test.lua:%d+: bad argument #1 to 'waste' %(no option 'age'%)",
        function() la.waste { age = 1 } end)
    test.raises("waste_test.lua:%d+: bad argument #1 to 'waste' %(a table of options expected, got number%)",
        function() la.waste(1) end)
    test.raises("waste_test.lua:%d+: bad argument #1 to 'waste' %(min_age is a number of seconds, or",
        function() la.waste { by = "stack", min_age = "old" } end)
end)
