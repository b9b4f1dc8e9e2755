--- Replays a trace of pages: the extent events of a program on this allocator's page layer, over a simulated system and
--- clock, so that hours of decay take seconds. It answers what other settings of decay and retention would do.
---
---     pages.run(options, variant, recorded)    for la.replay -> result | nil, message, code
---
--- The result: events, allocs, frees, resizes, seconds (of the trace), took (processor time of the simulation), faults,
--- purges, purged_pages, maps, unmaps, moves (counts), peak and mean (active, dirty, muzzy, retained, rss: bytes),
--- timeline of { t, active, dirty, muzzy, retained, rss, faults }; fidelity: peaks beside those of the recording, and
--- off = by how much active, dirty and retained bytes differ from the allocator's own counters over time.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local child = require "lunalloc.child"
local units = require "lunalloc.units"

local pages = {}

local ENTRIES <const> = 1000 -- of the timeline
local COMPARED <const> = { "active", "dirty", "retained" }
local BYTES <const> = { "active", "dirty", "muzzy", "retained", "rss" }

-- Settings that decide over pages, and how their values are read.
local function milliseconds(text)
    local ns = not text:find "^%-?%d+$" and units.time(text)
    return ns and ns // 1000000 or math.tointeger(tonumber(text))
end

local function bytes(text)
    return math.tointeger(tonumber(text)) or units.size(text)
end

local READERS <const> = { dirty_decay_ms = milliseconds, muzzy_decay_ms = milliseconds, dirty_max = bytes,
    retain_grow_limit = bytes, lg_extent_max_active_fit = function(text) return math.tointeger(tonumber(text)) end,
    retain = function(text) return text == "true" and 1 or text == "false" and 0 or nil end }
local LEAST <const> = { dirty_decay_ms = -1, muzzy_decay_ms = -1, dirty_max = -1, retain = 0, retain_grow_limit = 4096,
    lg_extent_max_active_fit = 0 }
local MOST <const> = { dirty_decay_ms = 1000000000000, muzzy_decay_ms = 1000000000000, lg_extent_max_active_fit = 63 }

-- ---- settings ------------------------------------------------------------------------------------------------------

--- The settings of LUNALLOC_CONF's text that decide over pages. nil, message, code for a wrong one, or for another one
--- unless others are passed over.
function pages.settings(conf, pass_over)
    local settings = {}
    for name, text in conf:gmatch "([^,:]+):([^,]*)" do
        local value = READERS[name] and READERS[name](text)
        if READERS[name] and (not value or value < LEAST[name] or value > (MOST[name] or math.maxinteger)) then
            return nil, ("%s: %s is not a value of this setting"):format(name, check.shown(text)), "EINVAL"
        elseif not READERS[name] and not pass_over then
            return nil, ("%s does not matter to pages; a replay of pages takes %s"):format(check.shown(name),
                table.concat(check.names(READERS), ", ")), "EINVAL"
        end
        settings[name] = value or nil
    end
    return settings
end

