require "lunalloc.scenario" {
    name = "producer_consumer",
    models = "threads 1 and 2 allocate messages, thread 3 frees them all",
    hurts = "the producers' caches are always empty and the consumer's is always full: returning blocks is the cost",
    workload = {
        threads = 3,
        duration = "5s",
        mix = {
            { weight = 90, size = "exp(256,4096)", lifetime = "fifo(100)", on = { 1, 2 }, free_by = { thread = 3 } },
            { weight = 10, size = "uniform(4K,32K)", lifetime = "fifo(10)", on = { 1, 2 }, free_by = { thread = 3 } },
        },
    },
    limits = {
        failures = 0,
        rss = { slope = true, at_most = "400M/Mop", reason = "a fifth of the messages: the rest was given back" },
        ["malloc.p99"] = { at_most = "200us", reason = "a producer must not wait for the consumer" },
    },
}
