-- Reports of hostile input: results of searches and workloads in whose JSON anything may stand, saved instants and
-- traces with random bytes in them, sums made right again so that what is behind them is reached. Each is a page whose
-- data can be read, or a message of one line.
--
-- REPORT_FUZZ=SECONDS goes on for that long, by a seed that it prints; REPORT_SEED=N is a seed to be tried again.

local test = ...
local la = require "lunalloc"
local core = require "lunalloc.core"
local host = require "lunalloc.host"
local json = require "lunalloc.json"
local page = require "lunalloc.report.page"
local result_of = require "lunalloc.report.result"
local search = require "lunalloc.report.search"

local seconds = tonumber(host.os.getenv "REPORT_FUZZ")
local seed = math.tointeger(tonumber(host.os.getenv "REPORT_SEED")) or seconds and host.os.time() or 11
local shown = false

--- Calls body(round) so often, or for its third of the time that is asked for.
local function repeated(rounds, body)
    if seconds and not shown then
        print("REPORT_SEED=" .. seed)
        shown = true
    end
    math.randomseed(seed)
    local stop, round = seconds and core.child.clock() + seconds / 3, 0
    while stop and core.child.clock() < stop or not stop and round < rounds do
        round = round + 1
        local ok, message = xpcall(body, debug.traceback, round)
        if not ok then
            error(("REPORT_SEED=%d, round %d: %s"):format(seed, round, message), 0)
        end
    end
    if seconds then
        print(round .. " rounds")
    end
end

local function temporary()
    local path = os.tmpname()
    return path, setmetatable({}, { __close = function() os.remove(path) end })
end

local function read(path)
    local file <close> = assert(io.open(path, "rb"))
    return file:read "a"
end

local function write(path, text)
    local file <close> = assert(io.open(path, "wb"))
    file:write(text)
end

--- A module without its build folder has no page.
local function need_page()
    if not page.text { } then
        test.skip "the page is not built"
    end
end

-- ---- JSON ----------------------------------------------------------------------------------------------------------

local function figure(median)
    return { median = median, low = median * 0.9, high = median * 1.1 }
end

local function tuning()
    local entries = {}
    for i = 1, 8 do
        entries[i] = { conf = i == 1 and "" or "narenas:" .. i, runs = 5, time = figure(1 + i / 10),
            rss = figure((20 - i) << 20), ratio = { time = 1 + i / 10, rss = 1 - i / 20 } }
    end
    return { verdict = "better", objective = "rss", reason = "confirmed", name = "sh load.sh", entries = entries,
        baseline = entries[1], pareto = { entries[8], entries[3] },
        rejected = { { conf = "thp:always", why = "it failed" } },
        winner = { conf = "narenas:8", line = 'LUNALLOC_CONF="narenas:8"', time = figure(1.8), rss = figure(12 << 20),
            settings = { { name = "narenas", value = 8, default = 4, effect = { time = 0.01, rss = -0.4 } } } } }
end

local function workload()
    return { allocator = "lunalloc", latency = { malloc = { p50 = 5.5, p90 = 60, p99 = 200, p99_9 = 900, max = 5000,
        count = 20000 } }, timeline = { { t = 0, rss = 1 << 20 }, { t = 1.5, rss = 2 << 20, live = 7 } },
        marks = { { t = 1, mark = "half" } }, fidelity = { kinds = { malloc = { recorded = 4, replayed = 5 } } } }
end

local ANYTHING <const> = { 1, -1, 0 / 0, math.huge, 1 << 62, "x", "", true, {}, { {} }, ("y"):rep(5000),
    { { { 1 } } }, "</script><script>", "\0\27[31m\u{202e}", math.mininteger }

