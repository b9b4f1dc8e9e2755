require "lunalloc.scenario" {
    name = "web_requests",
    models = "a web server: small objects of a request, response buffers, sessions, and a cache of pages",
    hurts = "four lifetimes share size classes, so a page is free only when its longest-lived block is",
    workload = {
        threads = 4,
        duration = "5s",
        mix = {
            { weight = 900, size = "lognormal(64,1.1,2K)", lifetime = "fifo(300)" },
            { weight = 60, size = "uniform(4K,32K)", lifetime = "fifo(20)" },
            { weight = 30, size = "lognormal(200,0.8,4K)", lifetime = "exp(100K)", free_by = { other = 0.5 } },
            { weight = 20, size = "lognormal(3K,1,64K)", lifetime = "uniform(50K,200K)" },
        },
    },
    limits = {
        failures = 0,
        ["rss/live"] = { at_most = 3, reason = "twice the live memory may lie in caches and in pages that are shared" },
        ["malloc.p99"] = { at_most = "100us", reason = "a request makes a thousand calls, and has 100 ms" },
    },
}
