--- Figures of a run and of its parts: what a result has beside what the core measures.
---
---     spans.complete(result, run, phases)    adds rss_at_end, live_at_end, freed_rss, rss_per_live, ... and phases
---
--- A span is a result or an element of result.phases; both have the same figures, so a limit can judge either. The
--- phases of a result are the parts of the run between the times of the description's phases.

local spans = {}

-- RSS before the first run in this Lua state. Later runs start with memory that the allocator kept, and may use it.
local first_base = math.huge

--- Adds the figures of the entry of the timeline at the end of the span. Resident memory is without the engine's own;
--- that per live byte also without what was resident before the first run; nil if nothing lived.
local function add_memory(span, last)
    span.rss_at_end = last.rss - last.engine
    span.live_at_end = last.live
    span.allocated_at_end, span.active_at_end = last.allocated, last.active
    span.rss_per_live = last.live > 0 and math.max(0.0, (span.rss_at_end - first_base) / last.live) or nil
end

local function add_aliases(span)
    for _, latency in pairs(span.latency) do
        latency["p99.9"] = latency.p99_9
    end
    if span.response then
        span.response["p99.9"] = span.response.p99_9
    end
end

local function peak_between(timeline, from, to)
    local peak = 0
    for _, entry in ipairs(timeline) do
        peak = entry.t >= from and entry.t <= to and math.max(peak, entry.rss) or peak
    end
    return peak
end

--- The times at which segments begin, and the marks of the phases there.
local function titles_of(phases)
    local sorted = table.move(phases, 1, #phases, 1, {})
    table.sort(sorted, function(a, b)
        return a.at < b.at
    end)
    local titles, at = { "1" }, 0
    for _, phase in ipairs(sorted) do
        if phase.at ~= at then
            at = phase.at
            titles[#titles + 1] = tostring(#titles + 1)
        end
        titles[#titles] = phase.mark and ("%d (%s)"):format(#titles, phase.mark) or titles[#titles]
    end
    return titles
end

local function phase_of(result, run, i, title)
    local span = run:segment(i)
    span.title = title
    if span.reached then
        add_memory(span, span)
        add_aliases(span)
        span.peak_rss = math.max(span.rss, peak_between(result.timeline, span.at, span.at + span.seconds))
    end
    span.rss, span.live, span.engine, span.allocated, span.active = nil, nil, nil, nil, nil
    span.t, span.mark, span.dirty, span.muzzy, span.retained, span.fragmentation = nil, nil, nil, nil, nil, nil
    return span
end

function spans.complete(result, run, phases)
    local timeline = result.timeline
    first_base = math.min(first_base, result.base_rss)
    add_memory(result, timeline[#timeline - 1]) -- "end of operations"; the last one is "everything freed"
    add_aliases(result)
    result.freed_rss = timeline[#timeline].rss - timeline[#timeline].engine
    result.phases = {}
    local titles = titles_of(phases)
    for i = 1, result.segments do
        result.phases[i] = phase_of(result, run, i, titles[i] or tostring(i))
    end
    result.segments = nil
end

return spans
