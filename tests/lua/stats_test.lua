-- Snapshots and their differences.

local test = ...
local la = require "lunalloc"

local COUNTERS <const> = [[time allocated cached active dirty muzzy retained discarded metadata resident mapped narenas
    nthreads nregions nslabs nextents nmalloc ndalloc nrequests nfills nflushes npurges nmadvise purged]]

test("a snapshot is userdata, read by name", function()
    local s = assert(la.stats())
    test.equal(type(s), "userdata")
    for name in COUNTERS:gmatch("%a+") do
        test.equal(math.type(s[name]), "integer", name)
        test.equal(s[name] >= 0, true, name)
    end
    test.equal(s.allocated <= s.active, true, "allocated <= active")
    test.equal(s.narenas >= 1, true)
end)

test("unknown fields raise with a suggestion", function()
    local s = la.stats()
    test.raises("stats_test.lua:%d+: no field 'alocated' in a snapshot; did you mean 'allocated'%?", function()
        return s.alocated
    end)
    test.raises("no field 'seconds' in a snapshot", function()
        return s.seconds
    end)
    test.raises("no field 'rates' in a snapshot", function()
        return s.rates
    end)
    test.raises("did you mean 'classes'%?", function()
        return s.clases
    end)
    test.raises("no field 'nmaloc' in this row of the statistics; did you mean 'nmalloc'%?", function()
        return s.arenas[0].nmaloc
    end)
end)

