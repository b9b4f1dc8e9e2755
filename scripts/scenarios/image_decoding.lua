require "lunalloc.scenario" {
    name = "image_decoding",
    models = "pictures: planes of 64 KiB to 1 MiB, aligned to 64 bytes, and cleared tables",
    hurts = "aligned large blocks that are rounded up to pages or to powers of two waste memory and faults",
    workload = {
        threads = 2,
        duration = "5s",
        sample = 1,
        mix = {
            { weight = 50, size = "uniform(64K,1M)", lifetime = "fifo(16)", align = 64 },
            { weight = 30, size = "uniform(1K,16K)", lifetime = "fifo(40)", zero = 1 },
            { weight = 20, size = "lognormal(128,0.8,1K)", lifetime = "fifo(200)" },
        },
    },
    limits = {
        failures = 0,
        peak_rss = { at_most = "160M", reason = "some 20 MiB are live; what is kept for the next picture is more" },
        ["aligned_alloc.p99"] = { at_most = "5ms", reason = "the page faults of 1 MiB take some 0.3 ms" },
    },
}
