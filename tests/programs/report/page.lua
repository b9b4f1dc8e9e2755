-- page.lua FILE SIZE -- writes a report whose data is made up: every kind of chart and table, with hostile names.
-- SIZE is "small", or "full": as large as a report may be.

local path, size = ...
local page = require "lunalloc.report.page"
local frames = require "lunalloc.report.frames"
local limits = require "lunalloc.report.limits"
local text = require "lunalloc.report.text"

local full = size == "full"
local HOSTILE <const> = { '<img src=x onerror="window.attacked=1">', "</script><script>window.attacked=1</script>",
    "\u{202e}gnp.exe", "'\"><svg onload=window.attacked=1>", "=cmd|'/c calc'!A1", "a\0b\27[31m\r\nc", "{{7*7}}${7*7}",
    "https://example.invalid/x", text.cut(("long"):rep(1 << 18)) }

math.randomseed(1)

local function hostile(i)
    return HOSTILE[(i - 1) % #HOSTILE + 1]
end

local function line()
    local n, x, series = full and limits.points or 50, {}, {}
    for s = 1, full and 10 or 3 do
        series[s] = { name = hostile(s), values = {} }
        for i = 1, n do
            series[s].values[i] = i % 17 ~= 5 and (s << 20) + math.random(1 << 20)
        end
    end
    for i = 1, n do
        x[i] = 1700000000 + i
    end
    return { kind = "line", title = "Figures over time", unit = "bytes", xunit = "clock", x = x, series = series,
        marks = { { x = 1700000010, text = hostile(1) }, { x = 1700000020, text = hostile(3) } } }
end

local function bars()
    local rows = {}
    for i = 1, full and 500 or 12 do
        rows[i] = { name = hostile(i), values = { math.random(1 << 20), math.random(1 << 19) } }
    end
    return { kind = "bars", title = "Waste by class", unit = "bytes", rows = rows, more = 3,
        parts = { "free", "rest" } }
end

local function flame()
    local n = full and 20000 or 40
    local names, parents, functions, values = { "all" }, { 0 }, { 0 }, { 0 }
    for i = 1, full and 3000 or 12 do
        names[i + 1] = hostile(i) .. i
    end
    for i = 2, n do
        parents[i], functions[i] = math.random(math.max(0, i - 60), i - 2), math.random(#names - 1)
        values[i] = math.random(1 << 16)
    end
    return { kind = "flame", title = "Flame graph", names = names, parents = parents, functions = functions, rest = 0,
        views = { { name = "in use", unit = "bytes", values = values }, { name = "waste", unit = "bytes",
            values = values } } }
end

--- Cells of which a part changes from one instant to the next.
local function moving(n, part)
    local pictures, cells = {}, {}
    for i = 1, limits.cells do
        cells[i] = string.char(48 + math.random(0, 4))
    end
    for k = 1, n do
        for _ = 1, part * limits.cells // 1 do
            cells[math.random(limits.cells)] = string.char(48 + math.random(0, 4))
        end
        pictures[k] = table.concat(cells)
    end
    return pictures
end

local function map()
    local n = full and 1000 or 5
    local instants, totals = {}, {}
    for i = 1, n do
        instants[i], totals[i] = { time = 1700000000 + i, label = hostile(i) }, { i << 20, 1 << 20, 0, 5 }
    end
    local shown = moving(n, full and 0.05 or 0.3)
    return { kind = "map", title = "Heap map", columns = 64, rows = 64, cell_bytes = 4096, instants = instants,
        spans = { { "0x7f0000000000", "0x7f0000800000", 0 }, { "0x7f1000000000", "0x7f1000700000", 2049 } },
        views = { { name = "state", keys = { "active", "dirty", hostile(1), "retained" }, totals = totals, ramp = false,
            frames = frames.base64(frames.encode(shown)) } } }, shown
end

local function spectrum()
    local points = {}
    for i, nines in ipairs { 0, 0.5, 0.9, 0.99, 0.999, 0.9999 } do
        points[i] = { nines, 10 * i ^ 3 }
    end
    return { kind = "xy", title = "Latency", x = { name = "percentile", unit = "plain", scale = "nines" },
        y = { name = "time", unit = "ns", scale = "log" },
        series = { { name = hostile(2), line = true, points = points } } }
end

local function sheet()
    local rows = {}
    for i = 1, full and limits.rows or 20 do
        rows[i] = { i, hostile(i), i << 12 }
    end
    return { title = "Threads", columns = { { name = "tid", unit = "plain" }, { name = "name", unit = "text" },
        { name = "cached", unit = "bytes" } }, rows = rows, more = 0 }
end

local chart, shown = map()
local data = { schema = 1, made = 1700000100, title = hostile(1), subtitle = "lunalloc 0.1.0",
    figures = { { name = "resident", value = 1 << 27, unit = "bytes" } },
    missing = { { title = "Trace", why = hostile(2) } },
    sections = {
        { id = "timeline", title = "Over time", note = hostile(1), charts = { line() } },
        { id = "map", title = "Heap map", charts = { chart } },
        { id = "waste", title = "Waste", charts = { bars() } },
        { id = "flame", title = "Code", charts = { flame() } },
        { id = "latency", title = "Latency", charts = { spectrum() } },
        { id = "threads", title = "Threads", tables = { sheet() } },
    } }
local html = assert(page.text(data))
assert(page.save(path, html))
-- the cells of the third instant, to compare
io.write(shown[3], "\n")
