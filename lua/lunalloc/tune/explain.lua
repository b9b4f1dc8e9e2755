--- Why a setting helps: what changes in the allocator's own statistics. The default and the winner run once more, and
--- report at their end (opt.stats_print); the report of the process with the most memory is read.
---
---     explain.statistics(job, conf)        the statistics at the end of a run, or nil
---     explain.sentence(setting, before, after)
---
--- A process that is killed, or ends by _exit(), reports nothing; then the sentence has the general cause only.

local json = require "lunalloc.json"
local space = require "lunalloc.tune.space"
local units = require "lunalloc.units"

local explain = {}

-- name of a statistic -> how it is told
local FIGURES <const> = {
    dirty = { "dirty pages at exit", units.human },
    retained = { "address space kept", units.human },
    active = { "pages in use at exit", units.human },
    cached = { "in threads' caches", units.human },
    highwater = { "peak of the pages", units.human },
    purged = { "pages given back", units.human_count },
    nregions = { "regions", units.human_count },
    narenas = { "arenas", units.human_count },
    nslabs = { "slabs", units.human_count },
}
FIGURES.nmadvise = { "calls that give pages back", units.human_count }
FIGURES.nfills = { "refills of caches", units.human_count }

--- The report with the most resident memory among the lines of a text.
local function largest_report(text)
    local largest
    for line in text:gmatch '{"jemalloc"%s*:[^\n]*' do
        local report = json.decode(line)
        local stats = report and type(report.jemalloc) == "table" and report.jemalloc.stats
        if type(stats) == "table" and (not largest or (stats.resident or 0) > (largest.resident or 0)) then
            largest = stats
        end
    end
    return largest
end

function explain.statistics(job, conf)
    local report = "stats_print:true,stats_print_opts:J"
    return largest_report(job.messages(conf == "" and report or conf .. "," .. report))
end

--- Did the figure change by more than a twentieth?
local function has_changed(before, after)
    return math.type(before) and math.type(after) and math.abs(after - before) > 0.05 * math.max(before, after)
end

--- "dirty pages at the end 96.0 MiB -> 12.0 MiB", for what the setting touches.
local function changes(option, before, after)
    local parts = {}
    for _, name in ipairs(space.tunable[option] and space.tunable[option].shows or {}) do
        local old, new = before[name], after[name]
        if has_changed(old, new) then
            local words, human = FIGURES[name][1], FIGURES[name][2]
            parts[#parts + 1] = ("%s %s -> %s"):format(words, human(old), human(new))
        end
    end
    return table.concat(parts, ", ")
end

--- What the setting does, and what has changed; `before` and `after` are statistics, or nil.
function explain.sentence(setting, before, after)
    local known = space.tunable[setting[1]]
    local cause = known and known.effect or "chosen by the caller"
    local seen = before and after and changes(setting[1], before, after) or ""
    return seen ~= "" and ("%s: %s"):format(cause, seen) or cause
end

return explain
