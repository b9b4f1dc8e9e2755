-- Fragmentation bomb: memory is filled with small blocks of which one in fifty stays; the others die, and the load goes
-- on with blocks that die young. The survivors keep pages that serve little else: watch fragmentation and RSS/live.
--
--     lunalloc scripts/scenarios/fragmentation_bomb.lua [duration]

local la = require "lunalloc"
local units = require "lunalloc.units"

local seconds = assert(units.time(arg[1] or "6s"), "a duration such as 6s expected") / 1e9
local result = assert(la.workload {
    threads = 2,
    duration = seconds,
    rate = 4e6 / seconds, -- the same number of blocks, whatever the duration
    live_max = "1G",
    mix = {
        { weight = 98, size = "uniform(16,512)", lifetime = "uniform(100K,300K)" },
        { weight = 2, size = "uniform(16,512)", lifetime = "forever" },
    },
    phases = { { at = seconds / 2, scale = 0.01, mark = "the blocks that follow die young" } },
    limits = { failures = 0 },
})()

print(result)
for i = 1, #result.timeline, math.max(1, #result.timeline // 12) do
    local entry = result.timeline[i]
    print(("%8.2f s  live %7.1f MiB  RSS %7.1f MiB%s"):format(entry.t, entry.live / 2 ^ 20,
        (entry.rss - entry.engine) / 2 ^ 20,
        entry.fragmentation and ("  fragmentation %4.1f%%"):format(100 * entry.fragmentation) or ""))
end
os.exit(result.ok and 0 or 4, true)
