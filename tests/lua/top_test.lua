-- lunalloc top: the model of its targets, the picture, the keys, and the output without a terminal. The target is a
-- made-up one, and what the system says of it is, too.

local test = ...
local actions = require "lunalloc.top.actions"
local command = require "lunalloc.command"
local grid = require "lunalloc.top.grid"
local keys = require "lunalloc.top.keys"
local model = require "lunalloc.top.model"
local plain = require "lunalloc.top.plain"
local sample = require "lunalloc.top.sample"
local view = require "lunalloc.top.view"

local MIB <const> = 1 << 20
local process -- what sample.process() says, by pid

sample.process = function(pid)
    return process[pid]
end

local function no_attach()
    return nil, "no process can be read here", "EPERM"
end

-- ---- a target ------------------------------------------------------------------------------------------------------

local function arena_row(index, requests)
    return { arena = index, nthreads = 2 - index, allocated = (30 - 20 * index) * MIB, active = (40 - 25 * index) * MIB,
        dirty = index * MIB, muzzy = 0, retained = 8 * MIB, discarded = (3 - index) * MIB, nrequests = requests,
        nslabs = 1000 }
end

local function class_row(index, size, more)
    local row = { szind = index, size = size, nrequests = 0, nfills = 0, curregs = 0, cached = 0, nslabs = 0,
        nonfull = 0, discarded = 0 }
    for key, value in pairs(more) do
        row[key] = value
    end
    return row
end

-- The counters of the n-th second: 1000 requests in each, of which class 4 has most.
local function stats_of(n)
    return {
        time = n * 1000000000, allocated = 40 * MIB, cached = 2 * MIB, active = 56 * MIB, dirty = 3 * MIB, muzzy = 0,
        retained = 16 * MIB, discarded = 0, metadata = MIB, narenas = 2, nthreads = 3, nrequests = 1000 * n,
        arenas = { [0] = arena_row(0, 900 * n), [1] = arena_row(1, 100 * n) },
        classes = {
            [2] = class_row(2, 32, { nrequests = 200 * n, curregs = 1280, cached = 1024, nslabs = 10 }),
            [4] = class_row(4, 64, { nrequests = 700 * n, nfills = n, curregs = 64, cached = 0, nslabs = 20,
                nonfull = 20 }),
            [40] = class_row(40, 65536, { nrequests = 100 * n, curregs = 3 }),
        },
    }
end

local descriptions = {}
for i = 1, 41 do
    descriptions[i] = { index = i - 1, size = 16 * i, slab_size = i <= 39 and 4096 or 0, nregs = 0 }
end
descriptions[3].nregs, descriptions[5].nregs = 128, 60 -- of the second, slabs have an end without regions

local controls = { { "opt.dirty_decay_ms", "arena.<i>.dirty_decay_ms" }, { "opt.junk", "arenas.junk" },
    { "opt.narenas", "" } }

-- The functions of a target, over `values` of controls. t.second is its clock, t.problem what a call fails with.
local function new_target(pid)
    local t = { pid = pid, name = "server", way = "agent", second = 0,
        values = { ["arena.0.dirty_decay_ms"] = 10000, ["prof.active"] = false } }
    local function answer(value)
        if t.problem then
            return nil, t.problem[1], t.problem[2]
        end
        return value
    end
    function t.stats() return answer(stats_of(t.second)) end
    function t.sizeclasses() return answer(descriptions) end
    function t.get(name) return answer(t.values[name]) end
    function t.set(name, value)
        if t.problem then
            return answer()
        elseif value == "nonsense" then
            return nil, name .. ": 'nonsense' is no number", "EINVAL"
        end
        t.values[name:gsub("4096", "0")] = value
        return true
    end
    function t.names()
        local i = 0
        return function()
            i = i + 1
            return controls[i] and controls[i][1]
        end
    end
    function t.describe(name)
        for _, control in ipairs(controls) do
            if control[1] == name then
                return { name = name, live = control[2] }
            end
        end
    end
    function t.purge()
        process[pid].rss = 50 * MIB
        return answer { threads_silent = { { tid = 9, name = "idle", cached = MIB } } }
    end
    t.prof = {
        start = function() return t.set("prof.active", true) end,
        stop = function() return t.set("prof.active", false) end,
        top = function()
            return answer { { bytes = 8 * MIB, objects = 100, oldest = 61.0, stack = { "grow", "main" } } }
        end,
    }
    process[pid] = { rss = 64 * MIB, state = "S", name = "server" }
    return t
