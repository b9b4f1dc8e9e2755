--- The threads of a process as objects: la.threads().

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local units = require "lunalloc.units"

local POLL <const> = 0.005 -- seconds between two looks at threads that are waited for

local Thread = {}

-- What an object needs besides its fields: { backend =, sizes = function, objects = {[szind] = count} }.
local private = setmetatable({}, { __mode = "k" })

--- An array of {szind=, size=, count=, bytes=}, for each class of which the cache held objects.
local function classes_of(thread)
    local list, sizes = {}, private[thread].sizes()
    for szind, count in pairs(private[thread].objects) do
        local class = sizes[szind + 1]
        list[#list + 1] = { szind = szind, size = class.size, count = count, bytes = count * class.size }
    end
    table.sort(list, function(a, b) return a.szind < b.szind end)
    return list
end

--- The methods, and `classes`: no field, so that a list of threads prints as a grid. For the same reason the metatable
--- has neither __name nor __tostring.
function Thread.__index(thread, key)
    if key == "classes" and private[thread] then
        return classes_of(thread)
    end
    return Thread[key]
end

function Thread.__eq(a, b)
    local one, other = private[a], private[b]
    return one ~= nil and other ~= nil and a.tid == b.tid and one.backend == other.backend
end

--- All threads in one array, as the backend has them; nil, message, code.
local function all(backend)
    local list, place = {}, 0
    while true do
        local batch, more, code = backend.threads(place)
        if not batch then
            return nil, more, code
        elseif not more then
            return list
        end
        table.move(batch, 1, #batch, #list + 1, list)
        place = more
    end
end

local threads = {}

--- Calls still_waits(list) with all threads until it is false, or until `seconds` have passed. Returns the last list
--- and the seconds that have passed; nil, message, code.
function threads.wait(backend, seconds, still_waits)
    local waited = 0
    while true do
        local list, message, code = all(backend)
        if not list then
            return nil, message, code
        elseif waited >= seconds or not still_waits(list) then
            return list, waited
        end
        core.pause(math.min(POLL, seconds - waited))
        waited = waited + math.min(POLL, seconds - waited)
    end
end

--- The seconds of a timeout, or `usual` if there is none; nil if it is no time.
function threads.seconds(value, usual)
    local time = value == nil and usual * 1e9 or units.time(value)
    return time and time / 1e9
end

local function find(list, tid)
    for _, thread in ipairs(list) do
        if thread.tid == tid then
            return thread
        end
    end
end

--- Asks the thread to empty its cache and waits until it has, at most `timeout` (1 s). A thread that sleeps does so at
--- its next call of the allocator: then the code is ETIMEDOUT. The fields of the object stay what they were.
function Thread:flush(options)
    if getmetatable(self) ~= Thread then
        error(("calling 'thread:flush' on bad self (a thread expected, got %s): it is called with a colon"):format(
            type(self)), 2)
    end
    check.that(options == nil or type(options) == "table", "thread:flush", 1, "{timeout=} expected")
    options = check.plain(options)
    local seconds = threads.seconds(options and options.timeout, 1)
    check.that(seconds, "thread:flush", 1, "timeout: a time expected: " .. units.ACCEPTED.time)
    local backend = private[self].backend
    local done, message, code = backend.set("arenas.tcache_flush_of", self.tid)
    if not done then
        return nil, message, code
    end
    local function waits(list)
        local thread = find(list, self.tid)
        return thread and thread.behind
    end
    done, message, code = threads.wait(backend, seconds, waits)
    if not done then
        return nil, message, code
    elseif waits(done) then
        return nil, ("thread %d (%s) has not called the allocator since: it empties its cache at its next call"):format(
            self.tid, self.name), "ETIMEDOUT"
    end
    return true
end

--- A function that returns the size classes, which are read at its first call.
local function lazy_sizes(backend)
    local sizes
    return function()
        sizes = sizes or assert(backend.sizeclasses())
        return sizes
    end
end

local function new_thread(thread, backend, sizes)
    private[thread] = { backend = backend, sizes = sizes, objects = thread.objects }
    thread.objects = nil
    return setmetatable(thread, Thread)
end

function threads.install(api, backend)
    function api.threads()
        local list, message, code = all(backend)
        if not list then
            return nil, message, code
        end
        local sizes = lazy_sizes(backend)
        for i, thread in ipairs(list) do
            list[i] = new_thread(thread, backend, sizes)
        end
        return list
    end
end

return threads
