require "lunalloc.scenario" {
    name = "memalign_heavy",
    models = "vector code and direct I/O: blocks aligned to 32, 64 and 4096 bytes",
    hurts = "an aligned block that is cut from a larger one leaves pieces in front of and behind it",
    workload = {
        threads = 2,
        duration = "4s",
        verify = true,
        mix = {
            { weight = 60, size = "lognormal(200,0.8,4K)", lifetime = "exp(20K)", align = 32 },
            { weight = 30, size = "uniform(256,8K)", lifetime = "exp(4000)", align = 64 },
            { weight = 10, size = "uniform(4K,32K)", lifetime = "fifo(200)", align = 4096 },
        },
    },
    limits = {
        failures = 0,
        ["rss/live"] = { at_most = 2.5, reason = "the alignment is a small part of most sizes" },
        ["aligned_alloc.p99"] = { at_most = "500us", reason = "it is a malloc with a mask" },
    },
}