end

-- A model of one target after n seconds.
local function watched(n, wanted)
    process = {}
    local t = new_target(42)
    local m = model.new({ t }, { interval = 1, attach = no_attach })
    for second = 1, n do
        t.second = second
        m:sample(second, wanted)
    end
    return m, t, m.rows[1]
end

local function picture(m, ui, width, height, more)
    local able = { width = width, height = height, utf8 = false, colour = false }
    for key, value in pairs(more or {}) do
        able[key] = value
    end
    local lines, cursor, shown = view.lines(m, ui, able)
    return view.text(lines), cursor, shown, lines
end

local function line_with(lines, text)
    for _, line in ipairs(lines) do
        if line:find(text, 1, true) then
            return line
        end
    end
    error(("no line has '%s':\n%s"):format(text, table.concat(lines, "\n")), 2)
end

local function class_of(row, index)
    for _, class in ipairs(row.now.classes) do
        if class.class == index then
            return class
        end
    end
end

-- ---- the model -----------------------------------------------------------------------------------------------------

test("a reading has the figures, and what classes waste", function()
    local _, _, row = watched(1)
    test.equal(row.now.rss, 64 * MIB)
    test.equal(row.now.active, 56 * MIB)
    test.equal(row.now.fragmentation, 1 - 42 / 56)
    test.equal(class_of(row, 2).bytes, 256 * 32)
    test.equal(class_of(row, 2).free, 0)
    test.equal(class_of(row, 2).waste, 0)
    test.equal(class_of(row, 4).free, 20 * 60 - 64)
    test.equal(class_of(row, 4).waste, 20 * 4096 - 64 * 64)
    test.equal(class_of(row, 40).waste, 0)
    test.equal(row.now.rate, nil)
end)

test("two readings have rates, per second", function()
    local m, t, row = watched(1)
    t.second = 3
    m:sample(3)
    test.equal(row.now.rate, 1000)
    test.equal(class_of(row, 4).rate, 700)
    test.equal(row.now.arenas[1].rate + row.now.arenas[2].rate, 1000)
end)

