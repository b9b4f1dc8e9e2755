require "lunalloc.scenario" {
    name = "key_value_store",
    models = "a store of small values fills, is emptied to a twentieth, and fills again",
    hurts = "the values that are left pin the pages of those that went, so filling again may take as much once more",
    duration = "6s",
    limits = { failures = 0 },
    run = function(s)
        local result = s:run {
            threads = 2,
            rate = 900000 / s.seconds, -- the same number of values, whatever the duration
            interval = s.seconds / 100,
            mix = { { size = "lognormal(120,0.6,2K)", lifetime = "uniform(40K,100K)", free_by = { other = 0.1 } } },
            phases = {
                { at = s.seconds / 3, scale = 0.05, mark = "emptied" },
                { at = s.seconds * 2 / 3, scale = 1, mark = "filled again" },
            },
        }
        local first, again = 0, 0
        for _, entry in ipairs(result.timeline) do
            first = entry.t < s.seconds / 3 and math.max(first, entry.rss) or first
            again = entry.t > s.seconds * 2 / 3 and math.max(again, entry.rss) or again
        end
        s:expect("peak RSS again/first", again / first, { at_most = 1.6, reason = "the same values find their room" })
        return result
    end,
}
