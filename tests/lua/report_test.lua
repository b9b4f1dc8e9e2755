-- Reports: the data of the page, its bounds with inputs that are too large, and what is kept out of it.

local test = ...
local la = require "lunalloc"
local core = require "lunalloc.core"
local difference = require "lunalloc.report.difference"
local flame = require "lunalloc.report.flame"
local frames = require "lunalloc.report.frames"
local gather = require "lunalloc.report.gather"
local heap = require "lunalloc.report.heap"
local json = require "lunalloc.json"
local limits = require "lunalloc.report.limits"
local page = require "lunalloc.report.page"
local result_of = require "lunalloc.report.result"
local search = require "lunalloc.report.search"
local sheet = require "lunalloc.report.sheet"
local text = require "lunalloc.report.text"
local timeline = require "lunalloc.report.timeline"

local function temporary()
    local path = os.tmpname()
    return path, setmetatable({}, { __close = function() os.remove(path) end })
end

local function read(path)
    local file <close> = assert(io.open(path, "rb"))
    return file:read "a"
end

--- The data of a page.
local function data_of(html)
    local found = html:match '<script type="application/json" id="data">(.-)</script>'
    return assert(json.decode(found))
end

local function section_of(data, id)
    for _, section in ipairs(data.sections) do
        if section.id == id then
            return section
        end
    end
end

--- Whether the page is there: a module without its build folder has none.
local function need_page()
    if not page.text { } then
        test.skip "the page is not built"
    end
end

-- ---- series --------------------------------------------------------------------------------------------------------

test("a short series stays as it is", function()
    local x, values = { 1, 2, 3 }, { { 5, false, 7 } }
    local new_x, new_values = timeline.decimate(x, values, 10)
    test.equal(new_x, x)
    test.equal(new_values, values)
end)

