require "lunalloc.scenario" {
    name = "heavy_tail",
    models = "messages of a public service: most are tiny, a few are huge, and the huge ones live longer",
    hurts = "no size is typical, and the large blocks of the tail decide how much memory is held",
    workload = {
        threads = 3,
        duration = "5s",
        mix = {
            { weight = 80, size = "pareto(24,1.1,256K)", lifetime = "pareto(50,1.2,20K)", free_by = { other = 0.2 } },
            { weight = 20, joint = {
                { weight = 90, size = "uniform(64,512)", lifetime = "exp(500)" },
                { weight = 10, size = "uniform(32K,256K)", lifetime = "exp(3000)" },
            } },
        },
    },
    limits = {
        failures = 0,
        ["rss/live"] = { at_most = 4, reason = "a block of the tail that goes leaves room for thousands" },
        ["malloc.p99"] = { at_most = "1ms", reason = "one message in a hundred takes 256 KiB" },
    },
}