test("rows of arenas and classes", function()
    local buffer <close> = la.buffer(100)
    local s = la.stats()
    test.equal(#s.arenas >= 1, true)
    test.equal(s.arenas[0].arena, 0)
    test.equal(s.arenas[0].narenas, 1)
    test.equal(s.arenas[99999], nil)
    test.equal(s.classes[-1], nil)
    test.equal(s.classes[#s.classes], nil)
    local szind, size = la.sizeclass(100)
    local class = s.classes[szind]
    test.equal(class.szind, szind)
    test.equal(class.size, size)
    test.equal(class.curregs >= 1, true)
    for i = 0, #s.classes - 1 do
        test.equal(s.classes[i].szind, i)
        test.equal(s.classes[i].nmalloc >= 0, true)
    end
    test.raises("indexed by the number of a size class, not by .x.", function()
        return s.classes.x
    end)
end)

test("counters are read only", function()
    test.raises("", function()
        la.stats().allocated = 1
    end)
end)

test("a difference shows what happened between", function()
    local szind, size = la.sizeclass "512K"
    local before = la.stats()
    local keep = {}
    for i = 1, 10 do
        keep[i] = assert(la.buffer(size))
    end
    local after = la.stats()
    local difference = after - before
    test.equal(difference.time, after.time - before.time)
    test.equal(difference.seconds, difference.time / 1e9)
    test.equal(difference.allocated, after.allocated - before.allocated)
    test.equal(difference.classes[szind].curregs, after.classes[szind].curregs - before.classes[szind].curregs)
    test.equal(difference.classes[szind].size, size)
    test.equal(difference.arenas[0].arena, 0)
    test.equal((before - after).time, -difference.time)
    test.equal((before - after).seconds < 0, true)
    for _, buffer in ipairs(keep) do
        buffer:free()
    end
end)

test("rates are of cumulative counters, per second", function()
    local before = la.stats()
    local deadline = os.clock() + 0.01
    while os.clock() < deadline do
        local _ <close> = la.buffer "1M"
    end
    local d = la.stats() - before
    test.equal(math.abs(d.rates.nmalloc * d.seconds - d.nmalloc) < 0.01, true)
    test.raises("'allocated' has no rate", function()
        return d.rates.allocated
    end)
    test.raises("no field 'nmaloc'", function()
        return d.rates.nmaloc
    end)
    local n = 0
    for name, rate in pairs(d.rates) do
        test.equal(math.type(rate), "float", name)
        n = n + 1
    end
    test.equal(n, 8)
end)

test("a difference keeps what says which row it is", function()
    local arena = assert(la.arena.create {})
    local buffer <close> = la.buffer(5000)
    local before = la.stats()
    assert(buffer:resize "100K")
    local difference = la.stats() - before
    test.equal(difference.arenas[arena.index].arena, arena.index)
    test.equal(difference.arenas[0].arena, 0)
    for _, bytes in ipairs { 5000, "100K" } do
        local szind, size = la.sizeclass(bytes)
        test.equal(difference.classes[szind].szind, szind)
        test.equal(difference.classes[szind].size, size)
    end
    assert(arena:destroy())
end)

test("only two snapshots have a difference", function()
    local s = la.stats()
    test.raises("not between differences", function()
        return (s - s) - s
    end)
    test.raises("not between a snapshot and a number", function()
        return s - 1
    end)
    test.raises("not between a number and a snapshot", function()
        return 1 - s
    end)
    test.equal((s - s).seconds, 0)
    test.equal((s - s).rates.nmalloc, 0)
end)

test("pairs gives the counters in order, then the parts", function()
    local names = {}
    for name in pairs(la.stats()) do
        names[#names + 1] = name
    end
    test.equal(table.concat(names, " "), (COUNTERS:gsub("%s+", " ")) .. " arenas classes")
    local s = la.stats()
    local parts = {}
    for name in pairs(s - s) do
        parts[#parts + 1] = name
    end
    test.equal(table.concat(parts, " ", #parts - 3), "arenas classes seconds rates")
    for szind, class in pairs(s.classes) do
        test.equal(class.szind, szind)
    end
end)

-- A reader of the JSON that tojson writes: objects, arrays, numbers.
local function parse_json(text, at)
    local opening = text:sub(at, at)
    if opening ~= "{" and opening ~= "[" then
        local number = text:match("^%-?%d+%.?%d*[eE]?[%+%-]?%d*", at)
        return assert(tonumber(number), text:sub(at, at + 20)), at + #number
    end
    local value, closing, n = {}, opening == "{" and "}" or "]", 0
    at = at + 1
    while text:sub(at, at) ~= closing do
        local key
        if opening == "{" then
            key = assert(text:match('^"([%w_]+)":', at), text:sub(at, at + 20))
            at = at + #key + 3
        else
            n = n + 1
            key = n
        end
        value[key], at = parse_json(text, at)
        local comma = text:sub(at, at)
        assert(comma == "," or comma == closing, text:sub(at, at + 20))
        at = comma == "," and at + 1 or at
    end
    return value, at + 1
end

test("tojson is valid and complete", function()
    local small <close> = la.buffer(5000)
    local large <close> = la.buffer "100K"
    local s = la.stats()
    local text = s:tojson()
    local value, ending = parse_json(text, 1)
    test.equal(ending, #text + 1)
    test.equal(value.allocated, s.allocated)
    test.equal(#value.arenas, #s.arenas)
    test.equal(value.arenas[1].arena, 0)
    test.equal(value.classes[1].size > 0, true)
    local n = 0
    for szind in pairs(s.classes) do
        n = n + 1
        test.equal(value.classes[n].szind, szind)
        test.equal(value.classes[n].nmalloc, s.classes[szind].nmalloc)
    end
    test.equal(#value.classes, n)
    local difference = la.stats() - s
    local parsed = parse_json(difference:tojson(), 1)
    test.equal(math.abs(parsed.seconds - difference.seconds) < 1e-6, true)
    test.equal(type(parsed.rates.nmalloc), "number")
end)

test("tostring is aligned text for people", function()
    local text = tostring(la.stats())
    local n = 0
    for line in text:gmatch("[^\n]+") do
        test.match(line, "^%a+ +%-?[%d,.]+")
        n = n + 1
    end
    test.equal(n, 24)
    test.match(text, "allocated +[%d.]+ %a+")
    local s = la.stats()
    test.match(tostring(s - s), "nmalloc +0 +0.0/s")
    test.match(tostring(s.arenas[0]), "^arena=0 time=")
    test.match(tostring(s.classes), "^%d+ rows: ")
end)

--- 12,345
local function grouped(number)
    local text, n = tostring(number), nil
    repeat
        text, n = text:gsub("^(%-?%d+)(%d%d%d)", "%1,%2")
    until n == 0
    return text
end

test("counts and sizes as people read them", function()
    local before, buffers = la.stats(), {}
    for i = 1, 3000 do
        buffers[i] = la.buffer(100)
    end
    local after = la.stats()
    for _, s in ipairs { after, after - before, before - after } do
        test.match(tostring(s), "nmalloc +" .. grouped(s.nmalloc):gsub("%-", "%%-") .. "%s")
    end
    test.equal(after.nmalloc >= 3000 and #buffers == 3000, true)
    local human = require "lunalloc.units".human
    for bytes, text in pairs { [0] = "0 B", [1023] = "1023 B", [1024] = "1.00 KiB", [1536] = "1.50 KiB",
        [10237] = "10.0 KiB", [10230] = "9.99 KiB", [102390] = "100 KiB", [-2048] = "-2.00 KiB",
        [1 << 20] = "1.00 MiB", [5 << 40] = "5.00 TiB" } do
        test.equal(human(bytes), text)
    end
end)

test("a view outlives its snapshot", function()
    local row = la.stats().arenas[0]
    local rates = (la.stats() - la.stats()).rates
    collectgarbage()
    collectgarbage()
    test.equal(row.arena, 0)
    test.equal(math.type(rates.nmalloc), "float")
end)

test("toopenmetrics: one family a counter, ended by EOF", function()
    local s = la.stats()
    local text, seen = s:toopenmetrics(), {}
    test.match(text, "# EOF\n$")
    for family, kind in text:gmatch("# TYPE (%S+) (%S+)") do
        test.equal(seen[family], nil, family)
        seen[family] = kind
    end
    test.equal(seen.lunalloc_allocated_bytes, "gauge")
    test.equal(seen.lunalloc_arenas_nmalloc, "counter")
    test.equal(seen.lunalloc_classes_cached, "gauge")
    test.match(text, "\nlunalloc_allocated_bytes " .. s.allocated .. "\n")
    test.match(text, "\nlunalloc_nmalloc_total " .. s.nmalloc .. "\n")
    test.match(text, "\nlunalloc_time_seconds " .. ("%d%%.%09d"):format(s.time // 10 ^ 9, s.time % 10 ^ 9) .. "\n")
    test.match(text, '\nlunalloc_arenas_dirty_bytes{arena="0"} ' .. s.arenas[0].dirty .. "\n")
    test.match(text, '\n# UNIT lunalloc_classes_size_bytes bytes\n')
    for szind, class in pairs(s.classes) do
        test.match(text, ('\nlunalloc_classes_size_bytes{class="%d",size="%d"} %d\n'):format(szind,
            class.size, class.size))
    end
    test.raises("a difference has no metrics", function()
        return (la.stats() - s):toopenmetrics()
    end)
end)

local function printed(opts)
    local file <close> = assert(io.tmpfile())
    local before = io.output(file)
    local ok, message = pcall(la.stats_print, opts)
    io.output(before)
    assert(ok, message)
    file:seek "set"
    return file:read "a"
end

test("both reports call a counter alike", function()
    local seen, n = {}, 0
    for family, kind in printed "O":gmatch("# TYPE (lunalloc_[^%s]+) (%S+)") do
        seen[family] = kind
    end
    for family, kind in la.stats():toopenmetrics():gmatch("# TYPE (%S+) (%S+)") do
        if seen[family] then
            test.equal(kind, seen[family], family)
            n = n + 1
        end
    end
    test.equal(n > 30, true)
end)

test("a report arrives whole", function()
    local text = require "lunalloc.core".report ""
    test.match(text, "^___ Begin lunalloc statistics ___\n.*\n%-%-%- End lunalloc statistics %-%-%-\n$")
    local n = 0
    for name, value in text:gmatch "\n  (opt%.[%w_]+): ([^\n]*)" do
        n = n + 1
        test.equal(tostring(la.get(name)), value, name)
    end
    test.equal(n > 50, true)
end)

test("stats_print in three formats", function()
    test.match(printed(), "^___ Begin lunalloc statistics ___\n.*\n%-%-%- End lunalloc statistics %-%-%-\n$")
    test.match(printed "J", '^{"jemalloc":{"version":.*}}\n$')
    test.match(printed "O", "^# TYPE lunalloc info\n.*# EOF\n$")
    test.equal(printed "gmdablxe":find "Merged", nil)
end)

test("reconcile: figures beside the system's", function()
    local r, message, code = la.reconcile()
    if not r then
        test.equal(code, "ENOSYS")
        test.match(message, "smaps_rollup")
        return
    end
    test.equal(r.rss, r.anonymous + r.file)
    test.equal(r.active.resident <= r.active.counted, true)
    test.equal(r.explained > 0, true)
    test.equal(math.type(r.unexplained), "integer")
end)
