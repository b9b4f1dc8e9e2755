require "lunalloc.scenario" {
    name = "open_loop",
    models = "requests that arrive at 50,000 a second, whether the server is ready or not",
    hurts = "a pause delays all requests that arrive meanwhile, which a load that waits for its answers hides",
    workload = {
        threads = 2,
        duration = "5s",
        rate = 50000,
        sample = 1,
        mix = {
            { weight = 90, size = "lognormal(128,1,4K)", lifetime = "exp(2000)" },
            { weight = 10, size = "uniform(1K,32K)", lifetime = "fifo(200)", realloc = 0.3 },
        },
    },
    limits = {
        failures = 0,
        ["malloc.p99"] = { at_most = "200us", reason = "a request has a millisecond" },
    },
}
