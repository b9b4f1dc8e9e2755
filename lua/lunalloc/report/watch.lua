--- Watches a process for a while: its figures and pictures of its heap at equal distances, for a report.

local watch = {}

local MOMENTS <const> = 10 -- a second, at most
local MOMENTS_MAX <const> = 2000 -- in all
local INSTANTS <const> = 120 -- in all, at most

--- What a moment of a history has, from the counters.
local function moment_of(t)
    local stats, message, code = t.stats()
    if not stats then
        return nil, message, code
    end
    local reconciled = t.reconcile()
    return { time = stats.time, rss = reconciled and reconciled.rss, allocated = stats.allocated, active = stats.active,
        dirty = stats.dirty, muzzy = stats.muzzy, retained = stats.retained, discarded = stats.discarded,
        requests = stats.nrequests }
end

--- Watches for so many seconds; sleep(seconds) waits, and picture() is called where a picture is due. Returns the
--- moments, fewer if the process ends; nil, message, code if the first one fails.
function watch.run(t, seconds, sleep, picture)
    local step = math.max(1 / MOMENTS, seconds / MOMENTS_MAX)
    local moments, pictures = {}, 0
    local moment, message, code = moment_of(t)
    if not moment then
        return nil, message, code
    end
    local start = moment.time
    while moment do
        local passed = (moment.time - start) / 1e9
        moments[#moments + 1] = moment
        if passed >= pictures * seconds / INSTANTS or passed >= seconds then
            picture()
            pictures = math.floor(passed * INSTANTS / seconds) + 1
        end
        if passed >= seconds then
            return moments
        end
        sleep(math.min(step - passed % step, seconds - passed))
        moment = moment_of(t)
    end
    return moments
end

return watch
