require "lunalloc.scenario" {
    name = "batch_frees",
    models = "stacks that are unwound: a thousand blocks at a time are freed, the youngest first; others at random",
    hurts = "a cache takes a few dozen blocks, so a burst of frees is one of flushes, in an order that suits no slab",
    workload = {
        threads = 2,
        duration = "4s",
        mix = {
            { weight = 60, size = "lognormal(64,0.8,2K)", lifetime = "fifo(4000)",
                batch = { blocks = 1000, order = "reversed" } },
            { weight = 40, size = "lognormal(100,0.8,2K)", lifetime = "exp(4000)",
                batch = { blocks = 1000, order = "random" } },
        },
    },
    limits = {
        failures = 0,
        rss = { slope = true, at_most = "30M/Mop", reason = "a quarter of what is allocated: the rest was given back" },
        ["malloc.p99"] = { at_most = "200us", reason = "what was freed at once must not be sorted at once" },
    },
}
