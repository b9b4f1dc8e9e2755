require "lunalloc.scenario" {
    name = "realloc_growth",
    models = "vectors and strings: buffers grow by half, 24 times, from 16 bytes to a few hundred KiB",
    hurts = "short-lived small blocks occupy the memory behind a buffer, so it moves, and its old places are left over",
    workload = {
        threads = 2,
        duration = "5s",
        sample = 4,
        mix = {
            { weight = 4, size = 16, lifetime = "fifo(48)", realloc = { share = 1, times = 24, grow = 1.5 } },
            { weight = 20, size = "lognormal(64,1.2,4096)", lifetime = "exp(500)" },
        },
    },
    limits = {
        failures = 0,
        peak_rss = { at_most = "128M", reason = "some 15 MiB are live" },
        ["realloc.p99"] = { at_most = "2ms", reason = "a few hundred KiB are copied in 0.1 ms" },
    },
}
