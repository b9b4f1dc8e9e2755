--- Too many arenas for the threads: each keeps free pages and partly used slabs of its own.

local group = require "lunalloc.doctor.group"
local limits = require "lunalloc.doctor.limits"
local units = require "lunalloc.units"

local arenas = {}

--- How many arenas are enough: one for every two threads that run at once.
local function enough(look)
    return math.max(1, math.ceil(look.last.nthreads * limits.threads_per_arena))
end

--- The arenas that no thread is bound to, with their free pages: the automatic ones from `wanted` on, which a lower
--- number retires, and the manual ones. A number that was not raised since the start has the arenas 0 to nauto - 1.
local function idle_arenas(look, wanted, nauto)
    local automatic, manual, all = group.new(), group.new(), group.new()
    for index, row in pairs(look.last.arenas) do
        local free = look:resident("dirty", look:unclaimed(index, "dirty"))
            + look:resident("muzzy", look:unclaimed(index, "muzzy"))
        if row.nthreads == 0 and free + row.active > 0 and index >= wanted then
            local of = index < nauto and automatic or manual
            of:add(index, free)
            all:add(index, free)
        end
    end
    return automatic, manual, all
end

--- Bytes of free regions in the slabs of these arenas. Nothing else uses them.
local function partly_used(look, found)
    local bytes, of = 0, {}
    for _, arena in ipairs(found) do
        of[arena.index] = true
    end
    for _, row in ipairs(look.api.waste { by = "arena" } or {}) do
        bytes = bytes + (of[row.arena] and row.free or 0)
    end
    return bytes
end

--- Fewer automatic arenas; for manual ones a purge.
local function remedy(look, automatic, manual, wanted)
    local steps = {}
    if automatic.bytes > 0 then
        steps[1] = { "arenas.nauto", wanted }
    end
    if manual.bytes > 0 then
        steps[#steps + 1] = { manual:name "purge" }
    end
    return look:set(table.unpack(steps))
end

local function claim_all(look, found)
    for _, arena in ipairs(found) do
        look:claim(arena.index, "dirty", look.least[arena.index].dirty)
        look:claim(arena.index, "muzzy", look.least[arena.index].muzzy)
    end
end

function arenas.run(look)
    local nauto, wanted = look:number "arenas.nauto" or 0, enough(look)
    local automatic, manual, all = idle_arenas(look, wanted, nauto)
    if #all < limits.arenas_at_least or #all <= wanted or all.bytes == 0 then
        return
    end
    local slabs = partly_used(look, all)
    if not look:is_much(all.bytes + slabs) then
        return
    end
    claim_all(look, all)
    look:find { kind = "arenas", bytes = all.bytes + slabs, gives_back = all.bytes,
        what = ("%d arenas for %d threads: %s without a thread hold %s of free pages%s."):format(look.last.narenas,
            look.last.nthreads, all:text(), units.human(all.bytes), slabs == 0 and ""
            or (" and %s in partly used slabs"):format(units.human(slabs))),
        cause = "No thread takes from an arena that none is bound to, and nobody purges it.", where = all:text(),
        remedy = remedy(look, automatic, manual, wanted) }
end

return arenas
