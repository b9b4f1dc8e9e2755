require "lunalloc.scenario" {
    name = "calloc_heavy",
    models = "a program that clears all its memory: records, tables and pages from calloc, which it checks",
    hurts = "memory that was used must be cleared, fresh memory need not be: who confuses the two is slow or wrong",
    workload = {
        threads = 2,
        duration = "4s",
        verify = true,
        mix = {
            { weight = 90, size = "lognormal(128,1,4K)", lifetime = "exp(2000)", zero = 1 },
            { weight = 9, size = "uniform(4K,64K)", lifetime = "fifo(100)", zero = 1 },
            { weight = 1, size = "uniform(64K,2M)", lifetime = "fifo(10)", zero = 1, touch = 0.1 },
        },
    },
    limits = {
        failures = 0,
        ["calloc.p99"] = { at_most = "2ms", reason = "one call in a hundred clears 1 MiB, in 0.1 ms" },
    },
}
