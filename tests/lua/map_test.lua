-- Instants and their rasters: no byte is lost, layouts, and wrong options. tests/map/ has the raster beside a model.

local test = ...
local la = require "lunalloc"
local core = require "lunalloc.core"
local layout = require "lunalloc.map.layout"

local STATES <const> = { "active", "dirty", "muzzy", "retained", "busy" }

local function sum_of(states)
    local bytes = 0
    for _, state in ipairs(STATES) do
        bytes = bytes + (states[state] and states[state].bytes or 0)
    end
    return bytes
end

local function legend_bytes(raster)
    local bytes = 0
    for _, row in ipairs(raster.legend) do
        bytes = bytes + row.bytes
    end
    return bytes
end

--- Blocks of several sizes, of which every other one is freed.
local function busy_heap()
    local blocks = {}
    for i = 1, 3000 do
        blocks[i] = assert(la.buffer(40 + i * 7 % 20000))
    end
    for i = 1, #blocks, 2 do
        blocks[i]:free()
    end
    return setmetatable(blocks, { __close = function()
        for i = 2, #blocks, 2 do
            blocks[i]:free()
        end
    end })
end

test("the sums of an instant agree with each other", function()
    local _ <close> = busy_heap()
    local instant = assert(la.instant())
    local bytes, count = 0, 0
    for _, arena in ipairs(instant.arenas) do
        bytes = bytes + sum_of(arena)
    end
    for _, state in pairs(instant.states) do
        count = count + state.count
        test.equal(state.used <= state.bytes, true, "used")
    end
    test.equal(bytes, sum_of(instant.states))
    test.equal(count, instant.extents)
    local classes, used = 0, 0 -- of a class whose blocks are all freed, an arena may keep a slab
    for _, class in ipairs(instant.classes) do
        classes = classes + class.bytes
        used = used + class.used
        test.equal(class.used >= 0 and class.used <= class.bytes, true, "used of a class")
    end
    test.equal(used, instant.states.active.used)
    test.equal(classes, instant.states.active.bytes)
    test.equal(instant.source.way, "self")
    test.equal(instant.stats.allocated > 0, true)
end)

test("settings have their sources", function()
    local _ <close> = la.with { ["arenas.dirty_decay_ms"] = 1234 }
    local found = {}
    for _, setting in ipairs(assert(la.instant()).settings) do
        found[setting.name] = setting
    end
    test.equal(found["arenas.dirty_decay_ms"].value, 1234)
    test.equal(found["arenas.dirty_decay_ms"].source, "live")
    test.equal(found["opt.narenas"].source, "default")
end)

