-- Realloc growth: buffers grow by half, 24 times, from 16 bytes to a few hundred KiB, as vectors and strings do. Each
-- thread has 200 of them at a time, among short-lived small blocks that occupy the memory behind them.
--
--     lunalloc scripts/scenarios/realloc_growth.lua [duration]

local la = require "lunalloc"

local result = assert(la.workload {
    threads = 2,
    duration = arg[1] or "5s",
    mix = {
        { weight = 1, size = 16, lifetime = "fifo(200)", realloc = { share = 1, times = 24, grow = 1.5 } },
        { weight = 20, size = "lognormal(64,1.2,4096)", lifetime = "exp(500)" },
    },
    limits = { failures = 0 },
})()

print(result)
os.exit(result.ok and 0 or 4, true)
