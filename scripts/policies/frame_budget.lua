-- frame_budget.lua: for a host with a loop of frames, such as a game: gives free pages back in what is left of a frame.
--
-- Decay returns pages during any call of the allocator, so it can make a frame late. This policy switches it off, and
-- returns the pages when the frame's work is done, if that fits into the rest: the host calls step(seconds_left). How
-- long it takes is learned from the times before. Above `cap` bytes it does not wait any longer.
local policy = require "lunalloc.policy"
local units = require "lunalloc.units"

--- A guard that keeps decay off in all arenas.
local function without_decay(t)
    local settings = {}
    for _, arena in ipairs(policy.try(t.arenas())) do
        settings[("arena.%d.dirty_decay_ms"):format(arena.index)] = -1
    end
    return policy.try(t.with(settings))
end

return policy.new {
    name = "frame_budget",
    does = "gives free pages back in the time that is left of a frame, and at no other time",
    options = { least = { "size", "4M", "bytes of free pages that are not worth a purge" },
        cap = { "size", "256M", "bytes of free pages at which it purges in any frame" },
        speed = { "size", "2G", "bytes that are returned in a second, as long as that is not known" } },
    start = function(t, options)
        local guard, speed = without_decay(t), options.speed
        return function(left)
            left = left or math.huge -- the steps of a script have no frame
            local free = policy.try(t.get "stats.dirty")
            if free < options.least then
                return nil
            elseif free / speed > left and free < options.cap then
                speed = math.max(speed, math.min(options.speed, 1.1 * speed)) -- a slow purge may have been disturbed
                return nil
            end
            local from = policy.try(t.get "stats.time")
            policy.try(t.set "arena.4096.purge")
            local seconds = (policy.try(t.get "stats.time") - from) / 1e9
            speed = free / math.max(seconds, 1e-6)
            return ("%.1f ms left, %s given back in %.1f ms"):format(1000 * left, units.human(free), 1000 * seconds)
        end, function() guard:restore() end
    end,
}