test("a raster loses no byte, by whatever it is drawn", function()
    local _ <close> = busy_heap()
    local instant = assert(la.instant())
    local all = sum_of(instant.states)
    for _, size in ipairs { { 64, 64 }, { 1, 4096 }, { 4096, 1 }, { 80, 20 }, { 7, 3 }, { 1, 1 } } do
        for _, by in ipairs { "state", "age", "arena", "class" } do
            local raster = assert(instant:raster { by = by, columns = size[1], rows = size[2] })
            test.equal(raster.bytes, all, by)
            test.equal(legend_bytes(raster), all, by)
            test.equal(#raster.cells, raster.columns * raster.rows)
            test.equal(raster.columns == size[1] and raster.rows <= size[2], true, "size")
            local known = { ["0"] = true }
            for _, row in ipairs(raster.legend) do
                known[row.key] = true
            end
            for key in raster.cells:gmatch "." do
                assert(known[key], key)
            end
        end
        local occupancy = assert(instant:raster { by = "occupancy", columns = size[1], rows = size[2] })
        local used = instant.states.active.used
        test.equal(occupancy.used, used)
        test.equal(occupancy.used + occupancy.unused + occupancy.discarded, all)
    end
end)

test("residency adds up, and agrees with what the allocator itself finds", function()
    local block <close> = la.buffer "32M"
    local written <close> = la.buffer "8M"
    written:fill(1)
    local instant = assert(la.instant { residency = true })
    local all, by_state = instant.residency, 0
    for state, kinds in pairs(all.states) do
        local bytes = 0
        for _, kind in ipairs { "absent", "present", "huge", "swapped", "guard" } do
            bytes = bytes + kinds[kind]
        end
        test.equal(bytes, instant.states[state] and instant.states[state].bytes or 0, state)
        by_state = by_state + bytes
    end
    test.equal(by_state, sum_of(instant.states))
    local raster = instant:raster { by = "residency", columns = 50, rows = 50 }
    local drawn = {}
    for _, row in ipairs(raster.legend) do
        local name = row.name == "discarded" and "absent" or row.name -- what slabs have given back is absent, too
        drawn[name] = (drawn[name] or 0) + row.bytes
    end
    for name, bytes in pairs(drawn) do
        test.equal(bytes, all[name], name)
    end
    test.equal(all.absent >= 31 << 20 and all.present + all.huge >= 8 << 20, true, "of blocks")
    local resident, found = all.states.active.present + all.states.active.huge, la.reconcile().active.resident
    test.equal(math.abs(resident - found) <= found // 20 + (1 << 20), true, "beside la.reconcile")
end)

--- Blocks that stay spread over slabs whose other pages are given back.
local function thin_heap()
    local blocks, kept = {}, {}
    for i = 1, 20000 do
        blocks[i] = assert(la.buffer(448)):fill(1)
    end
    for i, block in ipairs(blocks) do
        if i % 40 == 0 then
            kept[#kept + 1] = block
        else
            block:free()
        end
    end
    la.set "thread.tcache.flush"
    la.set "arena.4096.purge_slabs"
    return setmetatable(kept, { __close = function(all)
        for _, block in ipairs(all) do
            block:free()
        end
    end })
end

local function bytes_named(raster, name)
    for _, row in ipairs(raster.legend) do
        if row.name == name then
            return row.bytes
        end
    end
    return 0
end

test("pages that were given back inside of slabs are a state of their own", function()
    local _ <close> = thin_heap()
    local instant <close> = assert(la.instant { residency = true })
    local discarded, classes = instant.states.active.discarded, 0
    if discarded == 0 and la.get "config.debug" then
        test.skip "under VirtualAlloc's rules no page of a slab can be given back"
    end
    test.equal(discarded > 1 << 20, true, "discarded " .. discarded)
    for _, class in ipairs(instant.classes) do
        classes = classes + class.discarded
    end
    test.equal(classes, discarded)
    test.equal(instant.states.dirty == nil or instant.states.dirty.discarded == 0, true, "dirty")
    test.equal(bytes_named(instant:raster(), "discarded"), discarded)
    test.equal(instant:raster { by = "occupancy" }.discarded, discarded)
    local absent = bytes_named(instant:raster { by = "residency" }, "discarded")
    test.equal(absent > discarded * 9 // 10 and absent <= discarded, true, "absent " .. absent)
    test.match(instant:map { mode = "ascii", width = 80, height = 10, colour = false }, "\n[^\n]*o discarded %d")
    local path = os.tmpname()
    assert(instant:save(path))
    local again <close> = assert(la.instant.load(path))
    os.remove(path)
    test.equal(again.states.active.discarded, discarded)
    test.equal(again:raster().cells, instant:raster().cells)
    test.equal(instant:diff(again).states.active.discarded, 0)
end)

test("without residency no raster of it", function()
    local raster, message, code = assert(la.instant()):raster { by = "residency" }
    test.equal(raster, nil)
    test.match(message, "la.instant{residency = true}")
    test.equal(code, "ENODATA")
    test.raises("no option 'resident' %(there is: residency%)", la.instant, { resident = true })
    test.raises("residency is true, or one of best, scan, pagemap, mincore, not 'x'", la.instant, { residency = "x" })
end)

test("an arena alone, and a range of addresses alone", function()
    local other = assert(la.arena.create())
    local block <close> = la.buffer "1M"
    local instant = assert(la.instant())
    for _, sums in ipairs(instant.arenas) do
        test.equal(instant:raster { arena = sums.arena }.bytes, sum_of(sums))
    end
    test.equal(instant:raster { arena = other.index }.bytes, 0, "an arena without extents")
    local addr = block:addr() // 4096 * 4096
    local raster = instant:raster { range = { addr, addr + 8192 }, columns = 2, rows = 1 }
    test.equal(raster.bytes, 8192)
    test.equal(raster.cells, "11")
    test.equal(raster.spans[1], addr)
    other:destroy()
end)

test("two instants in one layout show the same addresses in the same cells", function()
    local before = assert(la.instant())
    local block <close> = la.buffer "32M"
    local after = assert(la.instant())
    local place = la.instant.layout({ before, after:spans() }, { columns = 50, rows = 20 })
    local one, two = before:raster { layout = place }, after:raster { layout = place }
    test.equal(#one.cells, #two.cells)
    test.equal(one.bytes, sum_of(before.states))
    test.equal(two.bytes, sum_of(after.states))
    local spans, cell = place.spans, nil
    for i = 1, #spans, 3 do
        if block:addr() >= spans[i] and block:addr() < spans[i + 1] then
            cell = spans[i + 2] + (block:addr() - spans[i]) // place.cell
        end
    end
    test.equal(two.cells:sub(cell + 2, cell + 2), "1", "the second cell of the block")
    test.equal(one.cells:sub(cell + 2, cell + 2) ~= "1", true, "before")
end)

test("layouts: rows of their own where there is room, cells between spans where there is none", function()
    local place = layout.new({ { 0, 40960, 1 << 30, (1 << 30) + 4096 } }, 10, 4)
    test.equal(table.concat(place.spans, " "), ("0 40960 0 %d %d 10"):format(1 << 30, (1 << 30) + 4096))
    test.equal(place.rows, 2)
    place = layout.new({ { 0, 40960, 1 << 30, (1 << 30) + 4096 } }, 12, 1)
    test.equal(table.concat(place.spans, " "), ("0 40960 0 %d %d 11"):format(1 << 30, (1 << 30) + 4096))
    test.equal(layout.new({ {} }, 10, 10).rows, 1)
    test.equal(#layout.new({ {} }, 10, 10).spans, 0)
    place = layout.new({ { 0, 4096, 8192, 12288 }, { 4096, 8192 } }, 10, 1)
    test.equal(table.concat(place.spans, " "), "0 12288 0", "joined")
    local many = {}
    for i = 0, 9999 do
        many[#many + 1], many[#many + 2] = i << 20, (i << 20) + 4096
    end
    place = layout.new({ many }, 10, 10)
    test.equal(place.rows <= 10 and #place.spans // 3 <= 25, true, "many")
    test.equal(place.spans[1] == 0 and place.spans[#place.spans - 1] == (9999 << 20) + 4096, true, "all of it")
end)

test("a difference tells what became of each address, and adds up", function()
    local freed = assert(la.buffer "24M")
    local before = assert(la.instant { residency = true })
    freed:free()
    local new <close> = la.buffer "40M"
    local _ <close> = la.with { ["arenas.dirty_decay_ms"] = 4321 }
    local after = assert(la.instant { residency = true })
    local changes = before:diff(after)
    local all, of_matrix = 0, 0
    for _, kind in ipairs { "unchanged", "appeared", "gone", "allocated", "freed", "purged", "reused" } do
        all = all + changes[kind]
    end
    local sums = { before = {}, after = {} }
    for was, row in pairs(changes.matrix) do
        for is, bytes in pairs(row) do
            of_matrix = of_matrix + bytes
            sums.before[was] = (sums.before[was] or 0) + bytes
            sums.after[is] = (sums.after[is] or 0) + bytes
        end
    end
    test.equal(of_matrix, all)
    for _, state in ipairs(STATES) do
        test.equal(sums.before[state] or 0, before.states[state] and before.states[state].bytes or 0, "before")
        test.equal(sums.after[state] or 0, after.states[state] and after.states[state].bytes or 0, "after")
        test.equal(changes.states[state] and changes.states[state].bytes or 0,
            (sums.after[state] or 0) - (sums.before[state] or 0), state)
    end
    test.equal(changes.freed + changes.reused + changes.gone >= 20 << 20, true, "freed")
    test.equal(changes.appeared + changes.allocated + changes.reused >= 39 << 20, true, "new")
    test.equal(changes.settings[1].name .. changes.settings[1].after, "arenas.dirty_decay_ms4321")
    test.equal(changes.residency.present ~= nil, true)
    test.match(tostring(changes), "\narenas.dirty_decay_ms: 4321, before %d+$")
    local raster = changes:raster { columns = 50, rows = 30 }
    test.equal(raster.bytes, all)
    for _, row in ipairs(raster.legend) do
        test.equal(row.bytes, changes[row.name], row.name)
    end
    test.match(changes:map { mode = "ascii", width = 60, height = 5 }, "^%S+ by changes: .* unchanged .*iB")
    test.equal(#before:diff(before).classes, 0)
    test.equal(tostring(before:diff(before)):match "^unchanged", "unchanged")
    test.equal(new:size(), 40 << 20)
    test.raises("no option 'by' %(there are: arena, columns, layout, range, rows%)", changes.raster, changes,
        { by = "state" })
    test.raises("an instant expected, got 5", before.diff, before, 5)
end)

-- ---- pictures in the terminal -------------------------------------------------------------------------------------

local draw = require "lunalloc.map.draw"

--- Two ranges, one of 10 pages and one of 2, in rows of `columns` cells.
local function small_raster(cells, columns)
    return { by = "state", columns = columns, rows = #cells // columns, cell = 4096, cells = cells, bytes = 12 * 4096,
        spans = { 0x1000, 0xb000, 0, 0x7f0000000000, 0x7f0000002000, columns * ((10 - 1) // columns + 1) },
        legend = { { key = "1", name = "active", bytes = 8 * 4096 }, { key = "2", name = "dirty", bytes = 4 * 4096 },
            { key = "3", name = "muzzy", bytes = 0 } } }
end

test("a picture has letters, addresses where ranges begin, and a legend", function()
    test.equal(draw.text(small_raster("1122211100" .. "2100000000", 10), { mode = "ascii", colours = 0, width = 60 }),
        "heap by state: 48.0 KiB in 2 ranges, 4.00 KiB a cell\n" ..
        " 000000001000  ##===###\n" ..
        "~7f0000000000  =#\n" ..
        "# active 32.0 KiB   = dirty 16.0 KiB")
    test.equal(draw.text(small_raster("1122211100" .. "2100000000", 10), { mode = "blocks", colours = 0, width = 30,
        title = "x" }), "x by state: 48.0 KiB in 2 rang\n██▓▓▓███\n▓█\n█ active 32.0 KiB\n▓ dirty 16.0 KiB")
end)

test("with colours, a character shows two cells; braille shows eight", function()
    local text = draw.text(small_raster("11" .. "12" .. "20" .. "00", 2), { mode = "blocks", colours = 16, width = 30 })
    local lines = {}
    for line in text:gmatch "[^\n]+" do
        lines[#lines + 1] = line
    end
    test.equal(lines[2], "\27[32m█\27[0m\27[32;43m▀\27[0m")
    test.equal(lines[3], "\27[33m▀\27[0m")
    test.match(draw.text(small_raster("11" .. "12" .. "20" .. "00", 2), { mode = "blocks", colours = 256, width = 30 }),
        "\27%[38;5;71;48;5;178m▀\27%[0m")
    text = draw.text(small_raster("11" .. "12" .. "22" .. "01" .. "22" .. "00" .. "00" .. "00", 2),
        { mode = "braille", colours = 0, width = 30 })
    test.match(text, "\n⢋\n·\n")
end)

test("addresses that were left out within a line have a mark", function()
    local raster = small_raster("11111111110" .. "22", 13)
    raster.spans[6] = 11
    test.match(draw.text(raster, { mode = "ascii", colours = 0, width = 60 }), "\n 000000001000  ##########|==\n")
end)

test("a legend that is too wide has names only", function()
    local raster = small_raster("11" .. "12" .. "20" .. "00", 2)
    raster.legend[1].name, raster.legend[1].bytes = "age 5 of 8", 10.5 * 2^20 // 1 | 0
    local text = draw.text(raster, { mode = "ascii", colours = 0, width = 20 })
    test.match(text, "\n. age 5 of 8\n")
    test.match(draw.text(raster, { mode = "ascii", colours = 0, width = 40 }), "age 5 of 8 10.5 MiB")
end)

test("la.map fits where it is asked to", function()
    for _, mode in ipairs { "ascii", "blocks", "braille" } do
        for _, width in ipairs { 20, 40, 49, 50, 80, 200 } do
            for _, by in ipairs { "state", "occupancy", "age", "residency", "arena", "class" } do
                local text = assert(la.map { by = by, mode = mode, width = width, height = 5, colour = width > 60 })
                local n = 0
                for line in text:gsub("\27%[[%d;]*m", ""):gmatch "[^\n]+" do
                    test.equal((utf8.len(line) or #line) <= width, true, line)
                    n = n + 1
                end
                test.equal(n >= 3 and n <= 1 + 5 + 3, true, "lines")
            end
        end
    end
    test.raises("bad argument #1 to 'map' %(by is one of state, .*, not 'x'%)", la.map, { by = "x" })
    test.raises("bad argument #1 to 'instant:map' %(mode is braille, blocks or ascii, not 5%)", la.instant().map,
        la.instant(), { mode = 5 })
end)

test("a raster is JSON as it is", function()
    local core, json = require "lunalloc.core", require "lunalloc.json"
    local raster = assert(la.instant()):raster { columns = 30, rows = 30 }
    local copy = assert(json.decode(core.json(raster)))
    test.equal(copy.cells, raster.cells)
    test.equal(#copy.legend, #raster.legend)
    local instant = assert(json.decode(assert(la.instant()):tojson()))
    test.equal(instant.states.active.bytes > 0, true)
end)

--- A path in a folder of its own, and what removes both.
local function temporary(name)
    local path = os.tmpname()
    os.remove(path)
    assert(os.execute("mkdir " .. path))
    return path .. "/" .. name, setmetatable({}, { __close = function() os.execute("rm -r " .. path) end })
end

local function copy_of(instant)
    local copy = {}
    for key, value in pairs(instant) do
        copy[key] = value
    end
    return require "lunalloc.core".json(copy)
end

test("a saved instant that is drawn as it is read has the pictures of a loaded one", function()
    local drawn = require "lunalloc.map.drawn"
    local path = os.tmpname()
    local _ <close> = setmetatable({}, { __close = function() os.remove(path) end })
    local _ <close> = busy_heap()
    assert(assert(la.instant { residency = true }):save(path))
    local loaded <close> = assert(la.instant.load(path))
    for _, size in ipairs { 1, 8, 64, 512 } do
        local place = la.instant.layout({ loaded }, { columns = size, rows = size })
        for _, ways in ipairs { { "state", "occupancy", "residency" }, { "class" } } do
            local instant, rasters = assert(drawn.read(path, place, ways))
            for _, way in ipairs(ways) do
                local expected = loaded:raster { by = way, layout = place }
                test.equal(rasters[way].cells, expected.cells, way)
                test.equal(rasters[way].bytes, expected.bytes, way)
                test.equal(rasters[way].unused, expected.unused, way)
                test.equal(core.json(rasters[way].legend), core.json(expected.legend), way)
            end
            test.equal(instant.extents, loaded.extents)
            test.equal(core.json(instant.states), core.json(loaded.states))
            test.equal(core.json(instant.classes), core.json(loaded.classes))
        end
    end
    local place = la.instant.layout({ loaded })
    test.fails("ENOENT", "cannot be read", drawn.read(path .. ".not", place, { "state" }))
    test.raises("not as it is read", drawn.read, path, place, { "age" })
    test.raises("one to three pictures expected", drawn.read, path, place, {})
    test.raises("one to three pictures expected", drawn.read, path, place, { "state", "state", "state", "state" })
    local file <close> = assert(io.open(path, "r+b"))
    file:seek("end", -9)
    file:write "\255"
    file:flush()
    test.fails("EINVAL", "it is damaged", drawn.read(path, place, { "state" }))
end)

test("a saved instant is the same when it is loaded", function()
    local path, _ <close> = temporary "x.instant"
    local blocks <close> = busy_heap()
    for _, options in ipairs { {}, { residency = true } } do
        local instant = assert(la.instant(options))
        test.equal(instant:save(path), true)
        local loaded = assert(la.instant.load(path))
        test.equal(copy_of(loaded), copy_of(instant))
        for _, by in ipairs { "state", "occupancy", "age", "arena", "class", options.residency and "residency" } do
            test.equal(loaded:raster { by = by }.cells, instant:raster { by = by }.cells, by)
        end
        test.equal(#blocks, 3000)
        test.match(tostring(loaded), "^instant of self: %d+ extents, ")
    end
end)

test("files that are no instants, or cannot be written, say so", function()
    local path, _ <close> = temporary "x.instant"
    local instant = assert(la.instant())
    local loaded, message, code = la.instant.load(path)
    test.equal(loaded, nil)
    test.match(message, "cannot be read: No such file")
    test.equal(code, "ENOENT")
    assert(io.open(path, "w")):write("x"):close()
    loaded, message, code = la.instant.load(path)
    test.equal(loaded, nil)
    test.match(message, "it is no saved instant$")
    test.equal(code, "EINVAL")
    loaded, message = instant:save "/dev/null"
    test.equal(loaded, nil)
    test.match(message, "/dev/null")
    loaded, message, code = instant:save(path .. ".d/x")
    test.equal(loaded, nil)
    test.equal(code, "ENOENT")
end)

test("what a hostile file says of itself is only what it may say", function()
    local saved = require "lunalloc.map.saved"
    test.equal(saved.clean "x", nil)
    test.equal(saved.clean "[1", nil)
    local clean = saved.clean [[{ "page": 12, "at": "x", "source": { "way": "a\u001b[31m", "pid": -5, "name": {} },
        "stats": { "allocated": 5, "a b": 6, "arenas": [ { "x": 1, "y": "z" }, 7 ], "classes": 9 }, "conf": [],
        "settings": [ { "name": "opt.x\n", "value": true, "more": 1 }, { "name": "y" }, 3 ],
        "threads": [ { "tid": 1 } ], "residency": { "way": 1, "process": { "present": 5, "file": "x" } },
        "states": { "active": 1 }, "extra": 1 }]]
    test.equal(clean.page, 4096)
    test.equal(clean.at, 0)
    test.equal(clean.source.way, "a?[31m")
    test.equal(clean.source.pid, nil)
    test.equal(clean.source.name, nil)
    test.equal(clean.stats.allocated, 5)
    test.equal(clean.stats["a b"], nil)
    test.equal(clean.stats.arenas[1].x, 1)
    test.equal(clean.stats.arenas[1].y, nil)
    test.equal(#clean.stats.classes, 0)
    test.equal(clean.conf, "")
    test.equal(#clean.settings, 1)
    test.equal(clean.settings[1].name, "opt.x?")
    test.equal(clean.settings[1].more, nil)
    test.equal(#clean.threads, 0)
    test.equal(clean.residency.way, "unknown")
    test.equal(clean.residency.process.present, 5)
    test.equal(clean.residency.process.file, nil)
    test.equal(clean.states, nil)
    test.equal(clean.extra, nil)
end)

--- Bytes and number of the blocks that live after the events up to a time (ns), by the events alone.
local function live_at(trace, time)
    local sizes, bytes, n = {}, 0, 0
    local function drop(addr)
        if sizes[addr] then
            bytes, n = bytes - sizes[addr], n - 1
            sizes[addr] = nil
        end
    end
    for event in trace:events() do
        if event.time > time then
            break
        elseif event.kind:find "free" then
            drop(event.addr)
        elseif event.size and event.addr then
            drop(event.old_addr)
            drop(event.addr)
            sizes[event.addr], bytes, n = event.size, bytes + math.max(1, event.size), n + 1
        end
    end
    return bytes, n
end

test("an instant of a trace has the blocks that live then", function()
    local path, _ <close> = temporary "x.lnt"
    if not os.execute("build/tests/replay/make_trace " .. path .. " 5000 3") then
        test.skip "build/tests/replay/make_trace is not built"
    end
    local trace <close> = assert(la.trace.load(path))
    local info = trace:info()
    for i = 0, 10 do
        local instant <close> = assert(trace:instant { at = info.duration * i / 10 })
        local bytes, n = live_at(trace, math.floor(info.duration * i / 10 * 1e9 + 0.5))
        test.equal(instant.extents, n, "blocks at " .. i)
        test.equal(instant.states.active.bytes, bytes, "bytes at " .. i)
        test.equal(instant:raster { by = "class" }.bytes, bytes, "raster")
    end
    local peak <close> = assert(trace:instant { at = "peak" })
    test.equal(peak.states.active.bytes, info.peak_live)
    local part <close> = assert(trace:filter { min_size = 1000 }:instant())
    for _, row in ipairs(part:raster { by = "class" }.legend) do
        test.equal(row.name:find "^%d+K%+$" ~= nil or row.name == "512+", true, row.name)
    end
    local whole <close> = assert(trace:instant())
    test.equal(peak:diff(whole).states.active.bytes, info.live - info.peak_live)
    test.raises("only {at=}", trace.instant, trace, { when = 1 })
end)

test("wrong options are named", function()
    local instant = assert(la.instant())
    for message, options in pairs {
        ["no option 'column' %(there are: arena, by, columns, layout, range, rows%)"] = { column = 5 },
        ["by is one of state, occupancy, age, residency, arena, class, not 'stat'"] = { by = "stat" },
        ["columns and rows are whole numbers from 1 to 4096"] = { columns = 0 },
        ["at most 8192000 cells"] = { columns = 4096, rows = 4096 },
        ["range is {from, to}, two addresses"] = { range = { 5, 5 } },
        ["layout is what la.instant.layout%(%) returns"] = { layout = {} },
    } do
        test.raises(message, instant.raster, instant, options)
    end
    local place = la.instant.layout({ instant }, {})
    place.spans[3] = -1
    test.equal(pcall(instant.raster, instant, { layout = place }), false)
    place.spans[3] = 1 << 40
    test.equal(pcall(instant.raster, instant, { layout = place }), false)
    test.equal(instant:close(), true)
    test.equal(instant:raster {}.bytes, 0, "closed")
end)

-- ---- bars and series ----------------------------------------------------------------------------------------------

test("bars are as long as their values, part by part", function()
    local rows = { { name = "a", values = { 10, 20, 10 } }, { name = "bcd", value = 20 }, { name = "none", value = 0 } }
    test.equal(la.bars { rows = rows, parts = { "x", "y", "z" }, width = 29, mode = "ascii", colour = false,
        title = "t" }, "t\n" ..
        "a    40  #####==========+++++\n" ..
        "bcd  20  ##########\n" ..
        "none  0\n" ..
        "# x   = y   + z")
    rows = { { name = "a", value = 5 }, { name = "b", value = 1 }, { name = "c", value = 2 } }
    test.match(la.bars { rows = rows, most = 2, width = 30, mode = "blocks", colour = false },
        "^a +5  ██████████████████\n2 others +3  ███████████$")
    test.match(la.bars { rows = { { value = 1 } }, colour = true, mode = "blocks", width = 20 }, "\27%[32m█.*\27%[0m$")
    test.equal(la.bars { rows = {} }, "(no data)")
    rows = { { name = "a", value = 1 }, { name = "b", value = 10000 } }
    test.match(la.bars { rows = rows, width = 20, mode = "ascii", colour = false }, "^a +1  #\nb 10k  ##########+$")
end)

test("bars of waste, of an instant, and of latencies", function()
    local _ <close> = busy_heap()
    local waste = la.waste { by = "class" }
    test.match(la.bars(waste, { most = 3, mode = "ascii", colour = false }),
        "^held and not in use, by class\n%S+ .*iB  #.*others.*\n# free   = rest   %+ cached")
    test.match(la.bars(la.instant(), { mode = "ascii", colour = false }),
        "^extents in use, by size class\n.*# objects   = not")
    local latency = { p50 = 10, p90 = 20, p99 = 30, p99_9 = 40, max = 50, count = 5 }
    test.match(la.bars(latency, { mode = "ascii", colour = false, width = 40 }), "\np99.9 40 ns  #+\nmax   50 ns  #+$")
    test.match(la.bars({ malloc = latency }, { mode = "ascii", colour = false }), "\nmalloc p50   10 ns  #+\n")
    for message, options in pairs {
        ["rows is an array of"] = { rows = 5 },
        ["rows%[1%] has %-1 where a number, 0 or more, is expected"] = { rows = { { value = -1 } } },
        ["no option 'row' %(there are: "] = { row = {} },
        ["mode is blocks or ascii, not 'braille'"] = { rows = {}, mode = "braille" },
    } do
        test.raises(message, la.bars, options)
    end
end)

test("la.plot draws objects that have times", function()
    local options = { width = 40, height = 4, mode = "ascii", colour = false }
    test.match(la.plot({ 1, 4, 9 }, options), "\n%* values 9$")
    local timeline = { { t = 0, rss = 5, live = 1 }, { t = 1, rss = 9, live = 2, mark = "here" } }
    test.match(la.plot({ timeline = timeline }, options), "here v.*rss 9 B")
    test.match(la.plot({ { time = 1e9, active = 5 }, { time = 2e9, active = 7 } }, options), "active 7 B$")
    test.raises("unknown key 1", la.plot, { {} })
end)
