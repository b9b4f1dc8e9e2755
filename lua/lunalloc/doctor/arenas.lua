--- Too many arenas for the threads: each keeps free pages and partly used slabs of its own.

local group = require "lunalloc.doctor.group"
local limits = require "lunalloc.doctor.limits"
local units = require "lunalloc.units"

local arenas = {}

--- How many arenas are enough: one for every two threads that run at once.
local function enough(look)
    return math.max(1, math.ceil(look.last.nthreads * limits.threads_per_arena))
end

--- The automatic arenas from `wanted` on that no thread is bound to, with their free pages. A number that was not
--- raised since the start has the arenas 0 to nauto - 1.
local function idle_arenas(look, wanted, nauto)
    local found = group.new()
    for index, row in pairs(look.last.arenas) do
        local free = look:resident("dirty", look:unclaimed(index, "dirty"))
            + look:resident("muzzy", look:unclaimed(index, "muzzy"))
        if index >= wanted and index < nauto and row.nthreads == 0 and free > 0 then
            found:add(index, free)
        end
    end
    return found
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

function arenas.run(look)
    local nauto, wanted = look:value "arenas.nauto", enough(look)
    if not nauto or nauto < limits.arenas_at_least or nauto <= 2 * wanted then
        return
    end
    local found = idle_arenas(look, wanted, nauto)
    local slabs = partly_used(look, found)
    if not look:is_much(found.bytes) then
        return
    end
    for _, arena in ipairs(found) do
        look:claim(arena.index, "dirty", look.least[arena.index].dirty)
        look:claim(arena.index, "muzzy", look.least[arena.index].muzzy)
    end
    look:find { kind = "arenas", bytes = found.bytes + slabs, gives_back = found.bytes,
        what = ("%d arenas for %d threads: %s without a thread hold %s of free pages%s."):format(nauto,
            look.last.nthreads, found:text(), units.human(found.bytes), slabs == 0 and ""
            or (" and %s in partly used slabs"):format(units.human(slabs))),
        cause = "No thread takes from an arena that none is bound to, and nobody purges it.", where = found:text(),
        remedy = look:set { "arenas.nauto", wanted } }
end

return arenas
