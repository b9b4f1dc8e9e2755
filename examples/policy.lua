-- policy.lua: a policy for embed.c, which calls it after each round of work. It gives free pages back to the system
-- only when there are many of them, and prints how many.
local la = require "lunalloc"

local limit = 16 << 20 -- bytes of free pages that may stay resident

return function(round)
    local before = la.stats()
    if before.dirty > limit then
        for _, arena in ipairs(la.arenas()) do arena:purge() end
        local change = la.stats() - before
        print(("round %d: %d MiB were free, %d MiB given back"):format(round, before.dirty >> 20, change.purged >> 20))
    end
end
