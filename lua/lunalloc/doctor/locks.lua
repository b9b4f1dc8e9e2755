--- Contention: threads that wait for the lock of a class's bin. It costs time, not memory.

local check = require "lunalloc.check"
local limits = require "lunalloc.doctor.limits"
local units = require "lunalloc.units"

local MAX_BINS <const> = 256

local locks = {}

local function name_of(bin, field)
    return ("stats.arenas.4096.bins.%d.mutex.%s"):format(bin, field)
end

local function nbins(api)
    return check.sent(api.get "arenas.nbins", 0, MAX_BINS)
end

function locks.names(api)
    local names = {}
    for bin = 0, nbins(api) - 1 do
        names[#names + 1] = name_of(bin, "num_wait")
        names[#names + 1] = name_of(bin, "total_wait_time")
    end
    return names
end

--- What is waited for the locks of a bin in a second, as a share of the time of all threads.
local function wait_share(look, bin)
    local ns = look:change(name_of(bin, "total_wait_time"))
    return ns and ns / (look.seconds * 1e9) / math.max(1, look.last.nthreads) or 0
end

--- The bin shards that are enough: a lock for every thread that runs at once, a power of two.
local function shards_for(threads)
    local n = 1
    while n < math.min(threads, 64) do
        n = n * 2
    end
    return n
end

local function find_bin(look, bin, waits, share)
    local size = look.classes[bin + 1].size
    local narenas, nshards = look:number "arenas.nauto" or 1, look:number(("arenas.bin.%d.nshards"):format(bin)) or 1
    local wanted = math.max(nshards * 2, shards_for(look.last.nthreads))
    look:find { kind = "contention", bytes = 0, waits = waits, wait_share = share,
        what = ("Class %d: %s waits a second for the lock of its bin; %.2g %% of the threads' time."):format(size,
            units.human_count(waits / look.seconds // 1), 100 * share),
        cause = ("%d threads share %d arena%s, with %d bin shard%s each."):format(look.last.nthreads, narenas,
            narenas == 1 and "" or "s", nshards, nshards == 1 and "" or "s"),
        where = ("class %d"):format(size),
        remedy = look:set { ("arenas.bin.%d.nshards"):format(bin), math.min(64, wanted) } }
end

function locks.run(look)
    if look.seconds <= 0 then
        return look:miss("contention", "it takes two pictures of a running process")
    elseif not look:after(name_of(0, "num_wait")) then
        return look:miss("contention", "this way to the process cannot read the locks' counters")
    end
    for bin = 0, math.min(nbins(look.api), #look.classes) - 1 do
        local waits, share = look:change(name_of(bin, "num_wait")) or 0, wait_share(look, bin)
        if waits >= limits.waits_at_least and share >= limits.wait_share then
            find_bin(look, bin, waits, share)
        end
    end
end

return locks
