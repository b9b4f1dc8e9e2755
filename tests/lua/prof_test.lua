-- Profiling from Lua.

local test = ...
local la = require "lunalloc"

--- Blocks of one size, which live until they are freed.
local function allocate(n, size)
    local blocks = {}
    for i = 1, n do
        blocks[i] = assert(la.buffer(size))
    end
    return blocks
end

local function free(blocks)
    for _, block in ipairs(blocks) do
        block:free()
    end
end

local function group_of(groups, name, value)
    for _, group in ipairs(groups) do
        if group[name] == value then
            return group
        end
    end
end

test("what lives is estimated by class", function()
    local szind, size = la.sizeclass(100000)
    test.equal(la.prof.start { lg_sample = 14 }, true)
    test.equal(la.get "prof.active", true)
    local blocks = allocate(300, 100000)
    local group = assert(group_of(assert(la.prof.top { by = "class", n = 1000 }), "szind", szind))
    test.equal(group.size, size)
    test.equal(group.samples > 250 and group.samples <= 300, true, "samples")
    test.equal(group.objects > 270 and group.objects < 330, true, "objects")
    test.equal(group.bytes > 270 * size and group.bytes < 330 * size, true, "bytes")
    free(blocks)
    local after = group_of(la.prof.top { by = "class", n = 1000 }, "szind", szind)
    test.equal(after, nil, "after they were freed")
    test.equal(la.prof.stop(), true)
end)

