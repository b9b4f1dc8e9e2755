--- The texts of help() for recordings and traces: entries as in help.lua.

local traces = {
    ["la.record"] = { "la.record{path=, mode=, duration=, max_size=, rings=, ring_size=} -> recording | " ..
        "nil, message, code",
        "Begins to record what the process asks of the allocator into a file, in the background. mode: \"full\" " ..
        "(each call), \"classes\" (sums by size class and thread: the file does not grow with time), \"stacks\" " ..
        "(what each stack has allocated, by the profiler) or \"pages\" (extents only). The process never waits: " ..
        "events that come too fast are lost, and counted.",
        'r = t.record{path = "redis.lnt", duration = "30s"}; r:wait(); print(r:stop().events)' },
    ["recording:wait"] = { "recording:wait([time]) -> boolean",
        "Waits until the recording is over, at most that long (seconds, or \"100ms\"): true if it is over. It also " ..
        "asks the process for its counters, which go into the file." },
    ["recording:status"] = { "recording:status() -> table",
        "How far it is: state, events, lost, bytes, threads, seconds, rss, peak_rss, pid, fullest (percent of a " ..
        "ring), broken (rings)." },
    ["recording:stop"] = { "recording:stop() -> table | nil, message, code",
        "Ends the recording and its file: the last status, and path." },
    ["la.trace"] = { "la.trace", "Recorded traces: la.trace.load opens one, la.trace.import reads other forms." },
    ["la.trace.load"] = { "la.trace.load(path) -> trace | nil, message, code",
        "Opens a recorded trace, which may be larger than memory. A text of heaptrack or of Android's malloc " ..
        "debugging is imported on the way.",
        'trace = la.trace.load "redis.lnt"; print(trace:info().peak_live)' },
    ["la.trace.import"] = { "la.trace.import(path, out) -> {events=, bytes=, threads=} | nil, message, code",
        "Writes a trace of what heaptrack recorded (decompressed, or by gzip), or of a text of Android's malloc " ..
        "debugging. heaptrack tells no threads and no addresses, so all calls are one thread's.",
        'la.trace.import("heaptrack.app.txt", "app.lnt")' },
    ["trace:info"] = { "trace:info() -> table | nil, message, code",
        "name, pid, allocator, conf, mode, duration (s), events, lost, lost_share, threads, samples (memory over " ..
        "time), peak_live and peak_time, live, bytes_per_event, complete, damaged, unknown (frees of blocks from " ..
        "before), missing (frees that are not there).", 'la.trace.load("redis.lnt"):info().lost' },
    ["trace:filter"] = { "trace:filter{thread=, kind=, from=, to=, min_size=, max_size=, class=} -> trace",
        "A narrower view of the trace: events that meet all conditions. Times count from the trace's beginning; " ..
        "sizes are of the block that is allocated or freed.",
        'trace:filter{thread = 2, min_size = "1K", from = "10s"}:count()' },
    ["trace:count"] = { "trace:count{by=, ...} -> array | nil, message, code",
        "Sums by \"class\" (the default), \"thread\", \"kind\" or \"size\": allocations, frees, bytes, reallocs, " ..
        "cross (frees by another thread), live, peak; lifetime is the median in seconds, lifetime_bytes in bytes " ..
        "allocated meanwhile; lifetimes and lifetimes_bytes count by powers of two, sizes by eighths of the class. " ..
        "Takes the conditions of filter, too.", 'trace:count{by = "thread"}' },
    ["trace:events"] = { "for e in trace:events() do ... end",
        "Each event as a table: time (ns), thread, kind, addr, size; align, old_addr, touched where they have a " ..
        "meaning; old_size and lifetime (ns) of the block that it ends.",
        'for e in trace:events() do print(e.time, e.kind, e.size) end' },
    ["trace:stacks"] = { "trace:stacks() -> array | nil, message, code",
        "Of a recording of stacks: what each has allocated in all, and what of it lives: {stack= (names, innermost " ..
        "first), count=, bytes=, live_count=, live_bytes=}, estimates of the profiler.",
        'for _, row in ipairs(trace:stacks()) do print(row.bytes, row.stack[1]) end' },
    ["trace:save"] = { "trace:save(path) -> {events=, bytes=, threads=} | nil, message, code",
        "Writes the view as a trace of its own.", 'trace:filter{to = "5s"}:save "start.lnt"' },
    ["trace:diff"] = { "trace:diff(other) -> table | nil, message, code",
        "What differs from another trace: rows by class, each with a and b; sums a and b; distance of the sizes, 0 " ..
        "to 1. print() shows the largest differences.", 'print(la.trace.load("a.lnt"):diff(la.trace.load "b.lnt"))' },
    ["trace:workload"] = { "trace:workload() -> description, errors | nil, message, code",
        "A description for la.workload with the trace's sizes, lifetimes, threads and rate; and what it lacks, as " ..
        "parts of the trace's figures: live, peak, threads, alignments, lost.",
        'd, errors = trace:workload(); print(la.workload(d):run())' },
    ["trace:replay"] = { "trace:replay{allocator=, conf=, speed=, lossy=} -> replay | nil, message, code",
        "Replays the view, as la.replay does a file: the frees of blocks that a filter leaves out are left out, too.",
        'print(trace:filter{thread = 2}:replay{speed = "max"})' },
    ["trace:plot"] = { "trace:plot{width=, height=, mode=, title=} -> text | nil, message, code",
        "Live bytes over time, drawn as la.plot draws.", "print(trace:plot{height = 8})" },
    ["trace:instant"] = { "trace:instant{at=\"end\"} -> instant | nil, message, code",
        "The blocks that live at a moment: \"peak\", \"end\", or seconds from the beginning. It can be drawn, " ..
        "saved and compared as la.instant() of a process.",
        'print(trace:instant{at = "peak"}:map{by = "age"})' },
    ["trace:close"] = { "trace:close() -> true", "Closes the file, also for the views of it." },
}

return traces
