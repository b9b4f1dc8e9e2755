require "lunalloc.scenario" {
    name = "nothing_overlaps",
    models = "all kinds of calls on all threads, and each block is checked: contents, alignment, overlap, zeros",
    hurts = "a race in the allocator gives one block to two owners",
    workload = {
        threads = 4,
        duration = "4s",
        verify = true,
        mix = {
            { weight = 50, size = "lognormal(64,1.2,4K)", lifetime = "exp(1000)", free_by = { other = 0.5 } },
            { weight = 20, size = "lognormal(128,1,4K)", lifetime = "fifo(500)", zero = 1, free_by = { other = 0.2 } },
            { weight = 20, size = "lognormal(256,1,8K)", lifetime = "exp(500)", realloc = { share = 0.5, times = 3 } },
            { weight = 9, size = "uniform(64,4K)", lifetime = "exp(500)", align = 256 },
            { weight = 1, size = "uniform(16K,512K)", lifetime = "fifo(20)", realloc = 0.5 },
        },
    },
    limits = { failures = 0 },
}