test("groups by stack, arena and thread; the largest first", function()
    la.prof.start { lg_sample = 10 }
    local blocks = allocate(50, 70000)
    for _, by in ipairs { "stack", "arena", "thread" } do
        local groups = la.prof.top { by = by, n = 3 }
        test.equal(#groups >= 1 and #groups <= 3, true, by)
        for i = 2, #groups do
            test.equal(groups[i - 1].bytes >= groups[i].bytes, true, "order")
        end
    end
    local stack = la.prof.top { by = "stack" }[1].stack
    test.equal(#stack > 2, true)
    test.match(stack[1], "%+0x%x+")
    test.equal(math.type(la.prof.top { by = "arena" }[1].arena), "integer")
    free(blocks)
    la.prof.stop()
end)

test("one large sample among many small ones comes first", function()
    assert(la.prof.start { lg_sample = 10 })
    local small, large = allocate(3000, 100), allocate(1, "8M")
    local groups = assert(la.prof.top { by = "class", n = 1000 })
    local szind, size = la.sizeclass "8M"
    test.equal(groups[1].szind, szind)
    test.equal(groups[1].samples, 1)
    test.equal(groups[1].bytes >= size, true)
    local others = assert(group_of(groups, "szind", (la.sizeclass(100))))
    test.equal(others.samples > 50, true)
    test.equal(others.bytes > 150000 and others.bytes < 600000, true, "bytes of the small ones")
    test.equal(others.objects > others.samples, true)
    for i = 2, #groups do
        test.equal(groups[i - 1].bytes >= groups[i].bytes, true, "order")
    end
    test.equal(#la.prof.top { by = "class", n = 1 }, 1)
    test.equal(la.prof.top({ by = "class", n = 1 })[1].szind, szind)
    test.equal(#la.prof.top { by = "class", n = 0 }, 0)
    free(small)
    free(large)
    assert(la.prof.stop())
end)

test("only what is old enough", function()
    la.prof.start { lg_sample = 0 }
    local blocks = allocate(10, 70000)
    test.equal(#la.prof.top { min_age = "1h" }, 0)
    test.equal(#la.prof.top { min_age = 0 } >= 1, true)
    test.equal(la.prof.top { min_age = "0ms" }[1].oldest >= 0, true)
    free(blocks)
    la.prof.stop()
end)

test("dumps, and why there is none", function()
    local path = os.tmpname()
    test.equal(la.prof.dump(path), true)
    local file <close> = assert(io.open(path))
    test.match(file:read "l", "^heap profile: %d+: %d+ %[0: 0%] @ heap_v2/%d+$")
    os.remove(path)
    local ok, message, code = la.prof.dump "/no/such/folder/file"
    test.equal(ok, nil)
    test.match(message, "there is no such folder")
    test.equal(code, "EFAULT")
end)

test("reset sets the rate, and forgets", function()
    la.prof.start { lg_sample = 0 }
    local blocks = allocate(5, 70000)
    test.equal(la.prof.reset(16), true)
    test.fails("EINVAL", "out of range; allowed: a number from 0 to 63", la.prof.reset(100))
    test.fails("EINVAL", "out of range", la.prof.start{lg_sample = 64})
    test.fails("EINVAL", "out of range", la.prof.reset(-1))
    test.equal(la.get "prof.lg_sample", 16)
    test.equal(la.get "prof.lg_sample", 16)
    test.equal(group_of(la.prof.top { by = "class", n = 1000 }, "szind", (la.sizeclass(70000))), nil)
    test.equal(la.prof.reset(), true)
    test.equal(la.get "prof.lg_sample", 16)
    free(blocks)
    la.prof.stop()
    la.prof.reset(19)
end)

test("addresses by name", function()
    local core = require "lunalloc.core"
    local path = assert(package.searchpath("lunalloc.core", package.cpath))
    local open = assert(package.loadlib(path, "luaopen_lunalloc_core"))
    local address = math.tointeger(tostring(open):match "0x%x+")
    test.equal(core.symbol(address), "luaopen_lunalloc_core+0x0")
    test.equal(core.symbol(address + 5), "luaopen_lunalloc_core+0x5")
    test.equal(core.symbol(16), "0x10")
end)

test("names of functions that are not exported, in files that are loaded later, too", function()
    if not pcall(require, "lunalloc.symbols") then
        test.skip "built without libdw"
    end
    assert(la.prof.start { lg_sample = 0 })
    local buffer <close> = la.buffer(70000)
    local stack = la.prof.samples():size(70000, 90000):top(1)[1].stack
    test.match(stack[1], "^buffer_new%+0x%x+ %(buffer%.c:%d+%)$")
    test.equal(la.get "thread.prof.active", true)
    la.prof.stop()
    la.prof.reset(19)
    test.equal(buffer:size(), 70000)
    local asked, loads = {}, 0
    local name = require("lunalloc.naming").own(function(address)
        asked[#asked + 1] = address
        loads = loads + 1
        return "new.so+0x" .. address
    end)
    test.equal(name(1), "new.so+0x1")
    test.equal(name(1), "new.so+0x1")
    test.equal(loads, 1)
end)

test("collapsed stacks: a file for flame graphs", function()
    local collapsed = require "lunalloc.collapsed"
    local names = { "main+0x1 (main.c:7)", "parse;x+0x1f", "parse;x+0x2f", "build (a.lua:5)", "lib.so+0x10" }
    local lines = collapsed.lines({ { { 2, 3, 1 }, 1, 10 }, { { 3, 1 }, 2, 5 }, { { 4, 5, 1 }, 1, 7 }, { {}, 1, 3 } },
        function(address) return names[address] end)
    test.equal(table.concat(lines, "|"), "? 3|main;lib.so;build (a.lua:5) 7|main;parse:x 15")
    local path = os.tmpname() .. ".collapsed"
    assert(la.prof.start { lg_sample = 0 })
    local buffer <close> = la.buffer(70000)
    test.equal(la.prof.dump(path), true)
    la.prof.stop()
    la.prof.reset(19)
    test.equal(buffer:size(), 70000)
    local found = false
    for line in io.lines(path) do
        test.match(line, "^[^ ].* %d+$")
        found = found or line:find "buffer_new 81920$" ~= nil or line:find "core.so 81920$" ~= nil
    end
    test.equal(found, true)
    os.remove(path)
    os.remove((path:gsub("%.collapsed$", "")))
    test.fails("EFAULT", "/no/such/folder/x.collapsed", la.prof.dump "/no/such/folder/x.collapsed")
end)

-- ---- samples made by hand -----------------------------------------------------------------------------------------

local SECOND <const> = 1000000000

--- The module's profiling over samples of these { age in seconds, size, weight }, in batches of three.
local function prof_over(list)
    local now = 1000000 * SECOND
    local backend = {
        stats = function()
            return { time = now }
        end,
        symbol = function(address)
            return "f" .. address
        end,
        samples = function(place)
            local from, batch = place or 1, {}
            for i = from, math.min(from + 2, #list) do
                local age, size, weight = table.unpack(list[i])
                batch[#batch + 1] = { time = now - math.floor(age * SECOND), size = size, weight = weight, szind = size,
                    arena = size % 2, tid = 7, thread = "t", stack = { size, 1 } }
            end
            return batch, #batch == 3 and from + 3 or nil
        end,
    }
    local api = {}
    require "lunalloc.prof".install(api, backend)
    return api.prof
end

test("every sample of every batch is counted", function()
    for n = 0, 10 do
        local list = {}
        for i = 1, n do
            list[i] = { i, 100, 2.5 }
        end
        local groups = prof_over(list).top { by = "class" }
        test.equal(#groups, n == 0 and 0 or 1)
        if n > 0 then
            test.equal(groups[1].samples, n)
            test.equal(groups[1].objects, math.floor(2.5 * n + 0.5))
            test.equal(groups[1].bytes, 250 * n)
            test.equal(groups[1].oldest, n + 0.0)
        end
    end
end)

test("ages with each unit", function()
    local list = { { 0.4, 1, 1 }, { 0.6, 1, 1 }, { 50, 1, 1 }, { 70, 1, 1 }, { 3500, 1, 1 }, { 3700, 1, 1 } }
    for age, samples in pairs { ["500ms"] = 5, ["0.5"] = 5, ["0.5s"] = 5, ["60s"] = 3, [60] = 3, ["1m"] = 3,
        ["1h"] = 1, [0] = 6, ["60m"] = 1 } do
        test.equal(prof_over(list).top({ min_age = age, by = "class" })[1].samples, samples, age)
    end
    test.equal(#prof_over(list).top { min_age = "2h" }, 0)
end)

test("what groups have in common", function()
    local list = { { 1, 10, 1 }, { 2, 10, 1 }, { 3, 11, 1 }, { 4, 12, 10 } }
    local prof = prof_over(list)
    local by_stack = prof.top {}
    test.equal(#by_stack, 3)
    test.equal(table.concat(by_stack[1].stack, " "), "f12 f1")
    test.equal(by_stack[1].bytes, 120)
    test.equal(by_stack[2].bytes, 20)
    test.equal(by_stack[3].bytes, 11)
    local by_arena = prof.top { by = "arena" }
    test.equal(#by_arena, 2)
    test.equal(by_arena[1].arena, 0)
    test.equal(by_arena[1].bytes, 140)
    local by_thread = prof.top { by = "thread" }
    test.equal(#by_thread, 1)
    test.equal(by_thread[1].tid .. by_thread[1].thread, "7t")
    test.equal(prof.top({ by = "class", n = 2 })[2].szind, 10)
end)

test("misuse raises", function()
    test.raises("prof_test.lua:%d+: prof.top: by is one of stack, class, .*, age, not 'size'", function()
        la.prof.top { by = "size" }
    end)
    test.raises("prof_test.lua:%d+: prof.top: no option 'age'", function()
        la.prof.top { age = 1 }
    end)
    test.raises("prof_test.lua:%d+: prof.top: min_age is a number of seconds", function()
        la.prof.top { min_age = "soon" }
    end)
    test.raises("prof_test.lua:%d+: prof.start: no option 'rate'", function()
        la.prof.start { rate = 1 }
    end)
end)

test("a profile for pprof as a string", function()
    la.prof.reset()
    test.fails("EAGAIN", "the profiler is off", la.prof.pprof())
    assert(la.prof.start { lg_sample = 0 })
    local buffer <close> = la.buffer(70000)
    local profile = assert(la.prof.pprof())
    test.equal(la.prof.stop(), true)
    test.match(profile, "^\x32\0") -- the first string is empty
    for _, text in ipairs { "inuse_objects", "inuse_space", "core%.so" } do
        test.match(profile, text)
    end
    test.equal(buffer:size(), 70000)
end)

-- The fields of a protocol buffer: an array of { number, value }.
local function fields(text)
    local function varint(at)
        local value, shift = 0, 0
        while true do
            local byte = text:byte(at)
            value, shift, at = value | (byte & 0x7f) << shift, shift + 7, at + 1
            if byte < 0x80 then
                return value, at
            end
        end
    end
    local list, at = {}, 1
    while at <= #text do
        local key, value
        key, at = varint(at)
        value, at = varint(at)
        if key & 7 == 2 then
            value, at = text:sub(at, at + value - 1), at + value
        end
        list[#list + 1] = { key >> 3, value }
    end
    return list
end

local function values_of(list, number)
    local found = {}
    for _, field in ipairs(list) do
        found[#found + 1] = field[1] == number and field[2] or nil
    end
    return found
end

test("core.pprof: stacks with their values, each address once, in its mapping", function()
    local core = require "lunalloc.core"
    local maps = "1000-3000 r-xp 00000500 08:02 7 /usr/bin/x\n3000-4000 rw-p 0 08:02 7 /usr/bin/x\n"
    local profile = fields(core.pprof({ { { 0x2001, 0x9001 }, 1, 100 }, { { 0x2001 }, 3, 300 } }, maps, 1024, 5))
    local samples, locations = values_of(profile, 2), values_of(profile, 4)
    test.equal(#samples, 2)
    test.equal(values_of(fields(samples[1]), 2)[1], "\1\100")
    test.equal(values_of(fields(samples[2]), 2)[1], "\3\xac\2")
    test.equal(#locations, 2)
    local first, second = fields(locations[1]), fields(locations[2])
    test.equal(values_of(first, 1)[1], 0x2001)
    test.equal(values_of(first, 2)[1], 1)
    test.equal(values_of(first, 3)[1], 0x2000)
    test.equal(values_of(second, 2)[1], 0)
    local mappings = values_of(profile, 3)
    test.equal(#mappings, 1)
    test.equal(values_of(fields(mappings[1]), 3)[1], 0x3000)
    test.equal(values_of(fields(mappings[1]), 4)[1], 0x500)
    test.equal(values_of(profile, 12)[1], 1024)
    test.equal(values_of(profile, 9)[1], 5)
    for _, wrong in ipairs { { 1 }, { { 1 }, "", 1, 1 }, { { { 1 } }, "", 1, 1 } } do
        test.equal(pcall(core.pprof, table.unpack(wrong)), false)
    end
end)

test("core.pprof: frames with names are functions with file and line", function()
    local core = require "lunalloc.core"
    local word <const>, other <const> = math.mininteger + 1, math.mininteger + 2
    local profile = fields(core.pprof({ { { word, other, 0x2001 }, 1, 100 } }, "", 1024, 5,
        { [word] = "build (dir/a.lua:12)", [other] = "insert ([C])" }))
    local strings, functions, locations = values_of(profile, 6), values_of(profile, 5), values_of(profile, 4)
    test.equal(#functions, 2)
    test.equal(#locations, 3)
    local first, second = fields(functions[1]), fields(functions[2])
    test.equal(values_of(first, 1)[1], word)
    test.equal(strings[values_of(first, 2)[1] + 1], "build")
    test.equal(strings[values_of(first, 4)[1] + 1], "dir/a.lua")
    test.equal(strings[values_of(second, 2)[1] + 1], "insert ([C])")
    local line = fields(values_of(fields(locations[1]), 4)[1])
    test.equal(values_of(line, 1)[1], word)
    test.equal(values_of(line, 2)[1], 12)
    test.equal(#values_of(fields(locations[3]), 4), 0, "code has no function")
end)

test("only addresses that are shown are looked up, each once", function()
    local plain, asked = 0, 0
    local name = require("lunalloc.naming").new(function(address)
        plain = plain + 1
        return "f" .. address
    end)
    local samples = {}
    for i = 1, 4 do
        samples[i] = { time = 0, weight = 1.0, size = 100 * i, stack = { i, 100 } }
    end
    local api = {}
    require("lunalloc.prof").install(api, {
        samples = function() return samples end,
        stats = function() return { time = 1 } end,
        symbol = function(address)
            asked = asked + 1
            return name(address)
        end,
    })
    test.equal(table.concat(api.prof.top { n = 2 }[2].stack, " "), "f3 f100")
    test.equal(asked, 4, "of two stacks")
    test.equal(plain, 3, "different ones")
end)
