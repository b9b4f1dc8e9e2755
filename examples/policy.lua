-- policy.lua: called by embed.c after each round of work. Gives pages back only when many are free, and says so.
local la = require "lunalloc"

local limit = 16 << 20 -- bytes of free pages that may stay

return function(round)
    local before = la.stats()
    if before.dirty > limit then
        for _, arena in ipairs(la.arenas()) do arena:purge() end
        local change = la.stats() - before
        print(("round %d: %d MiB were free, %d MiB given back"):format(round, before.dirty >> 20, change.purged >> 20))
    end
end
