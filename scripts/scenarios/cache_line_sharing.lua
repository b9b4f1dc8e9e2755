-- Cache-line sharing: a thread writes a hundred times to each of its tiny blocks, and another thread frees half of
-- them. If the allocator gives parts of one cache line to two threads, also by reuse of freed parts, their writes
-- compete for the line (false sharing). The same load on one thread is the reference: with a processor for each thread,
-- each of two threads should be about as fast.
--
--     lunalloc scripts/scenarios/cache_line_sharing.lua [duration]

local la = require "lunalloc"
local units = require "lunalloc.units"

local seconds = assert(units.time(arg[1] or "4s"), "a duration such as 4s expected") / 1e9

local function run(threads)
    return assert(la.workload {
        threads = threads,
        duration = seconds / 2,
        mix = { { size = 8, lifetime = "fifo(64)", writes = 100, free_by = { other = threads > 1 and 0.5 or 0 } } },
        limits = { failures = 0 },
    })()
end

local one, two = run(1), run(2)
print(two)
print(("per thread %.0f operations/s alone, %.0f as one of two: %.2f of it"):format(one.ops_per_s, two.ops_per_s / 2,
    two.ops_per_s / 2 / one.ops_per_s))
os.exit(one.ok and two.ok and 0 or 4, true)
