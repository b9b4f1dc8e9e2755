require "lunalloc.scenario" {
    name = "message_queue",
    models = "two services exchange messages: each frees what the other has allocated",
    hurts = "memory flows in both directions, so neither cache serves its own thread for long",
    workload = {
        threads = 2,
        duration = "5s",
        mix = {
            { weight = 10, size = "lognormal(200,0.8,8K)", lifetime = "fifo(500)", on = 1, free_by = { thread = 2 } },
            { weight = 10, size = "lognormal(400,0.8,8K)", lifetime = "fifo(500)", on = 2, free_by = { thread = 1 } },
        },
    },
    limits = {
        failures = 0,
        rss = { slope = true, at_most = "100M/Mop", reason = "a third of the messages: the rest was given back" },
        ops_per_s = { at_least = "30k/s", reason = "a lock that is always taken lets thirty times as many through" },
    },
}
