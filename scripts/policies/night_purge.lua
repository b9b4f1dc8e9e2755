-- night_purge.lua [PROCESS] [from=02:00] [to=05:00] [quiet=1000]: gives everything back once a night.
--
-- A purge that empties all caches and returns the address ranges costs page faults later, so its time is when nobody
-- waits: at the first quiet moment of the night (fewer than `quiet` requests a second between two steps), or, if there
-- is none, never. Times are local to the process that runs the policy.
local policy = require "lunalloc.policy"

--- Minutes since midnight of "02:30".
local function minutes(text)
    local hours, rest = text:match "^(%d%d?):(%d%d)$"
    if not hours or tonumber(hours) > 24 or tonumber(rest) > 59 then
        policy.try(nil, ("a time such as 02:30 expected, not '%s'"):format(text), "EINVAL")
    end
    return 60 * tonumber(hours) + tonumber(rest)
end

--- Is it between the two, which may have midnight between them?
local function is_between(now, from, to)
    if from <= to then
        return from <= now and now < to
    end
    return now >= from or now < to
end

return policy.new {
    name = "night_purge",
    does = "gives back all that can be, once a night, in the first quiet moment",
    options = { from = { "text", "02:00", "the start of the night" }, to = { "text", "05:00", "its end" },
        quiet = { "count", 1000, "requests a second below which it is quiet" },
        every = { "time", "10s", "between two steps" } },
    start = function(t, options)
        local from, to = minutes(options.from), minutes(options.to)
        local last, done = policy.try(t.stats()), false
        return function()
            local now = policy.try(t.stats())
            local change
            last, change = now, now - last
            if not is_between(minutes(os.date "%H:%M"), from, to) then
                done = false -- the next night is another one
                return nil
            elseif done or change.rates.nrequests >= options.quiet then
                return nil
            end
            done = policy.try(t.purge { all = true, timeout = "1s" })
            return tostring(done):match "[^\n]*"
        end
    end,
}
