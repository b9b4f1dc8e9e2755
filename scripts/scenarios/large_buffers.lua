require "lunalloc.scenario" {
    name = "large_buffers",
    models = "video and backups: a few buffers of 1 to 8 MiB that are written once",
    hurts = "memory of a freed buffer that the next one cannot use is lost, and memory that it uses saves its faults",
    workload = {
        threads = 2,
        duration = "4s",
        sample = 1,
        mix = { { size = "uniform(1M,8M)", lifetime = "fifo(3)", touch = 0.25 } },
    },
    limits = {
        failures = 0,
        peak_rss = { at_most = "160M", reason = "7 MiB of 27 are touched" },
    },
}
