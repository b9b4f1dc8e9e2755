--- Watches a process for a while: its figures and pictures of its heap at equal distances, for a report.

local watch = {}

local MOMENTS <const> = 10 -- a second, at most
local INSTANTS <const> = 120 -- in all, at most

--- What a moment of a history has, from the counters.
local function moment_of(t)
    local stats, message, code = t.stats()
    if not stats then
        return nil, message, code
    end
    local reconciled = t.reconcile()
    return { time = stats.time, rss = reconciled and reconciled.rss, allocated = stats.allocated, active = stats.active,
        dirty = stats.dirty, muzzy = stats.muzzy, retained = stats.retained, requests = stats.nrequests }
end

--- Watches for so many seconds; sleep(seconds) waits. each(moment) is called at every moment, and picture() where a
--- picture is due. Returns the moments; nil, message, code if the first one fails.
function watch.run(t, seconds, sleep, picture)
    local moments = {}
    local n = math.max(2, math.min(2000, math.floor(seconds * MOMENTS)))
    local every = math.max(1, n // INSTANTS)
    for i = 0, n do
        local moment, message, code = moment_of(t)
        if not moment then
            if i == 0 then
                return nil, message, code
            end
            return moments -- the process has ended: what was seen is kept
        end
        moments[#moments + 1] = moment
        if i % every == 0 or i == n then
            picture()
        end
        if i < n then
            sleep(seconds / n)
        end
    end
    return moments
end

return watch
