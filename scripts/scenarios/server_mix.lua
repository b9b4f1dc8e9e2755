require "lunalloc.scenario" {
    name = "server_mix",
    models = "sizes and lifetimes of a large fleet's servers: sessions that last, among requests that do not",
    hurts = "no size is frequent enough to be special, and all lifetimes meet in each size",
    workload = {
        threads = 4,
        duration = "6s",
        mix = {
            { weight = 500, size = "lognormal(32,0.8,256)", lifetime = "fifo(50)" },
            { weight = 250, size = "lognormal(96,0.9,2K)", lifetime = "exp(2000)", free_by = { other = 0.1 } },
            { weight = 150, size = "lognormal(64,0.7,512)", lifetime = "exp(100K)", free_by = { other = 0.3 } },
            { weight = 60, size = "lognormal(512,1,16K)", lifetime = "exp(20K)", realloc = 0.2 },
            { weight = 30, size = "uniform(4K,64K)", lifetime = "exp(100)" },
            { weight = 9, size = "lognormal(1K,1,32K)", lifetime = "exp(20K)", zero = 1 },
            { weight = 1, size = "uniform(64K,1M)", lifetime = "fifo(20)", align = 64 },
        },
    },
    limits = {
        failures = 0,
        ["rss/live"] = { at_most = 5, reason = "a fleet is bought by its memory" },
        ["malloc.p99"] = { at_most = "200us", reason = "one call in a hundred may fetch memory from the system" },
        ops_per_s = { at_least = "30k/s", reason = "a good allocator makes thirty times as many" },
    },
}
