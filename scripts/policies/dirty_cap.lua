-- dirty_cap.lua [PROCESS] [limit=64M]: keeps the free pages of a process below a limit.
--
-- Pages that a program has freed stay resident until they decay, since it will probably need them again. After a peak
-- they can be many. This policy gives back those of the arenas that have the most, until the rest is within the limit,
-- and leaves the others alone: they go on serving without page faults.
local policy = require "lunalloc.policy"
local units = require "lunalloc.units"

local function free_of(stats)
    return stats.dirty + stats.muzzy
end

--- Those of the arenas that have free pages, the one with the most first.
local function fullest_first(stats)
    local list = {}
    for _, arena in pairs(stats.arenas) do
        if free_of(arena) > 0 then
            list[#list + 1] = arena
        end
    end
    table.sort(list, function(a, b) return free_of(a) > free_of(b) end)
    return list
end

return policy.new {
    name = "dirty_cap",
    does = "gives free pages back to the system while there are more than `limit`",
    options = { limit = { "size", "64M", "bytes of free pages that may stay resident" } },
    start = function(t, options)
        return function()
            local before = policy.try(t.stats())
            local free = free_of(before)
            if free <= options.limit then
                return nil
            end
            local left, arenas = free, 0
            for _, arena in ipairs(fullest_first(before)) do
                if left > options.limit then
                    policy.try(t.set(("arena.%d.purge"):format(arena.arena)))
                    left, arenas = left - free_of(arena), arenas + 1
                end
            end
            local given = policy.try(t.stats()).purged - before.purged
            return ("%s were free, %s given back from %d arena%s"):format(units.human(free), units.human(given),
                arenas, arenas == 1 and "" or "s")
        end
    end,
}
