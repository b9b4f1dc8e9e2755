require "lunalloc.scenario" {
    name = "game_frames",
    models = "a game loop: objects of one frame, of a level, and of a streaming thread; 60,000 a second",
    hurts = "a frame has 16 ms: one slow call in a thousand is seen",
    workload = {
        threads = 2,
        duration = "5s",
        rate = 60000,
        sample = 1,
        mix = {
            { weight = 95, size = "lognormal(80,0.9,4K)", lifetime = "fifo(1000)" },
            { weight = 4, size = "uniform(256,16K)", lifetime = "exp(20K)" },
            { weight = 1, size = "uniform(16K,256K)", lifetime = "fifo(50)", free_by = { other = 1 } },
        },
    },
    limits = {
        failures = 0,
        ["malloc.p99"] = { at_most = "500us", reason = "of a thousand calls in 16 ms, ten are slower" },
    },
}
