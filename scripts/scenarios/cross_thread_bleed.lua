-- Cross-thread bleed: another thread frees half of each thread's blocks, so memory that one thread's cache gives out
-- returns to another's. An allocator that never returns it to its origin grows without end: watch RSS/live.
--
--     lunalloc scripts/scenarios/cross_thread_bleed.lua [duration]

local la = require "lunalloc"

local result = assert(la.workload {
    threads = 4,
    duration = arg[1] or "5s",
    mix = {
        { weight = 80, size = "lognormal(64,1.2,4096)", lifetime = "exp(2000)", free_by = { other = 0.5 } },
        { weight = 20, size = "lognormal(512,1,16K)", lifetime = "fifo(2000)", free_by = { other = 0.5 } },
    },
    limits = { failures = 0 },
})()

print(result)
os.exit(result.ok and 0 or 4, true)
