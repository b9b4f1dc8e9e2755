require "lunalloc.scenario" {
    name = "compiler",
    models = "a compiler: syntax trees and tables grow to the end, and then everything is freed",
    hurts = "nothing is reused while it runs, so the speed is that of fresh memory, and the end is a storm of frees",
    workload = {
        threads = 1,
        duration = "3s",
        live_max = "1G",
        mix = {
            { weight = 80, size = "lognormal(200,1,8K)", lifetime = "forever" },
            { weight = 20, size = "lognormal(24,0.5,256)", lifetime = "fifo(100)" },
            { weight = 1, size = "1K", lifetime = "uniform(10K,50K)", realloc = { times = 4, grow = 2 } },
        },
    },
    limits = {
        failures = 0,
        ["rss/live"] = { at_most = 2, reason = "little was freed: there is no fragmentation but rounding" },
    },
}
