require "lunalloc.scenario" {
    name = "thread_pool_sleepers",
    models = "a pool of 64 threads with little work for each: each thread sleeps for most of the time",
    hurts = "what a sleeping thread's cache keeps, and an arena for each of them, is memory that nobody uses",
    workload = {
        threads = 64,
        duration = "4s",
        rate = 300000,
        mix = {
            { weight = 95, size = "lognormal(128,1,8K)", lifetime = "fifo(100)" },
            { weight = 5, size = "uniform(8K,64K)", lifetime = "fifo(4)" },
        },
    },
    limits = {
        failures = 0,
        peak_rss = { at_most = "192M", reason = "some 10 MiB are live, and the stacks of 64 threads" },
    },
}
