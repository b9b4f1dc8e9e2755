require "lunalloc.scenario" {
    name = "hash_tables",
    models = "hash tables that double from 1 KiB to 256 KiB while keys of 32 bytes are inserted between the doublings",
    hurts = "the old table is freed in one piece, which keys then occupy in part, so that no table fits there again",
    workload = {
        threads = 2,
        duration = "5s",
        sample = 2,
        mix = {
            { weight = 8, size = "1K", lifetime = "fifo(40)", realloc = { share = 1, times = 8, grow = 2 } },
            { weight = 200, size = 32, lifetime = "exp(200K)" },
        },
    },
    limits = {
        failures = 0,
        peak_rss = { at_most = "128M", reason = "20 MiB are live, and the old tables beside the new ones" },
        ["realloc.p99"] = { at_most = "5ms", reason = "256 KiB are copied in 0.1 ms, and page faults take as long" },
    },
}
