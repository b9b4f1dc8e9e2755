-- cgroup.lua [PROCESS] [at=90%] [stall=5%]: gives memory back before the kernel has to take it.
--
-- At memory.high the kernel slows a control group down and reclaims its pages, while the allocator may hold free ones.
-- This policy gives those back when the group's usage is near its limit, or its tasks wait for memory (PSI). It reads
-- the files of cgroups of version 2, or 1: lunalloc/cgroup.lua says which.
local policy = require "lunalloc.policy"
local cgroup = require "lunalloc.cgroup"
local units = require "lunalloc.units"

return policy.new {
    name = "cgroup",
    does = "gives back all that can be when a control group is near its limit, or waits for memory",
    options = { at = { "ratio", "90%", "share of the limit, from which on it acts" },
        stall = { "ratio", "5%", "share of the time that tasks wait for memory, from which on it acts" },
        least = { "size", "1M", "bytes below which giving back is not worth a purge" },
        dir = { "text", nil, "the group's folder (default: that of the process)" } },
    start = function(t, options)
        local group = policy.try(cgroup.of(t.pid, options.dir))
        return function()
            local usage, limit, stall = group:usage(), group:limit(), group:stall()
            local pressed = stall >= options.stall or limit and usage >= options.at * limit
            local stats = policy.try(t.stats())
            if not pressed or stats.dirty + stats.muzzy + stats.cached < options.least then
                return nil
            end
            local done = policy.try(t.purge { timeout = "100ms" })
            return ("%s of %s in use, tasks waited %.0f %% of the time: %s"):format(units.human(usage),
                limit and units.human(limit) or "no limit", 100 * stall, tostring(done):match "[^\n]*")
        end
    end,
}
