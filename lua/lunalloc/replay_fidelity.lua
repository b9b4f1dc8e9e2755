--- How faithful a replay was: what it did beside what was recorded.
---
---     fidelity.of(plan, result)    -> the table result.fidelity
---     fidelity.lines(fidelity)     its rows as text
---
--- Fields: kinds[call] = { recorded =, replayed = } calls of a kind, and likewise classes (kinds and size classes in
--- which the two differ: a number), remote (blocks that another thread freed), peak_live (bytes, at the ends of
--- windows), peak_resident and peak_rss (with .ratio): how far active, dirty and muzzy pages grew, which are malloc's,
--- and all of the process's anonymous memory, of which the program has more than its malloc gave (with .seen, the share
--- of the growth that the recorder saw; the rest was before its first look); violations: blocks that were not there
--- when they were needed; deviations: windows at whose end not the recorded bytes lived; lost: events that were dropped
--- while recording, and lost_share; corrupt: blocks that did not hold what was written, of touch = "verify"; exact:
--- true if all that must be equal is.

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

--- How far the process's memory grew: since the recorder first looked at it, and before that by as much as the replay
--- until the same call, since a program may have allocated for long until a busy system let the recorder look.
local function recorded_growth(recorded, result)
    local seen = growth(recorded.base_anonymous, recorded.peak_anonymous)
    return seen and seen + math.max(0, result.look_rss - result.base_rss)
        or growth(recorded.base_rss, recorded.peak_rss), seen
end

--- The ratio is nil if either is unknown or nothing was recorded.
local function pair_of(recorded, replayed)
    return { recorded = recorded, replayed = replayed,
        ratio = recorded and recorded > 0 and replayed and replayed / recorded or nil }
end

--- The growth of active, dirty and muzzy pages to their peak; of another allocator, that of the process.
local function resident_growth(result)
    local first, peak = result.timeline[1], 0
    if not (first and first.active) then
        return growth(result.base_rss, result.peak_rss)
    end
    for _, entry in ipairs(result.timeline) do
        peak = math.max(peak, entry.active + entry.dirty + entry.muzzy)
    end
    return growth(first.active + first.dirty + first.muzzy, peak)
end

function fidelity.of(plan, result)
    local facts, recorded = plan.facts, plan.recorded
    local lost = math.max(facts.lost, recorded.lost)
    local grown, seen = recorded_growth(recorded, result)
    local peak_rss = pair_of(grown, growth(result.base_rss, result.peak_rss))
    peak_rss.seen = seen and grown > 0 and seen / grown or nil
    local f = { kinds = {}, classes = 0, remote = { recorded = facts.remote, replayed = result.remote },
        violations = result.violations, deviations = result.deviations, corrupt = result.corrupt,
        peak_live = { recorded = facts.peak_ends, replayed = result.peak_live },
        peak_rss = peak_rss,
        peak_resident = pair_of(growth(recorded.base_resident, recorded.peak_resident), resident_growth(result)),
        lost = lost, lost_share = lost / math.max(1, lost + facts.events),
        unmatched = facts.unmatched, reused = facts.reused, failed = facts.failed }
    for _, call in ipairs(CALLS) do
        local mine = (result.counts or {})[call] or {}
        f.kinds[call] = { recorded = sum(facts.counts[call]), replayed = sum(mine) }
        f.classes = f.classes + differences(facts.counts[call], mine)
    end
    f.exact = f.classes == 0 and f.violations == 0 and f.remote.recorded == f.remote.replayed
        and f.deviations == 0 and f.corrupt == 0 and f.peak_live.recorded == f.peak_live.replayed
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
    if f.corrupt > 0 then
        lines[#lines + 1] = row("blocks with other contents", "", whole(f.corrupt), "WRONG")
    end
    lines[#lines + 1] = row("used before allocated", "", whole(f.violations), f.violations == 0 and "none" or "WRONG")
end

local function add_growth(lines, name, pair)
    lines[#lines + 1] = row(name, pair.recorded and units.human(pair.recorded) or "unknown",
        units.human(pair.replayed or 0), pair.ratio and ("%.3f"):format(pair.ratio) or "")
end

local function add_memory(lines, f)
    lines[#lines + 1] = row("peak of live bytes", equal(f.peak_live, units.human))
    lines[#lines + 1] = row("live at ends of windows", "", f.deviations == 0 and "" or whole(f.deviations),
        f.deviations == 0 and "equal" or "DIFFERENT")
    add_growth(lines, "peak of malloc's pages", f.peak_resident)
    add_growth(lines, "peak RSS above the start", f.peak_rss)
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