local function literal(settings)
    local parts = {}
    for name, value in pairs(settings) do
        parts[#parts + 1] = ("%s = %q"):format(name, value)
    end
    return "{ " .. table.concat(parts, ", ") .. " }"
end

-- ---- the result ----------------------------------------------------------------------------------------------------

--- The means over time of the timeline's bytes.
local function means(timeline)
    local mean, total = {}, 0
    for _, name in ipairs(BYTES) do
        mean[name] = 0
    end
    for i = 2, #timeline do
        local span = timeline[i].t - timeline[i - 1].t
        total = total + span
        for _, name in ipairs(BYTES) do
            mean[name] = mean[name] + timeline[i - 1][name] * span
        end
    end
    for _, name in ipairs(BYTES) do
        mean[name] = total > 0 and mean[name] / total or 0
    end
    return mean
end

local Result = { __name = "lunalloc.replay" }
Result.__index = Result

local function row(name, recorded, replayed)
    local ratio = recorded and recorded > 0 and ("%.3f"):format(replayed / recorded) or ""
    return ("  %-26s %12s %12s  %s"):format(name, recorded and units.human(recorded) or "unknown",
        units.human(replayed), ratio)
end

local function fidelity_lines(lines, self)
    lines[#lines + 1] = ("  %-26s %12s %12s  %s"):format("", "recorded", "replayed", "ratio")
    for _, name in ipairs { "active", "dirty", "muzzy" } do
        lines[#lines + 1] = row("peak " .. name, self.fidelity[name].recorded, self.fidelity[name].replayed)
    end
    lines[#lines + 1] = row("mean dirty", self.fidelity.mean_dirty.recorded, self.fidelity.mean_dirty.replayed)
    for _, name in ipairs(COMPARED) do
        local off = self.fidelity.off[name]
        if off then
            lines[#lines + 1] = ("  %-26s %12s %12s  %.3f"):format(name .. " off by, in the mean", "",
                units.human(off.bytes // 1), off.share)
        end
    end
end

function Result:__tostring()
    local settings = self.conf ~= "" and (" (%s)"):format(self.conf) or ""
    local lines = {
        ("trace      %s: %s extent events in %s"):format(self.trace, units.human_count(self.events),
            units.human_time(self.seconds * 1e9)),
        ("replay     of pages%s in %s of processor time, %.0f times as fast"):format(settings,
            units.human_time(self.took * 1e9), self.seconds / math.max(self.took, 1e-9)),
        ("memory     simulated RSS %s at the peak, %s in the mean; retained addresses %s"):format(
            units.human(self.peak.rss), units.human(self.mean.rss // 1), units.human(self.peak.retained)),
        ("system     %s page faults; %s purges of %s pages, %s of them lazy; %s regions mapped, %s unmapped"):format(
            units.human_count(self.faults), units.human_count(self.purges + self.lazy_purges),
            units.human_count(self.purged_pages + self.lazy_pages), units.human_count(self.lazy_purges),
            units.human_count(self.maps), units.human_count(self.unmaps)),
    }
    fidelity_lines(lines, self)
    return table.concat(lines, "\n")
end

--- All of it as JSON.
function Result:tojson()
    check.self(self, Result, "replay:tojson")
    return core.json(self)
end

--- By how much active, dirty and retained bytes differ from the allocator's own counters, at the times at which the
--- recorder asked for these: { bytes =, share =, samples = }, the mean and its share of the mean that was recorded.
local function off_by(samples, timeline, name)
    local difference, total, n, at = 0, 0, 0, 1
    for _, sample in ipairs(samples) do
        while timeline[at + 1] and timeline[at + 1].t <= sample.t do
            at = at + 1
        end
        if timeline[at] and sample[name] then
            difference, total, n = difference + math.abs(timeline[at][name] - sample[name]), total + sample[name], n + 1
        end
    end
    return n > 0 and { bytes = difference / n, share = difference / math.max(1, total), samples = n } or nil
end

--- Beside what the recording's samples say. Extents from before the recording are unknown, so only a recording from the
--- start has the same bytes.
local function fidelity(recorded, samples, result)
    local peak = recorded.peak or {}
    local pairs_of = { mean_dirty = { recorded = recorded.mean_dirty, replayed = result.mean.dirty // 1 } }
    for _, name in ipairs { "active", "dirty", "muzzy" } do
        pairs_of[name] = { recorded = peak[name], replayed = result.peak[name] }
    end
    pairs_of.off = {}
    for _, name in ipairs(COMPARED) do
        pairs_of.off[name] = off_by(samples, result.timeline, name)
    end
    pairs_of.unmatched, pairs_of.reused, pairs_of.lost = result.unmatched, result.reused, recorded.lost
    pairs_of.exact = result.refused == 0 and result.left_out == 0 and recorded.lost == 0
    return pairs_of
end

local function complete(options, recorded, conf, result)
    result.trace, result.conf, result.recorded, result.mode = options.trace, conf, recorded, "pages"
    result.mean = means(result.timeline)
    result.fidelity = fidelity(recorded, core.replay.samples(options.trace) or {}, result)
    return setmetatable(result, Result)
end

-- ---- the run -------------------------------------------------------------------------------------------------------

--- Settings that are not in conf are as recorded; conf nil: all of them.
local function read_conf(conf, recorded)
    if conf ~= nil then
        return pages.settings(conf, false)
    end
    return pages.settings(recorded.conf, true)
end

function pages.run(options, variant, recorded)
    if variant.allocator ~= "lunalloc" then
        return nil, "a trace of pages is replayed on lunalloc's page layer only", "EINVAL"
    end
    local settings, message, code = read_conf(variant.conf, recorded)
    if not settings then
        return nil, message, code
    end
    settings.interval = options.interval or math.max(1e-3, recorded.seconds / ENTRIES)
    local done
    done, message, code = child.run {
        script = package.searchpath("lunalloc.replay_pages_child", package.path), timeout = options.timeout,
        input = ("return { trace = %q, settings = %s }"):format(options.trace, literal(settings)), conf = "",
        env = variant.env,
    }
    if not done then
        return nil, message, code
    elseif not done.ok or type(done.value) ~= "table" then
        return nil, done.problem or "the replay ended before its end", done.timed_out and "ETIMEDOUT" or "EINVAL"
    end
    settings.interval = nil
    local shown = {}
    for _, name in ipairs(check.names(settings)) do
        shown[#shown + 1] = ("%s:%s"):format(name, settings[name])
    end
    return complete(options, recorded, table.concat(shown, ","), done.value)
end

return pages
