-- Cache-line sharing: tiny blocks that their thread writes a hundred times each, and that another thread frees. If
-- the allocator gives two threads parts of one cache line, or hands freed parts on, their writes fight over it (false
-- sharing). The same load on one thread is the yardstick: with a processor for each thread, every thread should be
-- about as fast.
--
--     lunalloc scripts/scenarios/cache_line_sharing.lua [duration]

local la = require "lunalloc"
local spec = require "lunalloc.workload_spec"

local seconds = assert(spec.time(arg[1] or "4s"), "a duration such as 4s expected") / 1e9

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