--- A value in whose place anything may stand.
local function mutated(value, depth)
    if math.random(12) == 1 then
        return ANYTHING[math.random(#ANYTHING)]
    elseif type(value) ~= "table" or depth > 6 then
        return value
    end
    local copy = {}
    for key, field in pairs(value) do
        copy[key] = mutated(field, depth + 1)
    end
    return copy
end

test("whatever a result's file says, it is a section or a reason, and a page", function()
    need_page()
    repeated(300, function()
        local data = { schema = 1, made = 0, title = "", subtitle = "", sections = {}, missing = {} }
        for _, section in ipairs { search.section, result_of.section } do
            local made, why = section(mutated(section == search.section and tuning() or workload(), 0), true)
            assert(made or type(why) == "string")
            data.sections[#data.sections + 1] = made
        end
        local text = page.json(data)
        assert(json.decode(text))
        assert(not text:find("<", 1, true), "a tag")
    end)
end)

-- ---- files ---------------------------------------------------------------------------------------------------------

local crc_table = {}
for i = 0, 255 do
    local crc = i
    for _ = 1, 8 do
        crc = crc >> 1 ~ (crc & 1) * 0xedb88320
    end
    crc_table[i] = crc
end

local function crc_of(text)
    local crc = 0xffffffff
    for i = 1, #text do
        crc = crc >> 8 ~ crc_table[(crc ~ text:byte(i)) & 255]
    end
    return crc ~ 0xffffffff
end

--- A saved instant with right sums, as far as its chunks can be found (map_file.h).
local function mended_instant(text)
    local parts, at = { text:sub(1, 19) }, 20
    while at + 15 <= #text do
        local size = ("<I4"):unpack(text, at + 4)
        local payload = text:sub(at + 16, at + 15 + size)
        parts[#parts + 1] = text:sub(at, at + 11) .. ("<I4"):pack(crc_of(text:sub(at, at + 11)) ~ crc_of(payload))
        parts[#parts + 1] = payload
        at = at + 16 + size
    end
    return table.concat(parts) .. text:sub(at)
end

--- The same of a trace (trace/format.h).
local function mended_trace(text)
    local parts, at = { text:sub(1, 20), ("<I4"):pack(crc_of(text:sub(1, 20))) }, 25
    while at + 47 <= #text do
        local size = ("<I4"):unpack(text, at + 4)
        local padded = (size + 7) // 8 * 8
        local head = text:sub(at, at + 39) .. ("<I4"):pack(crc_of(text:sub(at + 48, at + 47 + size)))
        parts[#parts + 1] = head .. ("<I4"):pack(crc_of(head)) .. text:sub(at + 48, at + 47 + padded)
        at = at + 48 + padded
    end
    return table.concat(parts) .. text:sub(at)
end

--- The text with some bytes changed, from `first` on; cut off now and then.
local function damaged(text, first)
    local bytes = { text:byte(1, -1) }
    for _ = 1, math.random(6) do
        local at = math.random(first, #bytes)
        bytes[at] = ({ math.random(0, 255), 255, bytes[at] ~ 1 << math.random(0, 7), 0 })[math.random(4)]
    end
    local parts = {}
    for i = 1, #bytes, 128 do
        parts[#parts + 1] = string.char(table.unpack(bytes, i, math.min(i + 127, #bytes)))
    end
    local changed = table.concat(parts)
    return math.random(8) == 1 and changed:sub(1, math.random(#changed)) or changed
end

--- A report of these parts is whole, or refused in one line.
local function check_report(path, parts)
    parts.process = false
    local result, message = la.report(path, parts)
    if not result then
        assert(type(message) == "string" and message ~= "" and not message:find("\n", 1, true), message)
        return false
    end
    local data = read(path):match '<script type="application/json" id="data">(.-)</script>'
    assert(json.decode(data))
    return true
end

--- An instant of few extents: it is short, so that many of its bytes matter.
local function small_instant(path, n)
    local blocks = {}
    for i = 1, n do
        blocks[i] = la.buffer(20000 * i)
    end
    local instant <close> = assert(la.instant { residency = true })
    assert(instant:save(path))
    for i = 1, n do
        blocks[i]:free()
    end
end

test("whatever is in a saved instant, it is a report or a reason", function()
    need_page()
    local good, _ <close> = temporary()
    local hostile, _ <close> = temporary()
    local path, _ <close> = temporary()
    small_instant(good, 9)
    local text, film = read(good), require "lunalloc.report.heap"
    local behind = 36 + ("<I4"):unpack(text, 24) -- the header
    write(hostile, mended_instant(text))
    test.equal(check_report(path, { instants = { good, hostile } }), true, "a file with new sums alone is sound")
    repeated(30, function(round)
        local changed = damaged(text, round % 3 == 0 and 20 or behind)
        write(hostile, round % 4 == 0 and changed or mended_instant(changed))
        check_report(path, { instants = { good, hostile } })
        local many = film.new { expected = 100 } -- so that it is drawn as it is read
        many:add_file(good)
        local done, message = many:add_file(hostile)
        assert(done or type(message) == "string")
        assert(many:section())
    end)
end)

test("whatever is in a trace, it is a report or a reason", function()
    need_page()
    local maker = "build/tests/replay/make_trace"
    local file <close> = io.open(maker)
    if not file then
        test.skip "the program that makes traces is not built"
    end
    local good, _ <close> = temporary()
    local hostile, _ <close> = temporary()
    local path, _ <close> = temporary()
    assert(os.execute(("%s %s 300 3"):format(maker, good)))
    local text, shows = read(good), 0
    repeated(30, function(round)
        local changed = damaged(text, 25)
        write(hostile, round % 4 == 0 and changed or mended_trace(changed))
        shows = shows + (check_report(path, { trace = hostile }) and 1 or 0)
    end)
    test.equal(shows > 0, true, "one was sound")
end)
