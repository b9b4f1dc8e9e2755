require "lunalloc.scenario" {
    name = "browser_tabs",
    models = "tabs are opened, most are closed, and others are opened: the live memory triples, falls, and rises again",
    hurts = "each rise should live on what the fall has freed",
    workload = {
        threads = 3,
        duration = "8s",
        rate = 200000,
        mix = {
            { weight = 90, size = "lognormal(80,1.2,8K)", lifetime = "exp(2000)", free_by = { other = 0.1 } },
            { weight = 9, size = "lognormal(1K,1,64K)", lifetime = "exp(1000)" },
            { weight = 4, size = "uniform(32K,512K)", lifetime = "exp(300)" },
        },
        phases = {
            { at = "2s", scale = 3, mark = "tabs opened" },
            { at = "4s", scale = 0.3, mark = "tabs closed" },
            { at = "6s", scale = 2, mark = "others opened" },
        },
    },
    limits = {
        failures = 0,
        peak_rss = { at_most = "192M", reason = "at most some 40 MiB are live" },
        ["malloc.p99"] = { at_most = "1ms", reason = "a script that runs must not stall" },
    },
}
