require "lunalloc.scenario" {
    name = "json_parser",
    models = "documents are parsed into a tree of small strings and nodes, read, and freed in the order of their birth",
    hurts = "most blocks are smaller than 48 bytes: headers and rounding cost more than what is stored",
    workload = {
        threads = 2,
        duration = "5s",
        mix = {
            { weight = 60, size = "lognormal(14,0.7,256)", lifetime = "fifo(200K)" },
            { weight = 30, size = 40, lifetime = "fifo(200K)" },
            { weight = 10, size = "uniform(64,1K)", lifetime = "fifo(2000)", realloc = { share = 0.5, grow = 2 } },
        },
    },
    limits = {
        failures = 0,
        rss = { at_most = "80M", reason = "25 MiB are live: overhead of twice the size is too much for a string, too" },
        ops_per_s = { at_least = "50k/s", reason = "a string takes 10 us to parse on a slow machine" },
    },
}
