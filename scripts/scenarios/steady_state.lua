require "lunalloc.scenario" {
    name = "steady_state",
    models = "a daemon in its steady state: the same load for as long as it runs",
    hurts = "memory that grows although the load does not is a leak, or fragmentation without end",
    workload = {
        threads = 2,
        duration = "6s",
        rate = 300000,
        mix = {
            { weight = 90, size = "lognormal(80,1,4K)", lifetime = "exp(4000)", free_by = { other = 0.1 } },
            { weight = 10, size = "lognormal(1K,1,32K)", lifetime = "fifo(1000)" },
        },
    },
    limits = {
        failures = 0,
        rss = { slope = true, at_most = "64M/Mop", reason = "a block has 290 bytes in the mean: a fifth of a leak" },
    },
}
