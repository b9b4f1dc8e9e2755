require "lunalloc.scenario" {
    name = "fragmentation_bomb",
    models = "memory fills with small blocks of which one in fifty stays; the load goes on with blocks that die young",
    hurts = "the survivors keep pages that serve little else",
    duration = "6s",
    limits = {
        failures = 0,
        peak_rss = { at_most = "112M", reason = "35 MiB are live before the blocks die" },
    },
    run = function(s)
        local result = s:run {
            threads = 2,
            duration = s.seconds,
            rate = 1e6 / s.seconds, -- the same number of blocks, whatever the duration
            live_max = "1G",
            mix = {
                { weight = 98, size = "uniform(16,512)", lifetime = "uniform(30K,90K)" },
                { weight = 2, size = "uniform(16,512)", lifetime = "forever" },
            },
            phases = { { at = s.seconds / 2, scale = 0.01, mark = "the blocks that follow die young" } },
        }
        for i = 1, #result.timeline, math.max(1, #result.timeline // 12) do
            local entry = result.timeline[i]
            s:note("%8.2f s  live %7.1f MiB  RSS %7.1f MiB", entry.t, entry.live / 2 ^ 20,
                (entry.rss - entry.engine) / 2 ^ 20)
        end
    end,
}
