--- How faithful a replay was: what it did beside what was recorded.
---
---     fidelity.of(plan, result)    -> the table result.fidelity
---     fidelity.lines(fidelity)     its rows as text
---
--- Fields: kinds[call] = { recorded =, replayed = } calls of a kind, and likewise classes (kinds and size classes in
--- which the two differ: a number), remote (blocks that another thread freed), peak_live (bytes, at the ends of
--- windows) and peak_rss (bytes above the start, with .ratio); violations: blocks that were not there when they were
--- needed; deviations: windows at whose end not the recorded bytes lived; lost: events that were dropped while
--- recording, and lost_share; exact: true if all that must be equal is.

local units = require "lunalloc.units"

local fidelity = {}

local CALLS <const> = { "malloc", "calloc", "aligned_alloc", "realloc", "free", "free_sized" }

--- The sum of the calls of a kind, by class; the child's tables have texts as keys.
local function sum(counts)
    local total = 0
    for _, n in pairs(counts or {}) do
        total = total + n
    end
    return total
end

--- The classes in which the two differ.
local function differences(recorded, replayed)
    local n = 0
    for size, count in pairs(recorded) do
        n = n + (replayed[tostring(size)] == count and 0 or 1)
    end
    for size in pairs(replayed) do
        n = n + (recorded[math.tointeger(tonumber(size))] and 0 or 1)
    end
    return n
end

local function growth(base, peak)
    return base and peak and math.max(0, peak - base) or nil
end

--- Growth of memory from the start to the peak. The ratio is nil if either is unknown or there was none.
local function compare_rss(recorded, result)
    local before, after = growth(recorded.base_rss, recorded.peak_rss), growth(result.base_rss, result.peak_rss)
    return { recorded = before, replayed = after, ratio = before and before > 0 and after and after / before or nil }
end

function fidelity.of(plan, result)
    local facts, recorded = plan.facts, plan.recorded
    local lost = math.max(facts.lost, recorded.lost)
    local f = { kinds = {}, classes = 0, remote = { recorded = facts.remote, replayed = result.remote },
        violations = result.violations, deviations = result.deviations,
        peak_live = { recorded = facts.peak_ends, replayed = result.peak_live },
        peak_rss = compare_rss(recorded, result), lost = lost, lost_share = lost / math.max(1, lost + facts.events),
        unmatched = facts.unmatched, reused = facts.reused, failed = facts.failed }
    for _, call in ipairs(CALLS) do
        local mine = (result.counts or {})[call] or {}
        f.kinds[call] = { recorded = sum(facts.counts[call]), replayed = sum(mine) }
        f.classes = f.classes + differences(facts.counts[call], mine)
    end
    f.exact = f.classes == 0 and f.violations == 0 and f.remote.recorded == f.remote.replayed
        and f.deviations == 0 and f.peak_live.recorded == f.peak_live.replayed
    return f
end

-- ---- as text -------------------------------------------------------------------------------------------------------

local function row(name, recorded, replayed, note)
    return ("  %-26s %12s %12s  %s"):format(name, recorded, replayed, note)
end

local function equal(pair, format)
    return format(pair.recorded), format(pair.replayed), pair.recorded == pair.replayed and "equal" or "DIFFERENT"
end

local function whole(n)
    return ("%d"):format(n)
end

local function add_calls(lines, f)
    for _, call in ipairs(CALLS) do
        local pair = f.kinds[call]
        if pair.recorded + pair.replayed > 0 then
            lines[#lines + 1] = row(call, equal(pair, whole))
        end
    end
    lines[#lines + 1] = row("size classes that differ", "", whole(f.classes), f.classes == 0 and "equal" or "DIFFERENT")
    lines[#lines + 1] = row("freed by another thread", equal(f.remote, whole))
    lines[#lines + 1] = row("used before allocated", "", whole(f.violations), f.violations == 0 and "none" or "WRONG")
end

local function add_memory(lines, f)
    lines[#lines + 1] = row("peak of live bytes", equal(f.peak_live, units.human))
    lines[#lines + 1] = row("live at ends of windows", "", f.deviations == 0 and "" or whole(f.deviations),
        f.deviations == 0 and "equal" or "DIFFERENT")
    local rss = f.peak_rss
    lines[#lines + 1] = row("peak RSS above the start", rss.recorded and units.human(rss.recorded) or "unknown",
        units.human(rss.replayed or 0), rss.ratio and ("%.3f"):format(rss.ratio) or "")
end

--- An array of lines.
function fidelity.lines(f)
    local lines = { row("fidelity", "recorded", "replayed", "") }
    add_calls(lines, f)
    add_memory(lines, f)
    lines[#lines + 1] = row("events lost", whole(f.lost), "", f.lost == 0 and "none"
        or ("%.3g %%"):format(100 * f.lost_share))
    local left_out = f.unmatched + f.reused
    if left_out > 0 then
        lines[#lines + 1] = ("  %d frees of blocks from before the recording are left out, %d that are missing are " ..
            "added"):format(f.unmatched, f.reused)
    end
    return lines
end

return fidelity
