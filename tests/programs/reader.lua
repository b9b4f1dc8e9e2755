-- reader.lua TARGET REPORT -- is what is read from outside what the process itself said (reader_subject.c)?
--
-- TARGET is a process that has stopped, or the path of its core file. Prints each difference, then how many values of
-- each kind were compared.

local la = require "lunalloc"

local target, path = arg[1], arg[2]
local t = assert(la.attach(math.tointeger(tonumber(target)) or target,
    not target:find "/" and { way = "memory" } or nil))
local is_core = t.way == "core"
local found, compared, refused = {}, {}, {}

local function differ(...)
    found[#found + 1] = table.concat({ ... }, " ")
end

local function count(kind)
    compared[kind] = (compared[kind] or 0) + 1
end

-- Figures that depend on the time, and locks, which the report itself takes.
local function depends(name)
    return name:find "mutex" or name:find "uptime$" or name:find "due_ms$" or name:find "_allowed$" or
        name:find "_over$" or name == "stats.time"
end

local function text(value)
    return type(value) == "boolean" and tostring(value) or math.type(value) and ("%d"):format(value) or value
end

local check = {}

function check.get(line)
    local name, source, value = line:match "^(%S+) (%S+) (.*)$"
    local got, message, code = t.get(name)
    if got == nil then
        if code == "ENOTSUP" then
            refused[name:gsub("%d+", "N")] = true
        else
            differ("get", name, message)
        end
    elseif not depends(name) then
        count "get"
        if text(got) ~= value then
            differ("get", name, "is", tostring(got), "not", value)
        end
        local from = t.describe(name).source
        if from ~= source then
            differ("source of", name, "is", tostring(from), "not", source)
        end
    end
end

local next_extent, walker = t.extents()
local states = { [0] = "active", "dirty", "muzzy", "retained", "busy" }

function check.extent(line)
    local e = next_extent(walker)
    local v = {}
    for word in line:gmatch "%S+" do
        v[#v + 1] = math.tointeger(word)
    end
    if not e then
        return differ("no extent", line)
    end
    count "extent"
    local own = { e.addr, e.size, e.arena, e.state, e.szind or -1, e.slab, e.is_head, e.committed, e.zeroed, e.nfree,
        e.nregs, e.sn, e.lru }
    for i, value in ipairs(own) do
        local expected = v[i]
        if i == 4 then
            expected = states[expected]
        elseif type(value) == "boolean" then
            expected = expected == 1
        end
        if value ~= expected then
            differ("extent", line, "has", tostring(value), "at", i)
        end
    end
end

function check.find(line)
    local addr, region, region_addr, region_size, allocated = line:match "^(%d+) (%d+) (%d+) (%d+) (%d)"
    local at, message = t.find(math.tointeger(addr))
    count "find"
    if not at or at.region ~= math.tointeger(region) or at.region_addr ~= math.tointeger(region_addr) or
        at.region_size ~= math.tointeger(region_size) or at.allocated ~= (allocated == "1") then
        differ("find", line, at and at.region or message)
    end
end

local all = t.stats()

function check.stats(line)
    local arena, name, value = line:match "^(%S+) (%S+) (%S+)"
    local snapshot = arena == "-1" and all or all.arenas[math.tointeger(arena)]
    if name ~= "time" then
        count "stats"
        if not snapshot or snapshot[name] ~= math.tointeger(value) then
            differ("stats", line, "is", tostring(snapshot and snapshot[name]))
        end
    end
end

local fields = { "nmalloc", "ndalloc", "nrequests", "nfills", "nflushes", "curregs", "cached", "nslabs", "nonfull",
    "discarded" }

function check.class(line)
    local class, rest = line:match "^(%S+) (.*)"
    local row, i = all.classes[math.tointeger(class)], 0
    count "class"
    for word in rest:gmatch "%d+" do
        i = i + 1
        local is = row and row[fields[i]] or 0
        if is ~= math.tointeger(word) then
            differ("class", class, fields[i], "is", tostring(is), "not", word)
        end
    end
end

local classes = t.sizeclasses()

function check.sizeclass(line)
    local c = classes[tonumber(line:match "^%d+") + 1]
    count "sizeclass"
    local own = ("%d %d %d %d %d %d %d %d %.9f"):format(c.index, c.size, c.slab_size, c.nregs, c.lg_group, c.lg_delta,
        c.ndelta, c.cached_max, c.max_waste)
    if own ~= line then
        differ("sizeclass", own, "not", line)
    end
end

local threads = t.threads()

function check.thread(line)
    local tid, arena, name, requests, cached, behind, objects =
        line:match "^(%d+) (%d+) (%S+) (%d+) (%d+) (%d)%s*(.*)$"
    count "thread"
    for _, thread in ipairs(threads) do
        if thread.tid == math.tointeger(tid) then
            local same = thread.arena == tonumber(arena) and thread.requests == math.tointeger(requests) and
                thread.cached == math.tointeger(cached) and thread.behind == (behind == "1") and
                (is_core or thread.name == name)
            return same or differ("thread", line, "cached", thread.cached, "requests", thread.requests)
        end
    end
    differ("no thread", tid, objects)
end

for line in io.lines(path) do
    local kind, rest = line:match "^(%S+) (.*)$"
    check[kind](rest)
end
if next_extent(walker) then
    differ "more extents than there are"
end
if not t.consistent then
    differ "not consistent"
end

for i = 1, math.min(#found, 40) do
    print(found[i])
end
local kinds, not_read = {}, {}
for kind, n in pairs(compared) do
    kinds[#kinds + 1] = kind .. " " .. n
end
for name in pairs(refused) do
    not_read[#not_read + 1] = name
end
table.sort(kinds)
table.sort(not_read)
print("compared: " .. table.concat(kinds, ", "))
print("not read from outside: " .. table.concat(not_read, " "))
os.exit(#found == 0)
