--- The panels of `lunalloc top`: what each lists, in which columns. lunalloc/top/view.lua draws them.
---
---     panel = panels.list[1]       key, name, title, columns, sort (at first), rows(row) -> list, or nil and why not
---
--- `panels.targets` is the table of several targets.

local units = require "lunalloc.units"

local panels = {}

-- ---- formats -------------------------------------------------------------------------------------------------------

--- "52.1M" of bytes: as units.human, in as few characters as a column has.
function panels.bytes(value)
    local text = units.human(value):gsub(" ([KMGTP])iB$", "%1"):gsub(" B$", "")
    return text
end

function panels.count(value)
    return (units.human_count(value):gsub(" ", ""))
end

--- "51.2k" per second; one decimal below 10.
function panels.rate(value)
    return value < 10 and value > 0 and ("%.1f"):format(value) or panels.count(value)
end

function panels.percent(value)
    return ("%.1f%%"):format(value * 100)
end

--- "4s", "12m", "3h" of seconds.
function panels.age(seconds)
    local whole = math.floor(seconds)
    if whole < 120 then
        return whole .. "s"
    elseif whole < 7200 then
        return whole // 60 .. "m"
    end
    return whole // 3600 .. "h"
end

local bytes, count, rate, percent = panels.bytes, panels.count, panels.rate, panels.percent

-- ---- lists ---------------------------------------------------------------------------------------------------------

--- The classes of a reading that match, each with the share of its slabs that is in use.
local function classes(reading, wanted)
    local list = {}
    for _, class in ipairs(reading.classes) do
        if wanted(class) then
            class.used = class.slabs > 0 and class.regions + class.free > 0
                and class.regions / (class.regions + class.free) or nil
            list[#list + 1] = class
        end
    end
    return list
end

local function hottest(row)
    return classes(row.now, function(class) return class.requests > 0 end)
end

local function wasteful(row)
    return classes(row.now, function(class) return class.slabs > 0 end)
end

local function threads(row)
    if row.now.threads then
        return row.now.threads
    end
    return nil, row.now.why.threads or row.t.threads and "reading..." or "this target does not list its threads"
end

local function stacks(row)
    if row.now.stacks and #row.now.stacks > 0 then
        return row.now.stacks
    end
    return nil, row.now.why.stacks or "no samples: f starts the profiler"
end

-- ---- the panels ----------------------------------------------------------------------------------------------------

local function column(key, title, format, rank, more)
    local new = more or {}
    new.key, new.title, new.format, new.rank = key, title, format, rank
    return new
end

panels.list = {
    {
        key = "1", name = "arenas", title = "arenas", sort = "active",
        rows = function(row) return row.now.arenas end,
        columns = {
            column("arena", "arena", nil, 0, { ascending = true }), column("threads", "threads", nil, 6),
            column("allocated", "allocated", bytes, 3), column("active", "active", bytes, 1),
            column("dirty", "dirty", bytes, 2), column("muzzy", "muzzy", bytes, 5),
            column("retained", "retained", bytes, 4), column("discarded", "discarded", bytes, 8),
            column("slabs", "slabs", count, 9), column("rate", "requests/s", rate, 7),
        },
    },
    {
        key = "2", name = "hottest", title = "hottest classes", sort = "rate", rows = hottest,
        columns = {
            column("class", "class", nil, 6, { ascending = true }), column("size", "size", bytes, 0),
            column("rate", "requests/s", rate, 1), column("bytes", "in use", bytes, 2),
            column("regions", "objects", count, 3), column("cached", "cached", count, 4),
            column("fills", "fills", count, 7), column("requests", "requests", count, 5),
        },
    },
    {
        key = "3", name = "wasteful", title = "most wasteful classes", sort = "waste", rows = wasteful,
        columns = {
            column("class", "class", nil, 6, { ascending = true }), column("size", "size", bytes, 0),
            column("bytes", "in use", bytes, 2), column("free", "free", count, 4),
            column("waste", "waste", bytes, 1), column("used", "used", percent, 3),
            column("slabs", "slabs", count, 5), column("partial", "partial", count, 7),
        },
    },
    {
        key = "4", name = "threads", title = "threads", sort = "cached", rows = threads,
        columns = {
            column("tid", "tid", nil, 0, { ascending = true }), column("cached", "cached", bytes, 1),
            column("arena", "arena", nil, 4), column("idle", "idle", panels.age, 3),
            column("rate", "requests/s", rate, 5),
            column("name", "name", nil, 2, { left = true, least = 6, ascending = true }),
        },
    },
    {
        key = "5", name = "stacks", title = "stacks", sort = "bytes", rows = stacks,
        columns = {
            column("bytes", "bytes", bytes, 0), column("objects", "objects", count, 3),
            column("oldest", "oldest", panels.age, 4), column("stack", "stack", nil, 1, { left = true, least = 10 }),
        },
    },
}

panels.by_name = {}
for i, panel in ipairs(panels.list) do
    panels.by_name[panel.name] = i
end

--- A row of the model as a line of the table of targets.
local function target_line(row)
    local now = row.now or {}
    return { row = row, pid = row.pid or "self", name = row.name, way = row.way, rss = now.rss,
        allocated = now.allocated, active = now.active, dirty = now.dirty, muzzy = now.muzzy, retained = now.retained,
        fragmentation = now.fragmentation, rate = now.rate, state = row.state ~= "ok" and row.state or "",
        style = row.state ~= "ok" and "bad" or nil }
end

panels.targets = {
    name = "targets", sort = "rss",
    rows = function(model)
        local list = {}
        for i, row in ipairs(model.rows) do
            list[i] = target_line(row)
        end
        return list
    end,
    columns = {
        column("pid", "pid", tostring, 0, { ascending = true }),
        column("name", "name", nil, 2, { left = true, ascending = true, most = 20 }),
        column("rss", "rss", bytes, 1, { steady = 6 }), column("allocated", "allocated", bytes, 3),
        column("active", "active", bytes, 5), column("dirty", "dirty", bytes, 4, { steady = 6 }),
        column("muzzy", "muzzy", bytes, 9, { steady = 6 }), column("retained", "retained", bytes, 8),
        column("fragmentation", "frag", percent, 7, { steady = 5 }),
        column("rate", "requests/s", rate, 6), column("way", "way", nil, 10, { left = true }),
        column("state", "state", nil, 2, { left = true }),
    },
}

return panels
