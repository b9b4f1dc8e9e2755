-- lua_limit.lua: for a host with Lua states: a soft limit of the state that runs it, and a hard one above it.
--
-- The state moves onto an arena of its own (la.adopt). Above the soft limit, its collector runs at once, and then more
-- often than usual, until there is room again: so the hard limit, at which Lua raises "not enough memory", is met only
-- by what is really in use. The host drops caches of its own when a step says that collecting was not enough.
local policy = require "lunalloc.policy"
local units = require "lunalloc.units"

local BUSY <const>, ROOM <const> = 112, 0.75 -- the collector's pause under pressure, in %; a share of the soft limit

return policy.new {
    name = "lua_limit",
    does = "keeps a Lua state below a soft limit by collecting sooner, and below a hard one in any case",
    options = { soft = { "size", "48M", "bytes above which it collects" },
        limit = { "size", "64M", "bytes above which Lua is out of memory" } },
    start = function(t, options)
        if t.pid then
            policy.try(nil, "lua_limit: a Lua state is limited by itself, not from another process", "ENOTSUP")
        end
        local meter, usual, crossed
        local function used()
            local stats = meter:stats()
            return stats.allocated + stats.foreign
        end
        meter = policy.try(t.adopt { limit = options.limit, soft = options.soft, on_soft = function()
            crossed = used()
            collectgarbage()
            usual = usual or collectgarbage("setpause", BUSY)
        end })
        local function relax()
            usual = usual and collectgarbage("setpause", usual) and nil
        end
        return function()
            local now, before = used(), crossed
            crossed = nil
            if before then
                return ("%s were in use: collected, now %s%s"):format(units.human(before), units.human(now),
                    now > options.soft and ", which is above the soft limit" or "")
            elseif usual and now < ROOM * options.soft then
                relax()
                return ("%s in use: collecting as usual"):format(units.human(now))
            end
        end, function()
            relax()
            meter:close()
        end
    end,
}
