require "lunalloc.scenario" {
    name = "plugin_unload",
    models = "plug-ins are loaded and unloaded: all that one has allocated is freed, and the next has other sizes",
    hurts = "pages of sizes that are no longer used must serve the sizes that are",
    duration = "5s",
    limits = {
        failures = 0,
        rss = { at_most = "64M", reason = "each plug-in has 16 MiB live, the last as the first" },
    },
    run = function(s)
        local sizes = { 48, 72, 104, 152, 216, 312, 440, 632 }
        for _, size in ipairs(sizes) do
            s:run({ threads = 2, mix = { { size = size, lifetime = ("fifo(%d)"):format((8 << 20) // size) } } },
                1 / #sizes)
        end
    end,
}
