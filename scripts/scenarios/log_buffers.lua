require "lunalloc.scenario" {
    name = "log_buffers",
    models = "log lines are collected in buffers that double from 256 bytes to 64 KiB; then another thread writes them",
    hurts = "every doubling copies unless the block can grow in place, and the freed halves are of all sizes",
    workload = {
        threads = 3,
        duration = "5s",
        mix = {
            { weight = 1, size = 256, lifetime = "fifo(64)", on = { 1, 2 }, free_by = { thread = 3 },
                realloc = { share = 1, times = 8, grow = 2 } },
            { weight = 4, size = "lognormal(96,0.7,1K)", lifetime = "fifo(200)", on = { 1, 2 } },
        },
    },
    limits = {
        failures = 0,
        ["realloc.p99"] = { at_most = "1ms", reason = "64 KiB are copied in 30 us, and page faults take some more" },
        rss = { slope = true, at_most = "4G/Mop", reason = "4 KiB for each line is a sixth of what is allocated" },
    },
}
