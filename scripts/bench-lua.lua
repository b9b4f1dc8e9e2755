-- The measuring part of bench-lua. A row is a function that does something n times; it is given n and returns how many
-- times it was.

package.path = "scripts/bench/?.lua;" .. package.path

local la = require "lunalloc"
local statistics = require "statistics"

local ROUNDS <const> = tonumber(arg[1] or 9)
local READ_NS <const>, WRITE_NS <const>, WALK <const> = 250, 400, 5e6

local BLOCKS <const>, SIZE <const> = 20000, 20000 -- an extent each
local CALLS <const> = 100000

local ONE_FIELD <const> = { fields = { "size" } }
local ALL_FIELDS <const> = { fields = { "addr", "size", "state", "arena", "szind", "slab", "nfree", "nregs", "sn",
    "is_head", "committed", "zeroed", "lru" } }

local name <const>, flag <const> = "arena.0.dirty_decay_ms", "arenas.junk"
local arena = la.ctl.arena[0]
local old = la.get(name)

local function walk_into(t, filter)
    local n = 0
    local _, walker = la.extents(filter)
    while walker:fill(t) do
        n = n + 1
    end
    return n
end

local rows = {
    { "la.get(name)", "ns", READ_NS, function(n)
        for _ = 1, n do
            local _ = la.get(name)
        end
        return n
    end },
    { "la.ctl.arena[0].dirty_decay_ms", "ns", READ_NS, function(n)
        for _ = 1, n do
            local _ = la.ctl.arena[0].dirty_decay_ms
        end
        return n
    end },
    { "the same, of a group that is held", "ns", READ_NS, function(n)
        for _ = 1, n do
            local _ = arena.dirty_decay_ms
        end
        return n
    end },
    { "la.set(name, value)", "ns", WRITE_NS, function(n)
        for _ = 1, n do
            la.set(name, old)
        end
        return n
    end },
    { "la.set of a flag", "ns", WRITE_NS, function(n)
        for _ = 1, n do
            la.set(flag, false)
        end
        return n
    end },
    { "a group's field = value", "ns", WRITE_NS, function(n)
        for _ = 1, n do
            arena.dirty_decay_ms = old
        end
        return n
    end },
    { "la.extents_summary{by=\"state\"}", "/s", WALK, function()
        local n = 0
        for _, group in pairs(la.extents_summary { by = "state" }) do
            n = n + group.count
        end
        return n
    end },
    { "la.extents with a condition none meets", "/s", WALK, function()
        for _ in la.extents { min_size = "1T" } do
            error "it is met"
        end
        return BLOCKS
    end },
    { "for ... in la.extents{fields={\"size\"}}", "/s", WALK, function()
        local n, bytes = 0, 0
        for extent in la.extents(ONE_FIELD) do
            n, bytes = n + 1, bytes + extent.size
        end
        return n
    end },
    { "walker:fill(table) of one field", "/s", WALK, function()
        return walk_into({}, ONE_FIELD)
    end },
    { "walker:fill(table), all 13 fields", "/s", nil, function()
        return walk_into({})
    end },
    { "for ... in la.extents(), records", "/s", WALK, function()
        local n = 0
        for _ in la.extents() do
            n = n + 1
        end
        return n
    end },
    { "the same, and one field is read", "/s", WALK, function()
        local n, bytes = 0, 0
        for extent in la.extents() do
            n, bytes = n + 1, bytes + extent.size
        end
        return n
    end },
    { "the same, and three are", "/s", nil, function()
        local n, bytes = 0, {}
        for extent in la.extents() do
            local state = extent.state
            n, bytes[state] = n + 1, (bytes[state] or 0) + extent.size + extent.arena
        end
        return n
    end },
    { "for ... in la.extents{fields={all 13}}", "/s", nil, function()
        local n = 0
        for _ in la.extents(ALL_FIELDS) do
            n = n + 1
        end
        return n
    end },
    { "a loop in Lua that makes such tables", "/s", nil, function(n)
        for i = 1, n do
            local _ = { addr = i, size = i, state = "dirty", arena = i, szind = i, slab = true, nfree = i, nregs = i,
                sn = i, discarded = 0, is_head = true, committed = true, zeroed = true, lru = i }
        end
        return n
    end },
}

--- Nanoseconds, or times a second.
local function measure(row)
    local begun = os.clock()
    local n = row[4](CALLS)
    local seconds = os.clock() - begun
    return row[2] == "ns" and seconds / n * 1e9 or n / seconds
end

local function text(value, unit)
    return unit == "ns" and ("%.0f ns"):format(value) or ("%.2f M/s"):format(value / 1e6)
end

--- Prints a row; false if its limit is missed.
local function report(row, samples)
    local median, unit, limit = statistics.median(samples), row[2], row[3]
    local met = limit == nil or (unit == "ns" and median <= limit or unit == "/s" and median >= limit)
    local bound = limit and ("%s %s"):format(unit == "ns" and "<=" or ">=", text(limit, unit)) or ""
    print(("%-40s %12s  %4.0f %%  %s%s"):format(row[1], text(median, unit), 100 * statistics.spread(samples), bound,
        met and "" or "  MISSED"))
    return met
end

local blocks, samples = {}, {}
for i = 1, BLOCKS do
    blocks[i] = assert(la.buffer(SIZE))
end
for i, row in ipairs(rows) do
    samples[i] = {}
    measure(row) -- not counted
end
for _ = 1, ROUNDS do
    for i, row in ipairs(rows) do
        collectgarbage()
        table.insert(samples[i], measure(row))
    end
end

assert(#blocks == BLOCKS) -- they live until here
local missed = 0
for i, row in ipairs(rows) do
    missed = missed + (report(row, samples[i]) and 0 or 1)
end
print(("%d passed, %d failed"):format(#rows - missed, missed))
os.exit(missed == 0, true)
