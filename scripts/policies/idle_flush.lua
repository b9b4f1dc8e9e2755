-- idle_flush.lua [PROCESS] [idle=60s] [least=64K]: empties the caches of threads that have nothing to do.
--
-- Each thread keeps freed objects in a cache, and hundreds of idle threads keep much. This policy asks every idle
-- thread once, until it has worked again. A thread that sleeps in the system empties its cache at its next call of the
-- allocator: then the policy says that it has asked.
local policy = require "lunalloc.policy"
local units = require "lunalloc.units"

return policy.new {
    name = "idle_flush",
    does = "empties the caches of idle threads",
    options = { idle = { "time", "60s", "without a call of the allocator, after which a thread is idle" },
        least = { "size", "64K", "bytes below which a cache is left alone" } },
    start = function(t, options)
        local asked = {} -- tid -> its requests when it was asked
        return function()
            local now, emptied, waiting, bytes = {}, 0, 0, 0
            for _, thread in ipairs(policy.try(t.threads())) do
                local requests = thread.requests
                local is_idle = thread.idle >= options.idle and thread.cached >= options.least
                if is_idle and asked[thread.tid] ~= requests then
                    local done, message, code = thread:flush { timeout = "1ms" }
                    if not done and code ~= "ETIMEDOUT" then
                        policy.try(nil, message, code)
                    end
                    emptied, waiting = emptied + (done and 1 or 0), waiting + (done and 0 or 1)
                    bytes, asked[thread.tid] = bytes + (done and thread.cached or 0), requests
                end
                now[thread.tid] = asked[thread.tid]
            end
            asked = now -- threads that have ended are forgotten
            if emptied + waiting > 0 then
                return ("idle threads: %d emptied their caches (%s), %d sleep, and will do so when they wake"):format(
                    emptied, units.human(bytes), waiting)
            end
        end
    end,
}
