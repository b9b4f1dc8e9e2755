--- Memory in the caches of threads that hardly allocate, and in quarantines.

local estimate = require "lunalloc.doctor.estimate"
local limits = require "lunalloc.doctor.limits"
local units = require "lunalloc.units"

local caches = {}

local human = units.human

local USUAL_BYTES <const> = 65536 -- of a class in a cache; more only where batches are freed and requested in turns

-- ---- idle threads --------------------------------------------------------------------------------------------------

--- Objects in the cache of a thread.
local function cached_objects(thread)
    local n = 0
    for _, class in ipairs(thread.classes) do
        n = n + class.count
    end
    return n
end

--- Threads of the list by their numbers.
local function by_tid(threads)
    local list = {}
    for _, thread in ipairs(threads or {}) do
        list[thread.tid] = thread
    end
    return list
end

--- Does the thread use so little of its cache that it would not miss it? `before`: the thread at the beginning.
local function is_idle(thread, before)
    local requests = before and thread.requests - before.requests
    if not requests then
        return false
    end
    return requests == 0 or requests < limits.idle_requests * cached_objects(thread)
end

--- Adds the objects of a thread's cache to those of a list: { [szind] = count }.
local function add_objects(objects, thread)
    for _, class in ipairs(thread.classes) do
        objects[class.szind] = (objects[class.szind] or 0) + class.count
    end
end

--- The idle threads: how many, their cached bytes, how many of them sleep, so that they do not answer now, and the
--- objects in the caches of the others.
local function idle_threads(look)
    local found = { n = 0, bytes = 0, asleep = 0, objects = {} }
    local before = by_tid(look.threads_before)
    for _, thread in ipairs(look.threads_after or {}) do
        if thread.cached >= limits.cached and is_idle(thread, before[thread.tid]) then
            local sleeps = thread.requests == before[thread.tid].requests and thread.idle >= look.seconds
            found.n, found.bytes, found.asleep = found.n + 1, found.bytes + thread.cached, found.asleep
                + (sleeps and 1 or 0)
            if not sleeps then
                add_objects(found.objects, thread)
            end
        end
    end
    return found
end

--- Bytes that a purge gives back once these objects have returned to their slabs: free pages of slabs, and dirty ones.
local function purged_bytes(look, objects)
    local slabs, others, page = 0.0, 0, look:page()
    for szind, row in pairs(look.last.classes) do
        local class, count = look.classes[szind + 1], objects[szind] or 0
        if class.nregs == 0 then
            others = others + count * class.size
        elseif row.nslabs > 0 then
            local regions = row.nslabs * class.nregs
            local free = regions - row.curregs + count
            slabs = slabs + row.nslabs * class.slab_size * estimate.free_pages(class, free, regions, page)
        end
    end
    for index in pairs(look.least) do
        others = others + look:resident("dirty", look:unclaimed(index, "dirty"))
    end
    return look:resident("active", math.floor(slabs)) + others
end

--- What a cache keeps, as a sentence.
local function kept_text(most)
    local usual, batches = math.min(most, USUAL_BYTES), ""
    if most > usual then
        batches = (", and up to %s of those that its thread freed and requested in batches"):format(human(most))
    end
    return ("A cache keeps up to %s of each class%s, however seldom its thread works."):format(human(usual), batches)
end

local function find_idle(look)
    if not look.threads_after then
        return look:miss("caches of idle threads", "this way to the process cannot list its threads")
    elseif look.seconds <= 0 then
        return look:miss("caches of idle threads", "it takes two pictures of a running process")
    end
    local found = idle_threads(look)
    if not look:is_much(found.bytes) then
        return
    end
    look:find { kind = "caches", bytes = found.bytes, gives_back = purged_bytes(look, found.objects),
        what = ("%d threads that hardly allocate hold %s of free objects in their caches.%s"):format(found.n,
            human(found.bytes), found.asleep == 0 and ""
            or (" %d of them sleep, and can empty theirs only when they wake up."):format(found.asleep)),
        cause = kept_text(look:number "arenas.tcache_bytes" or 262144),
        where = found.n .. " threads",
        remedy = look:set_and_purge { "arenas.tcache_bytes", 16384 } }
end

-- ---- quarantine ----------------------------------------------------------------------------------------------------

--- Freed objects that wait count as cached; so the limit, or what is cached, is the most that they can be.
local function find_quarantine(look)
    local limit = look:number "arenas.quarantine" or 0
    local bytes = math.min(limit * look.last.nthreads, look.last.cached)
    if limit == 0 or not look:is_much(bytes) then
        return
    end
    look:find { kind = "quarantine", bytes = bytes, gives_back = bytes,
        what = ("Up to %s of freed objects wait in the quarantines of %d threads."):format(human(bytes),
            look.last.nthreads),
        cause = ("arenas.quarantine is %s for each thread: it finds misuse, and is not for production."):format(
            human(limit)),
        remedy = look:set_and_purge { "arenas.quarantine", 0 } }
    look.quarantined = true
end

function caches.run(look)
    find_quarantine(look)
    if not look.quarantined then
        find_idle(look)
    end
end

return caches
