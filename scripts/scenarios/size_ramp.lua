-- Size ramp: the same amount of memory in blocks of 16 bytes, then 64, 256, ... 1 MiB. Pages of one size must serve the
-- next: memory that is kept for sizes no longer in use shows as RSS above that of the first step.
--
--     lunalloc scripts/scenarios/size_ramp.lua [duration]

local la = require "lunalloc"
local units = require "lunalloc.units"

local LIVE <const> = 32 << 20 -- bytes, at each step
local STEPS <const> = 9
local seconds = assert(units.time(arg[1] or "9s"), "a duration such as 9s expected") / 1e9

print "    size     ops/s   malloc p50   malloc p99     RSS MiB   RSS/live"
for step = 0, STEPS - 1 do
    local size = 16 << 2 * step
    local result = assert(la.workload {
        threads = 2,
        duration = seconds / STEPS,
        mix = { { size = size, lifetime = ("fifo(%d)"):format(math.max(1, LIVE // size // 2)) } },
        limits = { failures = 0 },
    })()
    local malloc = result.latency.malloc
    local last = result.timeline[#result.timeline - 1]
    print(("%8d %9.0f %9d ns %9d ns %11.1f %10.2f"):format(size, result.ops_per_s, malloc.p50, malloc.p99,
        (last.rss - last.engine) / 2 ^ 20, result.rss_per_live))
    if not result.ok then
        os.exit(4, true)
    end
end
