--- Memory in the caches of threads that hardly allocate, and in quarantines.

local limits = require "lunalloc.doctor.limits"
local units = require "lunalloc.units"

local caches = {}

local human = units.human

-- ---- idle threads --------------------------------------------------------------------------------------------------

--- Objects in the cache of a thread. An array of them has the class i at i + 1.
local function cached_objects(thread)
    local n = 0
    for _, objects in pairs(thread.objects or {}) do
        n = n + (math.type(objects) and objects or 0)
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

--- The idle threads: how many, their cached bytes, and those of them that work now and then, so that they can be asked.
local function idle_threads(look)
    local found = { n = 0, bytes = 0, asleep = 0, asleep_bytes = 0 }
    local before = by_tid(look.threads_before)
    for _, thread in ipairs(look.threads_after or {}) do
        if thread.cached > 0 and is_idle(thread, before[thread.tid]) then
            local sleeps = thread.requests == before[thread.tid].requests
            found.n, found.bytes = found.n + 1, found.bytes + thread.cached
            found.asleep = found.asleep + (sleeps and 1 or 0)
            found.asleep_bytes = found.asleep_bytes + (sleeps and thread.cached or 0)
        end
    end
    return found
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
    local limit = 16384
    look:find { kind = "caches", bytes = found.bytes, gives_back = found.bytes - found.asleep_bytes,
        what = ("%d threads that hardly allocate hold %s of free objects in their caches.%s"):format(found.n,
            human(found.bytes), found.asleep == 0 and "" or (" %d of them sleep; these answer at their next call.")
            :format(found.asleep)),
        cause = ("A cache keeps up to %s of each class, however seldom its thread works."):format(
            human(look:value "arenas.tcache_bytes" or 65536)),
        where = found.n .. " threads",
        remedy = { text = ("%s; %s"):format(look:call('set("arenas.tcache_bytes", %d)', limit),
            look:call "purge{all = true}"),
            apply = function()
                local ok, message, code = look.api.set("arenas.tcache_bytes", limit)
                if not ok then
                    return ok, message, code
                end
                return look.api.purge { all = true }
            end } }
end

-- ---- quarantine ----------------------------------------------------------------------------------------------------

--- Freed objects that wait count as cached; so the limit, or what is cached, is the most that they can be.
local function find_quarantine(look)
    local limit = look:value "arenas.quarantine" or 0
    local bytes = math.min(limit * look.last.nthreads, look.last.cached)
    if limit == 0 or not look:is_much(bytes) then
        return
    end
    look:find { kind = "quarantine", bytes = bytes, gives_back = bytes,
        what = ("Up to %s of freed objects wait in the quarantines of %d threads."):format(human(bytes),
            look.last.nthreads),
        cause = ("arenas.quarantine is %s for each thread: it finds misuse, and is not for production."):format(
            human(limit)),
        remedy = { text = ("%s; %s"):format(look:call 'set("arenas.quarantine", 0)', look:call "purge{all = true}"),
            apply = function()
                return look.api.set("arenas.quarantine", 0) and look.api.purge { all = true }
            end } }
    look.quarantined = true
end

function caches.run(look)
    find_quarantine(look)
    if not look.quarantined then
        find_idle(look)
    end
end

return caches
