-- Thread churn: rounds of 16 short-lived threads, as in a server that starts a thread for each request. The memory of a
-- thread's cache must be reused after the thread has ended: RSS after the last round is compared with RSS after a
-- quarter of the time.
--
--     lunalloc scripts/scenarios/thread_churn.lua [duration]

local la = require "lunalloc"
local units = require "lunalloc.units"

local seconds = assert(units.time(arg[1] or "5s"), "a duration such as 5s expected") / 1e9
local round = assert(la.workload { threads = 16, ops = 32000, interval = "1s", limits = { failures = 0 } })

local total, rounds, early, result = 0, 0, nil, nil
repeat
    result = round:run()
    local last = result.timeline[#result.timeline]
    total, rounds = total + last.t, rounds + 1
    early = total <= seconds / 4 and last.rss or early or last.rss
until total >= seconds or not result.ok

local late = result.timeline[#result.timeline].rss
print(result)
print(("rounds     %d of %d threads; RSS %.1f MiB after a quarter of them, %.1f MiB after the last"):format(rounds,
    result.threads, early / 2 ^ 20, late / 2 ^ 20))
os.exit(result.ok and late <= 2 * early and 0 or 4, true)
