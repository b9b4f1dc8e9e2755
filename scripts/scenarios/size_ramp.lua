require "lunalloc.scenario" {
    name = "size_ramp",
    models = "the same amount of memory in blocks of 16 bytes, then of 64, 256, ... 1 MiB",
    hurts = "pages of one size must serve the next: what is kept for sizes no longer in use is lost",
    duration = "9s",
    limits = {
        failures = 0,
        rss = { at_most = "128M", reason = "32 MiB are live at each step; a block of 16 bytes may take 32" },
    },
    run = function(s)
        local LIVE <const>, STEPS <const> = 32 << 20, 9
        s:note "    size     ops/s   RSS MiB   RSS/live"
        for step = 0, STEPS - 1 do
            local size = 16 << 2 * step
            local result = s:run({ threads = 2, mix = {
                { size = size, lifetime = ("fifo(%d)"):format(math.max(1, LIVE // size // 2)) },
            } }, 1 / STEPS)
            local last = result.timeline[#result.timeline - 1]
            s:note("%8d %9.0f %9.1f %10.2f", size, result.ops_per_s, (last.rss - last.engine) / 2 ^ 20,
                result.rss_per_live or 0)
        end
    end,
}
