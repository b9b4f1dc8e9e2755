require "lunalloc.scenario" {
    name = "cross_thread_bleed",
    models = "a pool of workers: another thread frees half of each thread's blocks",
    hurts = "an allocator that never returns memory to the thread that allocated it grows without end",
    workload = {
        threads = 4,
        duration = "5s",
        mix = {
            { weight = 80, size = "lognormal(64,1.2,4096)", lifetime = "exp(2000)", free_by = { other = 0.5 } },
            { weight = 20, size = "lognormal(512,1,16K)", lifetime = "fifo(2000)", free_by = { other = 0.5 } },
        },
    },
    limits = {
        failures = 0,
        peak_rss = { at_most = "64M", reason = "8 MiB are live" },
        ["malloc.p99"] = { at_most = "100us", reason = "to take back what another thread has freed is no system call" },
    },
}
