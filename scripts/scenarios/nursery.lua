require "lunalloc.scenario" {
    name = "nursery",
    models = "the heap of a scripting language: nearly all objects die at once, one in fifty lives on",
    hurts = "the survivors are spread evenly over the pages that the others leave",
    workload = {
        threads = 2,
        duration = "5s",
        mix = {
            { weight = 98, size = "lognormal(40,0.5,512)", lifetime = "fifo(2000)" },
            { weight = 2, size = "lognormal(56,0.6,1K)", lifetime = "uniform(2M,10M)" },
        },
    },
    limits = {
        failures = 0,
        ops_per_s = { at_least = "50k/s", reason = "an object in 20 us is what a slow interpreter makes" },
        rss = { slope = true, at_most = "20M/Mop", reason = "one object in fifty lives on, of 64 bytes" },
    },
}