test("a long series keeps its minima and maxima, and its length is bounded", function()
    local x, up = {}, {}
    for i = 1, 100003 do
        x[i], up[i] = i, 100
    end
    up[777], up[50001], up[100003] = 3, 900, 1
    local new_x, new = timeline.decimate(x, { up }, 2000)
    test.equal(#new_x, 2000)
    test.equal(#new[1], 2000)
    local least, most = math.huge, -math.huge
    for i, value in ipairs(new[1]) do
        least, most = math.min(least, value), math.max(most, value)
        test.equal(i == 1 or new_x[i] >= new_x[i - 1], true, "ascending")
    end
    test.equal(least, 1)
    test.equal(most, 900)
    test.equal(new_x[1], 1)
    test.equal(new_x[2000], 100003)
end)

test("the order within a bucket is kept, and a bucket without values is a gap", function()
    local x, down, gap = {}, {}, {}
    for i = 1, 100 do
        x[i], down[i], gap[i] = i, 1000 - i, i <= 50 and i or false
    end
    local _, new = timeline.decimate(x, { down, gap }, 20)
    for i = 2, 20 do
        test.equal(new[1][i] < new[1][i - 1], true, "descending")
    end
    test.equal(new[2][10], 50)
    test.equal(new[2][11], false)
end)

local function history(n)
    local h = { moments = {}, marks = { { time = 2e9, name = "arena.0.dirty_decay_ms", value = "5" } } }
    for i = 1, n do
        h.moments[i] = { time = i * 1000000000, rss = i << 20, allocated = i, requests = 10 * i, dirty = 0 / 0 }
    end
    return h
end

test("a history is a section, with marks and rates", function()
    local section = timeline.section(history(5), 5000000000, 1000, true)
    local chart = section.charts[1]
    test.equal(chart.x[1], 996.0)
    test.equal(chart.x[5], 1000.0)
    test.equal(chart.series[1].name, "rss")
    test.equal(chart.series[1].values[5], 5 << 20)
    test.equal(#chart.series, 2, "series: dirty is no number")
    test.equal(chart.marks[1].text, "arena.0.dirty_decay_ms = 5")
    test.equal(chart.marks[1].x, 997.0)
    test.equal(section.charts[2].series[1].values[1], false)
    test.equal(section.charts[2].series[1].values[2], 10)
end)

test("a history of one moment says why there is no section", function()
    local section, why = timeline.section(history(1), 0, 0, true)
    test.equal(section, nil)
    test.match(why, "fewer than two moments")
end)

-- ---- texts ---------------------------------------------------------------------------------------------------------

test("names are cut between characters", function()
    test.equal(text.cut "short", "short")
    test.equal(#text.cut(("x"):rep(1 << 20)), limits.text)
    local cut = text.cut(("\u{20ac}"):rep(1000))
    test.equal(#cut <= limits.text, true)
    test.equal(utf8.len(cut) ~= nil, true, "valid")
end)

test("folders of paths are left out", function()
    test.equal(text.without_folders "main (/home/ann/server/main.c:12)", "main (main.c:12)")
    test.equal(text.without_folders "/usr/lib/libx.so+0x12", "libx.so+0x12")
    test.equal(text.without_folders "~/secret/a.lua:3 in b", "a.lua:3 in b")
    test.equal(text.without_folders "operator/", "operator/")
    test.equal(text.without_folders "a / b", "a / b")
    test.equal(text.name("/home/ann/x.c", false), "/home/ann/x.c")
    test.equal(text.name("/home/ann/x.c", true), "x.c")
end)

-- ---- bounds --------------------------------------------------------------------------------------------------------

test("a table has so many rows and bytes, and counts the others", function()
    local rows = {}
    for i = 1, 10000 do
        rows[i] = { i }
    end
    local kept, more = sheet.limited(rows)
    test.equal(#kept, limits.rows)
    test.equal(#kept + more, 10000)
    for i = 1, 10000 do
        rows[i] = { ("x"):rep(190), ("y"):rep(190) }
    end
    kept, more = sheet.limited(rows)
    test.equal(#kept < 1000, true)
    test.equal(#kept + more, 10000)
end)

local function deep_stacks(n, depth)
    local stacks = {}
    for i = 1, n do
        local frames = {}
        for d = 1, depth do
            frames[d] = ("function_%d_%d_"):format(i, d) .. ("x"):rep(150)
        end
        stacks[i] = { frames = frames, values = { i, 1 } }
    end
    return stacks
end

test("a flame graph has the largest stacks and a rest, and loses no byte", function()
    local tree = flame.new { { name = "in use", unit = "bytes" }, { name = "waste", unit = "bytes" } }
    local left = tree:add_all(deep_stacks(3000, 20))
    test.equal(left > 0, true)
    local sum = 0
    for _, value in ipairs(tree.views[1].values) do
        sum = sum + value
    end
    test.equal(sum, 3000 * 3001 // 2)
    local size = #page.json(tree:chart("flame", left))
    test.equal(size <= limits.flame_bytes * 1.1, true, "size")
    test.match(tree.names[#tree.names], "^rest: %d+ stacks$")
end)

test("stacks beyond their number are a rest, too", function()
    local stacks = {}
    for i = 1, limits.stacks + 500 do
        stacks[i] = { frames = { "f" .. i % 100 }, values = { 1 } }
    end
    local tree = flame.new { { name = "in use", unit = "bytes" } }
    test.equal(tree:add_all(stacks), 500)
end)

test("parents stand before their children; a function that calls itself is one frame", function()
    local frames = flame.frames({ "g+0x1", "f+0x4", "f+0x8", "main+0x2" }, true)
    test.equal(table.concat(frames, ";"), "main;f;g")
    local tree = flame.new { { name = "in use", unit = "bytes" } }
    tree:add({ "main", "f" }, { 3 })
    tree:add({ "main", "g" }, { 4 })
    for i, parent in ipairs(tree.parents) do
        test.equal(parent < i, true)
    end
end)

-- ---- files ---------------------------------------------------------------------------------------------------------

test("a report of this process", function()
    need_page()
    if not la.loaded then
        test.skip "no allocator"
    end
    local path, _ <close> = temporary()
    local result = assert(la.report(path, { history = history(3), doctor = {} }))
    local html = read(path)
    test.equal(#html, result.bytes)
    local data = data_of(html)
    test.equal(data.schema, 1)
    test.equal(section_of(data, "timeline").charts[1].kind, "line")
    test.equal(section_of(data, "settings").tables[1].columns[1].name, "name")
    test.equal(section_of(data, "threads").tables[1].columns[1].name, "tid")
    local map = section_of(data, "map").charts[1]
    test.equal(map.columns * map.rows <= limits.cells, true)
    test.equal(#map.views[1].totals[1], #map.views[1].keys)
    local waste = section_of(data, "waste").charts[1]
    test.equal(waste.kind, "bars")
    test.equal(#waste.rows == 0 or #waste.rows[1].values == #waste.parts, true)
    test.match(table.concat(result.sections, " "), "^timeline map waste .*threads doctor settings$")
end)

test("hostile texts do not end the data", function()
    need_page()
    local hostile = "</script><img src=x onerror=alert(1)>\0\1\27[31m\u{202e}<!--"
    local html = page.text { schema = 1, title = hostile, sections = {} }
    local _, scripts = html:gsub("</script>", "")
    local _, plain = page.text({ schema = 1, title = "", sections = {} }):gsub("</script>", "")
    test.equal(scripts, plain)
    test.equal(html:find("<img", 1, true), nil)
    test.match(data_of(html).title, "^</script><img src=x onerror")
end)

test("what is no regular file is not replaced, and nothing is left behind", function()
    need_page()
    if not la.loaded then
        test.skip "no allocator"
    end
    test.fails("EINVAL", "is a device", la.report("/dev/null", { doctor = false }))
    test.fails("EINVAL", "is a folder", la.report("/", { doctor = false }))
    test.fails("ENOENT", "/no/such/folder/x", la.report("/no/such/folder/x", { doctor = false }))
end)

test("a page that would be too large is refused", function()
    need_page()
    test.fails("EFBIG", "more than the 5000000", page.text { title = ("x"):rep(5000001) })
end)

test("misuse raises at the caller's line", function()
    test.raises("report_test.lua:%d+: bad argument #1 to 'report'", function() la.report() end)
    test.raises("no option 'x'", function() la.report("/tmp/x", { x = 1 }) end)
    test.raises("a table of options", function() la.report("/tmp/x", 1) end)
end)

test("the summary names sections and what is missing", function()
    local summary = gather.summary({ sections = { { id = "a" }, { id = "b" } },
        missing = { { title = "C", why = "d" } } }, 9)
    test.equal(table.concat(summary.sections, " "), "a b")
    test.equal(summary.missing[1].why, "d")
    test.equal(summary.bytes, 9)
end)

-- ---- pictures of the heap ------------------------------------------------------------------------------------------

--- The pictures that lua/report/map.js reads: the same in Lua, as a model.
local function decode(bytes, cells, n)
    local at, list, old = 1, {}, {}
    local function number()
        local value, shift = 0, 0
        while true do
            local byte = bytes:byte(at)
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128 then
                return value
            end
        end
    end
    for i = 1, cells do
        old[i] = 0
    end
    for k = 1, n do
        local cell = 0
        while cell < cells do
            cell = cell + number()
            for _ = 1, number() do
                cell = cell + 1
                old[cell] = bytes:byte(at)
                at = at + 1
            end
        end
        list[k] = table.concat(old, ",")
    end
    test.equal(at, #bytes + 1, "all bytes are read")
    return list
end

local function plain(cells)
    local list = {}
    for i = 1, #cells do
        list[i] = cells:byte(i) - 48
    end
    return table.concat(list, ",")
end

test("pictures are what they were, whatever changes", function()
    math.randomseed(7)
    for round = 1, 60 do
        local cells, n, pictures, now = math.random(1, 500), math.random(1, 6), {}, {}
        for i = 1, cells do
            now[i] = string.char(48 + math.random(0, 59))
        end
        for k = 1, n do
            for _ = 1, math.random(0, cells // 4) do
                now[math.random(cells)] = string.char(48 + math.random(0, 59))
            end
            pictures[k] = table.concat(now)
        end
        local shown = decode(frames.encode(pictures), cells, n)
        for k = 1, n do
            test.equal(shown[k], plain(pictures[k]), ("round %d, picture %d"):format(round, k))
        end
    end
end)

test("equal pictures take three bytes each", function()
    local picture = ("012"):rep(1000)
    test.equal(#frames.encode { picture, picture, picture } - #frames.encode { picture }, 6)
end)

test("base64 as others have it", function()
    test.equal(frames.base64 "", "")
    test.equal(frames.base64 "f", "Zg==")
    test.equal(frames.base64 "fo", "Zm8=")
    test.equal(frames.base64 "foo", "Zm9v")
    test.equal(frames.base64 "\255\254\253\0", "//79AA==")
end)

--- An instant whose extents are { start, end, key }.
local function made_up(at, extents)
    local instant = { at = at, page = 4096, arenas = { {} }, extents = #extents, states = { active = { bytes = 0 } } }
    for _, extent in ipairs(extents) do
        instant.states.active.bytes = instant.states.active.bytes + extent[2] - extent[1]
    end
    function instant.spans()
        local ranges = {}
        for i, extent in ipairs(extents) do
            ranges[2 * i - 1], ranges[2 * i] = extent[1], extent[2]
        end
        return ranges
    end
    function instant.raster(_, options)
        if options.by ~= "state" then
            return nil
        end
        local cells, place, bytes = {}, options.layout, 0
        for i = 1, place.columns * place.rows do
            cells[i] = "0"
        end
        for s = 1, #place.spans, 3 do
            for _, extent in ipairs(extents) do
                for address = math.max(place.spans[s], extent[1]), math.min(place.spans[s + 1], extent[2]) - 1, 4096 do
                    cells[place.spans[s + 2] + (address - place.spans[s]) // place.cell + 1] = extent[3]
                    bytes = bytes + 4096
                end
            end
        end
        return { cells = table.concat(cells), bytes = bytes, legend = { { key = "1", name = "active", bytes = bytes },
            { key = "2", name = "dirty", bytes = 0 } } }
    end
    return instant
end

local MIB <const> = 1 << 20

test("instants that grow are shown in the same cells", function()
    local film = heap.new()
    film:add(made_up(1, { { MIB, 2 * MIB, "1" } }))
    film:add(made_up(2, { { MIB, 2 * MIB, "2" }, { 900 * MIB, 1000 * MIB, "1" } }))
    local first, second = table.unpack(film:pictures "state")
    test.equal(#first, #second)
    local cells = (MIB - 1) // film.place.cell + 1
    test.equal(first:sub(1, cells), ("1"):rep(cells))
    test.equal(first:sub(cells + 1):find "[^0]", nil, "nothing else was there")
    test.equal(second:sub(1, cells), ("2"):rep(cells))
    local chart = film:section().charts[1]
    test.equal(#chart.spans, 2)
    test.equal(chart.spans[2][1], "0x38400000")
    test.equal(chart.instants[2].time, 2)
    test.equal(chart.views[1].totals[1][1], MIB)
end)

test("of too many instants every second one is kept, or the last ones", function()
    local film, rolling = heap.new { most = 8 }, heap.new { most = 8, rolling = true }
    for i = 1, 100 do
        film:add(made_up(i, { { MIB, 2 * MIB, "1" } }))
        rolling:add(made_up(i, { { MIB, 2 * MIB, "1" } }))
    end
    test.equal(#film.shots <= 8, true)
    test.equal(film.shots[1].time, 1)
    test.equal(film.shots[2].time, 1 + film.step)
    test.equal(#rolling.shots, 8)
    test.equal(rolling.shots[8].time, 100)
    test.match(film:section().note, "of 100 instants%.$")
end)

test("pictures that are too large together are fewer", function()
    local film = heap.new()
    for i = 1, 1200 do
        local one = made_up(i, { { MIB, 17 * MIB, "1" } })
        function one.raster(_, options)
            local cells = {}
            for c = 1, options.layout.columns * options.layout.rows do
                cells[c] = (i * 7 + c * c) % 11 < 5 and "1" or "2"
            end
            return options.by == "state" and { cells = table.concat(cells), bytes = 16 * MIB, legend = {
                { key = "1", name = "active", bytes = 1 }, { key = "2", name = "dirty", bytes = 1 } } } or nil
        end
        film:add(one)
    end
    local chart = film:section().charts[1]
    test.equal(#chart.views[1].frames <= limits.map_bytes, true)
    test.equal(#chart.instants > 100 and #chart.instants < 1200, true, #chart.instants)
    test.equal(#chart.views[1].totals, #chart.instants)
end)

test("what was allocated is a view of the flame graph", function()
    local section = assert(flame.allocated({
        { stack = { "/src/app/parse+0x10", "main+0x2" }, count = 10, bytes = 1000, live_count = 1, live_bytes = 100 },
        { stack = { "/src/app/parse+0x20", "main+0x9" }, count = 5, bytes = 500, live_count = 0, live_bytes = 0 },
        { stack = { "main+0x2" }, count = 1, bytes = 7, live_count = 1, live_bytes = 7 },
        { stack = {}, bytes = 0 / 0 }, { count = 3 } }, true))
    local chart = section.charts[1]
    test.equal(chart.views[1].name .. " " .. chart.views[2].name, "allocated in use")
    test.equal(table.concat(chart.names, " "), "all main parse")
    test.equal(table.concat(chart.views[1].values, " "), "0 7 1500")
    test.equal(table.concat(chart.views[2].values, " "), "0 7 100")
    test.fails(nil, "it has no stacks", flame.allocated({}, true))
end)

test("a process that tells what was allocated has that view", function()
    local stack = { "f", "main" }
    local t = { waste = function() return {} end, prof = {
        samples = function() return { by = function() return { { stack = stack, bytes = 10 } } end } end,
        stacks = function() return { { stack = stack, count = 9, bytes = 90 },
            { stack = { "g", "main" }, count = 1, bytes = 5 } } end } }
    test.equal(#flame.section(t, true).charts[1].views, 2)
    local chart = assert(flame.section(t, true, true)).charts[1]
    test.equal(#chart.views, 3)
    test.equal(chart.views[3].name, "allocated")
    local sums = {}
    for v, view in ipairs(chart.views) do
        sums[v] = 0
        for _, value in ipairs(view.values) do
            sums[v] = sums[v] + value
        end
    end
    test.equal(table.concat(sums, " "), "10 0 95")
    t.prof.stacks = nil
    test.equal(#flame.section(t, true, true).charts[1].views, 2)
end)

--- Saves n instants of a heap that grows, and once becomes much larger; returns their paths.
local function saved_instants(folder, n)
    local paths, blocks = {}, {}
    for i = 1, n do
        blocks[i] = la.buffer(i == 47 and 512 << 20 or 20000 * i)
        paths[i] = ("%s.%d"):format(folder, i)
        local instant <close> = assert(la.instant { residency = i % 9 ~= 4 })
        assert(instant:save(paths[i]))
    end
    return paths, setmetatable({}, { __close = function()
        for i, path in ipairs(paths) do
            os.remove(path)
            blocks[i]:free()
        end
    end })
end

test("a film of files is that of the loaded instants", function()
    local folder, _ <close> = temporary()
    local paths, _ <close> = saved_instants(folder, 70)
    for _, expected in ipairs { 0, 70 } do
        local one, other = heap.new { expected = expected }, heap.new { expected = expected }
        local drawn, draw_as_read = 0, one.draw_as_read
        function one.draw_as_read(...)
            local done = draw_as_read(...)
            drawn = drawn + (done and 1 or 0)
            return done
        end
        for _, path in ipairs(paths) do
            test.equal(one:add_file(path), true)
            local instant <close> = la.instant.load(path)
            other:add(instant)
        end
        test.equal(drawn > (expected > 0 and 20 or 3) and drawn < 70, true, drawn)
        test.equal(one.shots[1].place ~= one.shots[70].place, true, "new addresses")
        test.equal(core.json(one:section()) == core.json(other:section()), true, "the same map")
        local difference_of_files = one:difference()
        test.equal(difference_of_files.charts[2].title, "What became of the addresses")
        test.equal(difference_of_files.tables[2].rows[1][1], "unchanged")
        test.equal(core.json(difference_of_files.tables[1].rows), core.json(other:difference().tables[1].rows))
    end
    local film = heap.new()
    test.fails("ENOENT", "cannot be read", film:add_file(folder .. ".missing"))
end)

test("a report of saved instants by their paths", function()
    need_page()
    local path, _ <close> = temporary()
    local paths, _ <close> = saved_instants(path, 2)
    local result = assert(la.report(path, { instants = paths, process = false }))
    test.equal(table.concat(result.sections, " "), "map difference")
    local section = section_of(data_of(read(path)), "difference")
    local bytes = {}
    for _, row in ipairs(section.tables[2].rows) do
        bytes[row[1]] = row[2]
    end
    local before <close> = la.instant.load(paths[1])
    local after <close> = la.instant.load(paths[2])
    local changes = before:diff(after)
    for _, kind in ipairs { "unchanged", "appeared", "gone", "allocated", "freed", "purged", "reused" } do
        test.equal(bytes[kind], changes[kind], kind)
    end
    assert(la.report(path, { instants = { before, after }, process = false }))
    test.equal(core.json(section_of(data_of(read(path)), "difference")), core.json(section))
    after:close()
    assert(la.report(path, { instants = { before, after }, process = false }))
    test.equal(#section_of(data_of(read(path)), "difference").charts, 1, "extents that were given back")
    result = assert(la.report(path, { instants = { paths[1], "/no/such" } }))
    for _, part in ipairs(result.missing) do
        bytes[part.title] = part.why
    end
    test.match(bytes["Heap map"], "^'/no/such' cannot be read")
end)

-- ---- what is given -------------------------------------------------------------------------------------------------

local function figure(median)
    return { median = median, low = median * 0.9, high = median * 1.1 }
end

local function tuning()
    local entries = {}
    for i = 1, 8 do
        entries[i] = { conf = i == 1 and "" or "narenas:" .. i, runs = 5, time = figure(1 + i / 10),
            rss = figure((20 - i) << 20), ratio = { time = 1 + i / 10, rss = 1 - i / 20 } }
    end
    return { verdict = "better", objective = "rss", reason = "confirmed", name = "sh /home/ann/load.sh",
        entries = entries, baseline = entries[1], pareto = { entries[8], entries[3] },
        rejected = { { conf = "thp:always", why = "it failed" } },
        winner = { conf = "narenas:8", line = 'LUNALLOC_CONF="narenas:8"', time = figure(1.8), rss = figure(12 << 20),
            settings = { { name = "narenas", value = 8, default = 4, effect = { time = 0.01, rss = -0.4 },
                why = "Fewer arenas." } } } }
end

test("a search: points, the verdict, what each setting does; without its command line", function()
    local section = assert(search.section(tuning(), true))
    test.match(section.note, '^objective: rss; verdict: better; LUNALLOC_CONF="narenas:8"; confirmed$')
    local plane = section.charts[1]
    test.equal(#plane.series, 4)
    test.equal(#plane.series[1].points, 8)
    test.equal(plane.series[4].points[1][2], 12 << 20)
    test.equal(section.tables[1].rows[1][5], -40.0)
    test.equal(section.tables[1].rows[1][6], "Fewer arenas.")
    test.equal(section.tables[2].rows[2][1], "narenas:3")
    test.equal(section.tables[3].rows[1][1], "the defaults")
    test.equal(section.tables[4].rows[1][2], "it failed")
    test.match(search.section(tuning(), false).note, "load.sh")
end)

test("what is no search says so", function()
    for _, value in ipairs { 1, "x", {}, { 1, 2 }, { entries = 5 } } do
        local section, why = search.section(value, true)
        test.equal(section, nil)
        test.match(why, "no result of a search")
    end
end)

local function workload_result()
    return { allocator = "lunalloc", latency = { malloc = { p50 = 5.5, p90 = 60, p99 = 200, p99_9 = 900, max = 5000,
        count = 20000 } }, timeline = { { t = 0, rss = 1 << 20 }, { t = 1.5, rss = 2 << 20, live = 7 } },
        marks = { { t = 1, mark = "half" } }, fidelity = { kinds = { malloc = { recorded = 4, replayed = 5 } } } }
end

test("a result: latencies, memory over time, fidelity", function()
    local section = assert(result_of.section(workload_result()))
    test.equal(section.charts[1].series[1].name, "malloc")
    test.equal(section.charts[1].series[1].points[3][1], 0.99)
    test.equal(section.charts[1].series[1].points[5][2], 5000)
    test.equal(section.charts[2].x[2], 1.5)
    test.equal(section.charts[2].series[2].values[1], false)
    test.equal(section.charts[2].marks[1].text, "half")
    test.equal(section.tables[2].rows[1][3], 5)
    section = assert(result_of.section { workload_result(), workload_result() })
    test.equal(#section.charts[1].series, 2)
    test.equal(section.charts[1].series[2].name, "lunalloc: malloc")
    test.equal(#section.charts, 3)
end)

test("two instants: what changed most stands first", function()
    local before = difference.sums { at = 10, states = { active = { bytes = 100 }, dirty = { bytes = 50 } },
        arenas = { { arena = 0, active = { bytes = 100 } } }, classes = { { size = 64, used = 640 } } }
    local after = difference.sums { at = 15, states = { active = { bytes = 130 } }, arenas = {},
        classes = { { size = 64, used = 640 }, { size = 128, used = 256 } } }
    local section = assert(difference.section(before, after))
    local rows = section.tables[1].rows
    test.equal(rows[1][1] .. rows[1][4], "class 128 B256")
    test.equal(rows[2][1] .. rows[2][4], "arena 0-100")
    test.match(section.note, "^5 s ")
    test.equal(section.charts[1].rows[1].values[1], 256)
    test.equal(section.charts[1].rows[2].values[2], 100)
    test.equal(difference.section(before, before), nil)
    test.equal(difference.section(before, nil), nil)
end)

test("files that are no results and no traces are missing parts", function()
    need_page()
    local path, _ <close> = temporary()
    local wrong, _ <close> = temporary()
    for _, content in ipairs { "", "{", "[1]", '{"entries":{}}', "\127ELF", ("\0"):rep(100), "LNT" } do
        local file <close> = assert(io.open(wrong, "wb"))
        file:write(content)
        file:flush()
        for _, part in ipairs { "tune", "trace" } do
            test.fails("EINVAL", "^report: there is nothing to show: ",
                la.report(path, { [part] = wrong, process = false }))
            local result = assert(la.report(path, { [part] = wrong, result = workload_result(), process = false }))
            test.equal(#result.sections, 1, content)
            test.equal(#result.missing, 1, content)
        end
    end
    test.fails("EINVAL", "/no/such/file: No such file or directory$",
        la.report(path, { tune = "/no/such/file", process = false }))
    test.fails("EINVAL", "nothing to show$", la.report(path, { process = false }))
end)

test("a recorded trace", function()
    need_page()
    local maker = "build/tests/replay/make_trace"
    local file <close> = io.open(maker)
    if not file then
        test.skip "the program that makes traces is not built"
    end
    local trace, _ <close> = temporary()
    local path, _ <close> = temporary()
    assert(os.execute(("%s %s 20000 4"):format(maker, trace)))
    local result = assert(la.report(path, { trace = trace, process = false }))
    test.equal(result.sections[1], "trace")
    local section = data_of(read(path)).sections[1]
    test.equal(section.charts[1].title, "Live bytes")
    test.equal(section.tables[1].rows[1][2], 20000)
    test.equal(#section.tables[3].rows, 4)
    test.equal(result.sections[2], "map")
    test.equal(#data_of(read(path)).sections[2].charts[1].instants, 13)
end)
