require "lunalloc.scenario" {
    name = "thread_churn",
    models = "a server that starts a thread for each request: rounds of 16 short-lived threads",
    hurts = "the memory of a thread's cache must be reused after the thread has ended",
    duration = "5s",
    limits = { failures = 0 },
    run = function(s)
        local total, rounds = 0, 0
        local early, late
        repeat
            local timeline = s:run({ threads = 16, ops = 8000, interval = "1s" }).timeline
            local last = timeline[#timeline]
            total, rounds, late = total + last.t, rounds + 1, last.rss
            early = rounds == 2 and last.rss or early
        until total >= s.seconds and rounds >= 12
        s:expect("RSS late/early", late / early, { at_most = 3, reason = "threads that ended leave nothing behind" })
    end,
}
