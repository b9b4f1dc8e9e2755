--- The result of a replay as text, and as JSON.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local fidelity = require "lunalloc.replay_fidelity"
local units = require "lunalloc.units"
local workload_report = require "lunalloc.workload_report"

local report = {}

local Result = { __name = "lunalloc.replay" }
Result.__index = Result

local function plural(n, word)
    return ("%s %s%s"):format(units.human_count(n), word, n == 1 and "" or "s")
end

local function speed_text(speed)
    return speed == 0 and "as fast as possible" or speed == 1 and "at the recorded times"
        or ("%g times as fast as recorded"):format(speed)
end

local function head(result)
    local recorded = result.recorded
    local of = recorded.name ~= "" and " of " .. recorded.name or ""
    return {
        ("trace      %s%s: %s by %s in %s%s"):format(result.trace, of, plural(result.ops, "call"),
            plural(result.threads, "thread"), units.human_time(recorded.seconds * 1e9),
            recorded.complete and "" or "; the file is incomplete"),
        ("replay     on %s%s%s, %s: %s, %.1f ns a call"):format(result.allocator,
            result.version and " " .. result.version or "",
            result.conf and result.conf ~= "" and (" (%s)"):format(result.conf) or "", speed_text(result.speed),
            units.human_time(result.seconds * 1e9), result.ns_per_call),
        ("memory     peak RSS %s above the start, %s live at the peak"):format(
            units.human(result.peak_growth), units.human(result.peak_live)),
    }
end

function Result:__tostring()
    local lines = head(self)
    if self.failures > 0 then
        lines[#lines + 1] = ("failures   %d allocations failed (NULL)"):format(self.failures)
    end
    workload_report.add_latencies(lines, self)
    for _, line in ipairs(fidelity.lines(self.fidelity)) do
        lines[#lines + 1] = line
    end
    return table.concat(lines, "\n")
end

--- All of it as JSON.
function Result:tojson()
    check.self(self, Result, "replay:tojson")
    return core.json(self)
end

function report.result(t)
    return setmetatable(t, Result)
end

return report
