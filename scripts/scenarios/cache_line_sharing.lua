require "lunalloc.scenario" {
    name = "cache_line_sharing",
    models = "a thread writes a hundred times to each of its tiny blocks; another thread frees half of them",
    hurts = "parts of one cache line that belong to two threads, also by reuse, make their writes compete for the line",
    duration = "4s",
    limits = {
        failures = 0,
        ops_per_s = { at_least = "20k/s", reason = "a hundred writes of 8 bytes take less than 1 us" },
    },
    run = function(s)
        local function speed(threads)
            return s:run({
                threads = threads,
                mix = { { size = 8, lifetime = "fifo(64)", writes = 100,
                    free_by = { other = threads > 1 and 0.5 or 0 } } },
            }, 1 / 2).ops_per_s
        end
        local one, two = speed(1), speed(2)
        s:note("per thread %.0f operations/s alone, %.0f as one of two: %.2f of it", one, two / 2, two / 2 / one)
    end,
}
