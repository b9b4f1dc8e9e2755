require "lunalloc.scenario" {
    name = "thread_churn",
    models = "a server that starts a thread for each request: rounds of 16 short-lived threads",
    hurts = "the memory of a thread's cache must be reused after the thread has ended",
    duration = "5s",
    limits = { failures = 0 },
    run = function(s)
        local total, early = 0, nil
        local result
        repeat
            result = s:run { threads = 16, ops = 32000, interval = "1s" }
            local last = result.timeline[#result.timeline]
            total = total + last.t
            early = total <= s.seconds / 4 and last.rss or early or last.rss
        until total >= s.seconds
        local late = result.timeline[#result.timeline].rss
        s:expect("RSS late/early", late / early, { at_most = 2, reason = "threads that ended leave nothing behind" })
        return result
    end,
}
