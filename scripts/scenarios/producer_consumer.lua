-- Producer and consumer: threads 1 and 2 allocate messages, thread 3 frees them all. The producers' caches are always
-- empty and the consumer's is always full, so the cost is that of returning blocks.
--
--     lunalloc scripts/scenarios/producer_consumer.lua [duration]

local la = require "lunalloc"

local result = assert(la.workload {
    threads = 3,
    duration = arg[1] or "5s",
    mix = {
        { weight = 90, size = "exp(256,4096)", lifetime = "fifo(100)", on = { 1, 2 }, free_by = { thread = 3 } },
        { weight = 10, size = "uniform(4K,32K)", lifetime = "fifo(10)", on = { 1, 2 }, free_by = { thread = 3 } },
    },
    limits = { failures = 0 },
})()

print(result)
os.exit(result.ok and 0 or 4, true)
