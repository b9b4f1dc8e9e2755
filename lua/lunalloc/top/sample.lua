--- One reading of a target for `lunalloc top`: a plain table of what is shown. lunalloc/top/model.lua takes one each
--- interval, and makes rates of two.
---
---     reading = sample.read(t, { threads = true, stacks = true })      nil, message, code if the target fails
---     process = sample.process(pid)                                    rss, state, name: what the system says
---
--- A reading costs the target one request for each group of figures: counters, threads, stacks. Nothing is walked: what
--- a class wastes comes of its counters.

local sample = {}

local MAX_STACKS <const> = 20
local MAX_THREADS <const> = 1000

-- ---- what the system says ------------------------------------------------------------------------------------------

local function slurp(path)
    local file <close> = io.open(path)
    return file and file:read "a"
end

--- { rss = bytes, state = "S" (T is stopped, Z dead), name = "redis-server" } of a process, or of this one. nil if it
--- is gone. `rss` is nil where the process has no memory (a zombie), or the system does not tell.
function sample.process(pid)
    local text = slurp(("/proc/%s/status"):format(pid or "self"))
    if not text then
        return nil
    end
    local rss = text:match "\nVmRSS:%s*(%d+) kB"
    return {
        name = text:match "^Name:%s*([^\n]*)",
        state = text:match "\nState:%s*(%a)",
        rss = rss and math.tointeger(rss) << 10,
    }
end

-- ---- counters ------------------------------------------------------------------------------------------------------

local TOTALS <const> = { "allocated", "cached", "active", "dirty", "muzzy", "retained", "discarded", "metadata",
    "narenas", "nthreads" }

--- What of a class is kept in slabs and not in use: free regions, and the ends of slabs that hold none. Discarded
--- pages are not kept.
local function add_waste(class, description)
    if class.slabs > 0 and description and description.nregs > 0 then
        class.free = math.max(0, class.slabs * description.nregs - class.regions)
        class.waste = math.max(0, class.slabs * description.slab_size - class.discarded - class.regions * class.size)
    else
        class.free, class.waste = 0, 0
    end
end

local function class_of(row, description)
    local class = { class = row.szind, size = row.size, requests = row.nrequests, fills = row.nfills,
        regions = row.curregs, cached = row.cached, slabs = row.nslabs, partial = row.nonfull,
        discarded = row.discarded }
    class.bytes = math.max(0, class.regions - class.cached) * class.size
    add_waste(class, description)
    return class
end

local function classes_of(stats, descriptions)
    local list = {}
    for index, row in pairs(stats.classes) do
        list[#list + 1] = class_of(row, descriptions[index + 1])
    end
    return list
end

local function arenas_of(stats)
    local list = {}
    for index, row in pairs(stats.arenas) do
        list[#list + 1] = { arena = index, threads = row.nthreads, allocated = row.allocated, active = row.active,
            dirty = row.dirty, muzzy = row.muzzy, retained = row.retained, discarded = row.discarded,
            requests = row.nrequests, slabs = row.nslabs }
    end
    return list
end

local function add_counters(reading, stats, descriptions)
    for _, name in ipairs(TOTALS) do
        reading[name] = stats[name]
    end
    reading.requests, reading.time = stats.nrequests, stats.time
    reading.arenas = arenas_of(stats)
    reading.classes = classes_of(stats, descriptions)
end

-- ---- threads and stacks --------------------------------------------------------------------------------------------

local function threads_of(t)
    local threads, message = t.threads()
    if not threads then
        return nil, message
    end
    local list = {}
    for i, thread in ipairs(threads) do
        if i > MAX_THREADS then
            break
        end
        list[i] = { tid = thread.tid, name = thread.name, arena = thread.arena, cached = thread.cached,
            idle = thread.idle, requests = thread.requests, behind = thread.behind }
    end
    return list
end

local function stacks_of(t)
    local groups, message = t.prof.top { by = "stack", n = MAX_STACKS }
    if not groups then
        return nil, message
    end
    local list = {}
    for i, group in ipairs(groups) do
        list[i] = { bytes = group.bytes, objects = group.objects, oldest = group.oldest,
            stack = table.concat(group.stack, " < ") }
    end
    return list
end

-- ---- the whole -----------------------------------------------------------------------------------------------------

--- Reads a target: a table such as `la`. wanted.threads and wanted.stacks add these lists; if one cannot be had, it is
--- absent and its reason is in reading.why.threads or .stacks. `descriptions`: of the classes, t.sizeclasses().
function sample.read(t, wanted, descriptions)
    local stats, message, code = t.stats()
    if not stats then
        return nil, message, code
    end
    local reading = { why = {} }
    add_counters(reading, stats, descriptions)
    if wanted.threads and t.threads then
        reading.threads, reading.why.threads = threads_of(t)
    end
    if wanted.stacks and t.prof then
        reading.stacks, reading.why.stacks = stacks_of(t)
    end
    return reading
end

return sample