test("stacks are read every five seconds, and kept between", function()
    local m, t, row = watched(1, { stacks = true })
    local n = 0
    t.prof.top = function()
        n = n + 1
        return {}
    end
    for second = 2, 6 do
        m:sample(second, { stacks = true })
        test.equal(#row.now.stacks, second < 6 and 1 or 0)
    end
    test.equal(n, 1)
end)

test("ten minutes are kept", function()
    local m, t, row = watched(2)
    row:mark(2, "arenas.junk", true)
    for second = 3, 700 do
        t.second = second
        m:sample(second)
        test.equal(#row.marks, second <= 602 and 1 or 0)
    end
    test.equal(#row.line.time, 601)
    test.equal(row.line.time[1], 100)
    test.equal(#row.line.rss, 601)
    test.equal(row.line.rss[601], 64 * MIB)
end)

test("figures from before the attaching, and changes by others, are the agent's history", function()
    process = {}
    local t = new_target(42)
    local asked = {}
    local first, second = { moments = { { time = -59e9, active = 5 } }, marks = {} },
        { moments = { { time = 1e9 } }, marks = { { time = 1500000000, name = "arenas.junk", value = "true" } } }
    t.history = function(options)
        asked[#asked + 1] = options.after or "all"
        return #asked == 1 and first or second
    end
    local m = model.new({ t }, { attach = no_attach })
    for second = 1, 2 do
        t.second = second
        m:sample(second)
    end
    local row = m.rows[1]
    test.equal(asked[1], "all")
    test.equal(asked[2], first)
    test.equal(row.line.time[1], -59.0)
    test.equal(row.line.active[1], 5)
    test.equal(row.line.rss[1] ~= row.line.rss[1], true, "a figure that is not known is a gap")
    test.equal(#row.line.time, 3)
    test.equal(row.marks[1].time, 1.5)
    test.equal(row.changed["arenas.junk"], "true")
end)

test("a stopped process is not asked, by its agent", function()
    local m, t, row = watched(1)
    process[42].state = "T"
    t.stats = function() error "asked" end
    m:sample(2)
    test.equal(row.state, "stopped")
    local ui = keys.new(m)
    keys.press(ui, m, "p", 2)
    test.equal(ui.status.text, "stopped by a signal: it answers when it continues")
    row.way = "memory"
    test.equal(pcall(m.sample, m, 3), false)
end)

test("a process that does not answer is read without its help", function()
    local m, t, row = watched(1)
    local reader = new_target(42)
    row.by_reading = reader
    t.problem, reader.second = { "server:42 does not answer", "ETIMEDOUT" }, 2
    m:sample(2)
    test.equal(row.state, "silent")
    test.equal(row.now.clock, 2)
    test.equal(row.now.rate, 1000)
    t.problem = nil
    m:sample(31)
    test.equal(row.state, "silent")
    m:sample(32)
    test.equal(row.state, "ok")
    process[42].state, reader.second = "T", 40
    m:sample(40)
    test.equal(row.state, "stopped")
    test.equal(row.now.clock, 40)
    process[42], t.problem, reader.problem = nil, { "gone", "ESRCH" }, { "gone", "ESRCH" }
    m:sample(41)
    test.equal(row.state, "lost")
end)

test("a target that does not answer is left alone for a while", function()
    local m, t, row = watched(1)
    t.problem = { "server:42 does not answer", "ETIMEDOUT" }
    m:sample(2)
    test.equal(row.state, "silent")
    test.equal(row.message, "server:42 does not answer")
    t.problem = nil
    m:sample(3)
    test.equal(row.state, "silent")
    m:sample(7)
    test.equal(row.state, "ok")
    test.equal(m:all_lost(), false)
end)

test("a target that has ended is lost, for ever", function()
    local m, t, row = watched(1)
    t.problem = { "gone", "ESRCH" }
    m:sample(2)
    test.equal(row.state, "lost")
    t.problem = nil
    m:sample(9)
    test.equal(row.state, "lost")
    test.equal(m:all_lost(), true)
    test.equal(row.now.clock, 1)
end)

test("what is frozen stays, and reading goes on", function()
    local m, t, row = watched(2)
    m:freeze(true)
    t.second = 3
    m:sample(3)
    test.equal(row.now.clock, 2)
    test.equal(#row.line.time, 3)
    m:freeze(false)
    test.equal(row.now.clock, 3)
end)

-- ---- lists ---------------------------------------------------------------------------------------------------------

local columns = {
    { key = "n", title = "n", rank = 0, ascending = true },
    { key = "much", title = "much", rank = 2 },
    { key = "name", title = "name", rank = 1, left = true, least = 3 },
}
local rows = {
    { n = 1, much = 7, name = "one" },
    { n = 2, name = "two-two" },
    { n = 3, much = 900000, name = "three" },
}

local function grid_text(options)
    return table.concat(view.text(grid.lines(columns, rows, options)), "\n")
end

test("a list is sorted, and what is not known comes last", function()
    test.equal(grid_text { width = 80, height = 9, sort = "much" },
        "n   much name\n3 900000 three\n1      7 one\n2      - two-two")
    test.equal(grid_text { width = 80, height = 9, sort = "much", reverse = true, utf8 = false },
        "n much ^ name\n1      7 one\n3 900000 three\n2      - two-two")
    test.equal(grid_text { width = 80, height = 2, sort = "n", utf8 = true }, "n▲ much name\n 1    7 one")
end)

test("a list that is too high is a part, from the offset on", function()
    for _, offset in ipairs { 1, 99 } do
        test.equal(grid_text { width = 80, height = 3, sort = "n", offset = offset },
            "n   much name\n2      - two-two\n3 900000 three")
    end
end)

test("a list that is too wide is cut at its text, then loses columns", function()
    test.equal(grid_text { width = 14, height = 9, sort = "n" },
        "n   much name\n1      7 one\n2      - two-t\n3 900000 three")
    test.equal(grid_text { width = 11, height = 9, sort = "n" }, "n name\n1 one\n2 two-two\n3 three")
    test.equal(grid_text { width = 2, height = 9, sort = "n" }, "n\n1\n2\n3")
end)

test("names cannot disturb the terminal", function()
    test.equal(grid.clean("a\27[31m\n\t\127b", true), "a?[31m???b")
    test.equal(grid.clean("größe", true), "größe")
    test.equal(grid.clean("größe", false):find "[^\32-\126]", nil)
    test.equal(grid.clean("漢字e\u{301}", true), "??e?")
    test.equal(grid.clean("\xff\xfe", true), "??")
end)

-- ---- the picture ---------------------------------------------------------------------------------------------------

test("80 columns, 24 lines", function()
    local m, _, row = watched(3)
    row:mark(2, "arena.4096.dirty_decay_ms", 500)
    local lines = picture(m, keys.new(m), 80, 24)
    test.equal(#lines, 24)
    test.equal(lines[1], " server:42  agent  3 threads  2 arenas" .. (" "):rep(39) .. "1s")
    test.equal(lines[2], "rss 64.0M  allocated 40.0M  active 56.0M  dirty 3.00M  muzzy 0  retained 16.0M")
    test.equal(lines[3], "frag 25.0%  requests/s 1k  cached 2.00M  metadata 1.00M")
    test.match(lines[4], "dirty_decay_ms = 500 v$")
    test.match(table.concat(lines, "\n"), "64 MiB%+ +[*:]+")
    test.match(lines[11], "^ +%-60s +%-50s +%-40s +%-30s +%-20s +%-10s +0s$")
    test.equal(lines[12], " 1 arenas  2 hottest  3 wasteful  4 threads  5 stacks")
    test.equal(lines[13], "arena threads allocated active v dirty muzzy retained discarded slabs requests/s")
    test.equal(lines[14], "    0       2     30.0M    40.0M     0     0    8.00M     3.00M    1k        900")
    test.equal(lines[15], "    1       1     10.0M    15.0M 1.00M     0    8.00M     2.00M    1k        100")
    test.equal(lines[16], "2 hottest classes")
    test.equal(lines[17], "class  size requests/s v in use objects cached fills requests")
    test.equal(lines[18], "    4    64          700  4.00K      64      0     3     2.1k")
    test.equal(lines[24], "q quit  h help  Tab panel  s sort  p purge  d decay  f profile  w conf  space fr")
end)

test("40 columns, 10 lines: no time line", function()
    local m = watched(3)
    local ui = keys.new(m)
    keys.press(ui, m, "3", 3)
    test.equal(table.concat(picture(m, ui, 40, 10), "\n"), [[
 server:42  agent  3 threads  2 aren 1s
rss 64.0M  allocated 40.0M  active 56.0M
dirty 3.00M  muzzy 0  retained 16.0M
 1  2  3 wasteful  4  5
size in use   free waste v   used slabs
  64  4.00K 1.136k   76.0K   5.3%    20
  32  8.00K      0       0 100.0%    10


q quit  h help  Tab panel  s sort  p pur]])
end)

test("200 columns, 60 lines: all panels, two beside each other", function()
    local m = watched(3, { threads = true, stacks = true })
    local lines, _, shown = picture(m, keys.new(m), 200, 60)
    for _, name in ipairs { "arenas", "hottest", "wasteful", "threads", "stacks" } do
        test.equal(shown[name], true, name)
    end
    test.match(line_with(lines, "2 hottest classes"), "^1 arenas +2 hottest classes$")
    test.match(line_with(lines, "3 most wasteful"), "^3 most wasteful classes +4 threads$")
    test.match(line_with(lines, "grow < main"), "^ *8.00M +100 +61s grow < main$")
    test.match(line_with(lines, "this target does not list its threads"), "")
end)

test("no line is too wide and none is too many, at any size", function()
    local m, _, row = watched(5, { stacks = true })
    row:mark(4, "arena.4096.dirty_decay_ms", 500)
    row.name = ("long"):rep(50)
    for _, utf8_too in ipairs { true, false } do
        for width = 1, 180, 7 do
            for height = 1, 70, 3 do
                for _, change in ipairs { {}, { help = true }, { status = { text = ("s"):rep(300) } },
                    { prompt = { label = "label: ", text = ("t"):rep(60) } } } do
                    local ui = keys.new(m)
                    for key, value in pairs(change) do
                        ui[key] = value
                    end
                    local lines = picture(m, ui, width, height, { utf8 = utf8_too })
                    test.equal(#lines, height, "height")
                    for _, line in ipairs(lines) do
                        test.equal(utf8.len(line) <= width, true, ("%dx%d: %s"):format(width, height, line))
                    end
                end
            end
        end
    end
end)

test("ASCII is ASCII", function()
    local m, _, row = watched(30, { stacks = true })
    row.name = "größe"
    for _, width in ipairs { 40, 80, 200 } do
        local text = table.concat(picture(m, keys.new(m), width, 50), "\n")
        test.equal(text:find "[^\n\32-\126]", nil)
    end
    test.match(table.concat(picture(m, keys.new(m), 80, 50, { utf8 = true }), "\n"), "⠉⠉⠉")
end)

test("series are coloured as their figures", function()
    local m = watched(30)
    local _, _, _, lines = picture(m, keys.new(m), 100, 40, { colour = true })
    local styles = {}
    for _, line in ipairs(lines) do
        for _, cell in ipairs(line) do
            styles[cell[2] or ""] = (styles[cell[2] or ""] or "") .. cell[1]
            test.equal(cell[1]:find("\27", 1, true), nil)
        end
    end
    test.match(styles.series1, "^rss .*%* rss 64 MiB")
    test.match(styles.series6, "^ *retained .*@ retained 16 MiB")
end)

test("several targets are rows; the chosen one has the time line", function()
    process = {}
    local a, b = new_target(42), new_target(43)
    process[43].rss = 128 * MIB
    local m = model.new({ a, b }, { attach = no_attach })
    m:sample(1)
    b.problem = { "gone", "ESRCH" }
    m:sample(2)
    local ui = keys.new(m)
    local lines, _, _, cells = picture(m, ui, 80, 24)
    test.match(lines[1], "^ lunalloc top  2 processes")
    test.match(lines[3], "^ 43 server +128M +40.0M .* lost$")
    test.match(lines[4], "^ 42 server +64.0M +40.0M ")
    test.equal(cells[3][1][2], "chosen")
    test.equal(lines[6], "server:43")
    keys.press(ui, m, "down", 2)
    keys.press(ui, m, "enter", 2)
    test.match(picture(m, ui, 80, 24)[1], "^ server:42 ")
    keys.press(ui, m, "escape", 2)
    test.match(picture(m, ui, 80, 24)[1], "^ lunalloc top ")
    keys.press(ui, m, "up", 2)
    keys.press(ui, m, "p", 2)
    test.equal(ui.status.text, "this process has ended")
end)

test("a target that never answered says why", function()
    process = {}
    local t = new_target(42)
    t.problem = { "it does not speak", "EPROTO" }
    local m = model.new({ t }, { attach = no_attach })
    m:sample(1)
    local lines = picture(m, keys.new(m), 80, 24)
    test.equal(lines[1]:find("SILENT", 1, true) ~= nil, true)
    test.equal(lines[2], "it does not speak")
end)

-- ---- keys ----------------------------------------------------------------------------------------------------------

local function pressed(...)
    local m, t, row = watched(2)
    local ui = keys.new(m)
    local last
    for _, key in ipairs { ... } do
        last = keys.press(ui, m, key, 2)
    end
    return ui, row, t, last, m
end

test("keys choose panels, order and help", function()
    test.equal(pressed("tab").panel, 2)
    test.equal(pressed("backtab").panel, 5)
    test.equal(pressed("4").panel, 4)
    test.equal(pressed("s").sort.arenas.key, "dirty")
    test.equal(pressed("r", "r", "r").sort.arenas.reverse, true)
    test.equal(pressed("h").help, true)
    test.equal(pressed("?", "escape").help, false)
    test.equal(pressed("down", "down", "up").offset, 1)
    test.equal(pressed("x").status.text, "no such key: x (h: help)")
    test.equal(select(4, pressed "q"), "quit")
    local ui, row = pressed " "
    test.equal(ui.frozen and row.frozen, true)
end)

test("p purges, and says what remains", function()
    local ui, row = pressed "p"
    test.equal(ui.status.text, "purged: RSS 64.0M -> 50.0M; 1 thread sleeps and keeps 1.00M in the cache")
    test.equal(row.marks[1].name, "purge")
end)

test("d asks for a value, with the present one, and sets it", function()
    local ui, row, t, _, m = pressed("d", "5", "9", "backspace", "0", "0")
    local lines, cursor = picture(m, ui, 80, 24)
    test.equal(lines[24], "dirty_decay_ms [10000]: 500")
    test.equal(cursor[1], 23)
    test.equal(cursor[2], 27)
    keys.press(ui, m, "enter", 2)
    test.equal(ui.status.text, "dirty_decay_ms of all arenas: 500, was 10000")
    test.equal(t.values["arena.0.dirty_decay_ms"], 500)
    test.equal(row.marks[1].value, 500)
    ui, row = pressed("d", "7", "escape")
    test.equal(next(row.changed), nil)
    test.equal(pressed("d", "q", "enter").prompt, nil)
end)

test("what is refused is said, as a failure", function()
    local m, t, row = watched(2)
    test.equal(actions.set(row, "dirty_decay_ms", "nonsense", 2), "arena.4096.dirty_decay_ms: 'nonsense' is no number")
    test.equal(select(2, actions.set(row, "dirty_decay_ms", "nonsense", 2)), true)
    t.problem = { "read-only: attached by reading alone", "ENOTSUP" }
    local ui = keys.new(m)
    for _, key in ipairs { "p", "d", "f" } do
        keys.press(ui, m, key, 2)
        test.match(ui.status.text, "read%-only: attached by reading alone$")
        test.equal(ui.status.bad, true)
    end
    test.equal(next(row.changed), nil)
    test.equal(#row.marks, 0)
end)

test("f starts the profiler and shows stacks, and stops it", function()
    local ui, row, t = pressed "f"
    test.equal(ui.panel, 5)
    test.match(ui.status.text, "^the profiler runs")
    test.equal(t.values["prof.active"], true)
    test.match(actions.profile(row), "^the profiler has stopped")
    test.equal(t.values["prof.active"], false)
end)

test("w writes the conf line of what was changed", function()
    test.equal(pressed("w").status.text, "nothing was changed yet")
    local ui, row = pressed("d", "5", "enter", "w")
    test.equal(ui.status.text, 'LUNALLOC_CONF="dirty_decay_ms:5"')
    test.equal(ui.conf[42], 'LUNALLOC_CONF="dirty_decay_ms:5"')
    row.changed["arenas.junk"] = true
    row.changed["arena.3.dirty_decay_ms"] = 9
    row.changed["background_thread"] = true
    row.changed["prof.active"] = true
    test.equal(actions.conf(row), 'LUNALLOC_CONF="dirty_decay_ms:5,junk:true"'
        .. "  # cannot be said there: arena.3.dirty_decay_ms background_thread")
end)

-- ---- without a terminal --------------------------------------------------------------------------------------------

test("a line for each target, with a head when asked", function()
    local m = watched(2)
    test.equal(plain.line(m, 80, false), " 42 server  64.0M     40.0M  56.0M  3.00M      0    16.0M 25.0%         1k")
    test.match(plain.line(m, 200, true),
        "^pid name +rss allocated active +dirty +muzzy retained +frag requests/s way +state\n")
end)

test("everything once", function()
    local text = plain.whole(watched(2, { stacks = true }), 80)
    test.match(text, "\n\nhottest classes:\nclass +size +requests/s +in use [^\n]*\n +4 +64 +700 ")
    test.match(text, "\n\nmost wasteful classes:\n")
    test.match(text, "\n\nstacks:\n.*grow < main$")
end)

test("an object is JSON", function()
    local m = watched(2)
    local text = command.json(plain.object(m, 1700000000))
    test.match(text, '^{"targets":%[{"active":58720256,')
    test.match(text, '"name":"server"')
    test.match(text, '"time":1700000000}$')
    test.match(text, '"classes":%[{')
    test.equal(text:find("nan", 1, true), nil)
    test.equal(text:find("why", 1, true), nil)
end)
