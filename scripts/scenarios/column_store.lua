require "lunalloc.scenario" {
    name = "column_store",
    models = "an analytical database: columns of 64 KiB to 2 MiB live for a query, dictionaries stay",
    hurts = "large blocks of many sizes: reuse without fitting wastes memory, and without reuse each page is a fault",
    workload = {
        threads = 2,
        duration = "5s",
        sample = 1,
        mix = {
            { weight = 60, size = "uniform(64K,2M)", lifetime = "fifo(20)", touch = 0.5 },
            { weight = 40, size = "lognormal(4K,1,64K)", lifetime = "exp(200)" },
        },
    },
    limits = {
        failures = 0,
        peak_rss = { at_most = "192M", reason = "some 30 MiB are live" },
        ["malloc.p99"] = { at_most = "5ms", reason = "to map 2 MiB, and to unmap what goes, takes less than 1 ms" },
    },
}
