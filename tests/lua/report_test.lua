-- Reports: the data of the page, its bounds with inputs that are too large, and what is kept out of it.

local test = ...
local la = require "lunalloc"
local flame = require "lunalloc.report.flame"
local gather = require "lunalloc.report.gather"
local json = require "lunalloc.json"
local limits = require "lunalloc.report.limits"
local page = require "lunalloc.report.page"
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
    local waste = section_of(data, "waste").charts[1]
    test.equal(waste.kind, "bars")
    test.equal(#waste.rows == 0 or #waste.rows[1].values == #waste.parts, true)
    test.match(table.concat(result.sections, " "), "^timeline waste .*threads doctor settings$")
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
    test.fails("EFAULT", "/no/such/folder/x", la.report("/no/such/folder/x", { doctor = false }))
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
