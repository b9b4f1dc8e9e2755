-- The extents walk against two witnesses, while four threads allocate: the arenas' own page counts at the same instant,
-- and the system's view of the process.

local test = ...
local la = require "lunalloc"
local core = require "lunalloc.core"

local ROUNDS <const> = 20
local OPERATIONS <const> = 100000
local MAX <const> = 1 << 18

local function busy_process()
    return la.workload {
        allocator = "lunalloc",
        threads = 4,
        seed = 7,
        duration = "forever",
        mix = {
            { weight = 90, size = "uniform(16,4096)", lifetime = "exp(2000)", free_by = { other = 0.2 } },
            { weight = 10, size = "uniform(16K,512K)", lifetime = "exp(50)", touch = 0.01 },
        },
    }
end

--- Runs body() over and over while the threads allocate, and until they have done a good deal; then stops them,
--- whatever happened.
local function beside_threads(body)
    local workload = busy_process()
    workload:start()
    local ok, problem = xpcall(function()
        local rounds = 0
        while rounds < ROUNDS or workload:status().ops < OPERATIONS do
            body()
            rounds = rounds + 1
        end
    end, debug.traceback)
    local result = workload:stop()
    assert(ok, problem)
    test.equal(result.ops >= OPERATIONS, true, "the threads did their work")
end

--- One consistent batch of an arena, sorted by address, and its totals.
local function walk(arena)
    local list, totals = core.walk(arena.index, MAX)
    assert(#list < MAX, "the arena does not fit one batch")
    table.sort(list, function(a, b)
        return math.ult(a.addr, b.addr)
    end)
    return list, totals
end

--- Address ranges of this process: {first, last + 1, protection}, ascending.
local function mappings()
    local list = {}
    for line in io.lines "/proc/self/maps" do
        local first, past, protection = line:match "^(%x+)%-(%x+) (%S+)"
        list[#list + 1] = { first = tonumber(first, 16), past = tonumber(past, 16), protection = protection }
    end
    return list
end

--- How many bytes of the extent lie in mappings, and how many of these can be read and written.
local function mapped_bytes(maps, extent)
    local mapped, usable = 0, 0
    for _, map in ipairs(maps) do
        local first = math.max(map.first, extent.addr)
        local past = math.min(map.past, extent.addr + extent.size)
        if first < past then
            mapped = mapped + past - first
            usable = usable + (map.protection:find "^rw" and past - first or 0)
        end
    end
    return mapped, usable
end

test("every batch agrees with its arena's page counts", function()
    local busiest = 0
    beside_threads(function()
        for _, arena in ipairs(la.arenas()) do
            local list, totals = walk(arena)
            local bytes = { active = 0, dirty = 0, muzzy = 0, retained = 0 }
            for _, extent in ipairs(list) do
                local state = extent.state == "busy" and "active" or extent.state
                bytes[state] = bytes[state] + extent.size
            end
            for state, sum in pairs(bytes) do
                test.equal(sum, totals[state], ("arena %d, %s"):format(arena.index, state))
            end
            busiest = math.max(busiest, #list)
        end
    end)
    test.equal(busiest > 20, true, "extents seen at once")
end)

test("extents neither overlap nor leave gaps within a region", function()
    beside_threads(function()
        for _, arena in ipairs(la.arenas()) do
            local previous
            for _, extent in ipairs((walk(arena))) do
                local past = previous and previous.addr + previous.size
                test.equal(not previous or past <= extent.addr, true, "no overlap")
                test.equal(extent.is_head or past == extent.addr, true, "what is no head follows its neighbour")
                previous = extent
            end
        end
    end)
end)

--- Until the result is closed nothing becomes retained: where the system decommits, that ends its being usable.
local function without_purging()
    local settings = { ["arenas.dirty_decay_ms"] = -1, ["arenas.muzzy_decay_ms"] = -1 }
    for _, arena in ipairs(la.arenas()) do
        settings[("arena.%d.dirty_decay_ms"):format(arena.index)] = -1
        settings[("arena.%d.muzzy_decay_ms"):format(arena.index)] = -1
    end
    return la.with(settings)
end

test("every page of every extent is mapped, and usable unless it is retained", function()
    local pages = 0
    local _ <close> = without_purging()
    beside_threads(function()
        local extents = {}
        for _, arena in ipairs(la.arenas()) do
            extents[arena.index] = walk(arena)
        end
        local maps = mappings()
        for _, list in pairs(extents) do
            for _, extent in ipairs(list) do
                local mapped, usable = mapped_bytes(maps, extent)
                test.equal(mapped, extent.size, extent.state .. " extent: bytes mapped")
                if extent.state ~= "retained" then
                    test.equal(usable, extent.size, extent.state .. " extent: bytes that can be used")
                end
                pages = pages + extent.size // 4096
            end
        end
    end)
    test.equal(pages > 0, true)
end)

--- Addresses of small allocations that an earlier test's profile sampled: each is an extent of its own.
local function sampled_before(nsmall)
    local addresses = {}
    for extent in la.extents { state = "active" } do
        addresses[extent.addr] = not extent.slab and extent.szind < nsmall or nil
    end
    return addresses
end

test("szind is there while an extent is live, and only then", function()
    test.equal(la.get "prof.active", false)
    local seen, decays = {}, { 0, 50, 10000, -1 }
    local _ <close> = setmetatable({}, { __close = function()
        for _, name in ipairs { "dirty_decay_ms", "muzzy_decay_ms" } do
            assert(la.set("arena.4096." .. name, la.get("arenas." .. name)))
        end
    end })
    local nsmall = la.get "arenas.nbins"
    local sampled = sampled_before(nsmall)
    local round = 0
    beside_threads(function()
        round = round + 1
        assert(la.set("arena.4096.dirty_decay_ms", decays[round % #decays + 1]))
        assert(la.set("arena.4096.muzzy_decay_ms", decays[round // 4 % #decays + 1]))
        for extent in la.extents() do
            local live = extent.state == "active"
            seen[extent.state] = (seen[extent.state] or 0) + 1
            if live ~= (extent.szind ~= nil) then
                error(("%s extent with szind %s"):format(extent.state, extent.szind))
            end
            local own = sampled[extent.addr] and not extent.slab
            if live and not own and extent.slab ~= (extent.szind < nsmall) then
                error(("szind %d, slab %s"):format(extent.szind, extent.slab))
            end
        end
    end)
    for _, state in ipairs { "active", "dirty", "retained" } do
        test.equal((seen[state] or 0) > 0, true, "extents that were " .. state)
    end
end)
