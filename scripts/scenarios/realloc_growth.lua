require "lunalloc.scenario" {
    name = "realloc_growth",
    models = "vectors and strings: buffers grow by half, 24 times, from 16 bytes to a few hundred KiB",
    hurts = "short-lived small blocks occupy the memory behind a buffer, so it moves, and its old places are left over",
    workload = {
        threads = 2,
        duration = "5s",
        mix = {
            { weight = 1, size = 16, lifetime = "fifo(200)", realloc = { share = 1, times = 24, grow = 1.5 } },
            { weight = 20, size = "lognormal(64,1.2,4096)", lifetime = "exp(500)" },
        },
    },
    limits = { failures = 0 },
}
