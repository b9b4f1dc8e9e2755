--- A search's result as text: the table of what was found, the verdict, and the winner's settings with their causes.

local units = require "lunalloc.units"

local report = {}

local WIDEST <const> = 48 -- columns of a setting

local FORMATS <const> = {
    time = function(seconds) return units.human_time(seconds * 1e9) end,
    rss = units.human,
}
FORMATS.p99, FORMATS.cpu = FORMATS.time, FORMATS.time

local function percent(ratio)
    return ("%+.1f %%"):format((ratio - 1) * 100)
end

-- ---- the table -----------------------------------------------------------------------------------------------------

--- "170 MiB  -19.0 %  ±0.2 %": half of the range of the middle half of the runs. Without a change if the runs with the
--- defaults have no such figure: a process that calls no malloc in a window tells no time.
local function cell(row, metric)
    local figure = row[metric]
    if not figure then
        return ""
    end
    local spread = figure.median > 0 and (figure.high - figure.low) / 2 / figure.median or 0
    return ("%9s %8s ±%.1f%%"):format(FORMATS[metric](figure.median),
        row.conf ~= "" and row.ratio[metric] and percent(row.ratio[metric]) or "", spread * 100)
end

local function cut(text)
    return #text > WIDEST and text:sub(1, WIDEST - 1) .. "~" or text
end

local function name_of(row)
    return row.conf == "" and "the defaults" or row.conf
end

local function columns_of(found)
    local columns = { "rss", "time" }
    columns[#columns + 1] = found.baseline and found.baseline.p99 and "p99" or nil
    return columns
end

local function table_lines(found, lines)
    local rows = { found.baseline }
    for _, row in ipairs(found.pareto) do
        rows[#rows + 1] = row.conf ~= "" and row or nil
    end
    local width = 12
    for _, row in ipairs(rows) do
        width = math.max(width, #cut(name_of(row)))
    end
    local columns, head = columns_of(found), ("%-" .. width .. "s  runs"):format "settings"
    for _, metric in ipairs(columns) do
        head = head .. ("  %9s%15s"):format(metric, "")
    end
    lines[#lines + 1] = (head:gsub("%s+$", ""))
    for _, row in ipairs(rows) do
        local line = ("%-" .. width .. "s  %4d"):format(cut(name_of(row)), row.runs)
        for _, metric in ipairs(columns) do
            local text = cell(row, metric)
            line = line .. "  " .. text .. (" "):rep(24 - utf8.len(text))
        end
        lines[#lines + 1] = (line:gsub("%s+$", "")) .. (row.confirmed and "  confirmed" or "")
    end
end

-- ---- the verdict ---------------------------------------------------------------------------------------------------

local function interval(found)
    if found.high == math.huge then
        return percent(found.ratio)
    end
    return ("%s [%s, %s]"):format(percent(found.ratio), percent(found.low), percent(found.high))
end

local function confirmation_line(confirmation)
    local parts = {}
    for _, metric in ipairs { "rss", "time", "p99", "cpu" } do
        local found = confirmation.metrics[metric]
        parts[#parts + 1] = found and ("%s %s"):format(metric, interval(found)) or nil
    end
    return table.concat(parts, ", ")
end

local function effect_text(effect)
    local parts = {}
    for _, metric in ipairs { "rss", "time", "p99" } do
        local value = effect[metric]
        parts[#parts + 1] = value and math.abs(value) >= 0.002 and ("%s %s"):format(metric, percent(1 + value)) or nil
    end
    return table.concat(parts, ", ")
end

local function winner_lines(found, lines)
    local winner = found.winner
    local confirmation = winner.confirmation
    lines[#lines + 1] = ("better, confirmed in %d fresh rounds (%.1f %%): %s"):format(confirmation.rounds,
        confirmation.confidence * 100, confirmation_line(confirmation))
    lines[#lines + 1] = winner.line
    for _, setting in ipairs(winner.settings) do
        local effect = effect_text(setting.effect)
        lines[#lines + 1] = ("  %s:%s%s"):format(setting.name, setting.value, effect ~= "" and "  " .. effect or "")
        lines[#lines + 1] = "    " .. setting.why
    end
end

local function verdict_lines(found, lines)
    if found.winner then
        winner_lines(found, lines)
        return
    end
    lines[#lines + 1] = found.interrupted and "interrupted: nothing is confirmed"
        or ("%s: %s"):format(found.verdict, found.reason or "")
    for _, confirmation in ipairs(found.confirmations) do
        lines[#lines + 1] = ("  %s, %d fresh rounds: %s"):format(confirmation.conf, confirmation.rounds,
            confirmation_line(confirmation))
    end
end

-- ---- all of it -----------------------------------------------------------------------------------------------------

local function limits_text(found)
    local parts = {}
    for i, limit in ipairs(found.limits) do
        parts[i] = ("%s+%g%%"):format(limit.metric, limit.share * 100)
    end
    return #parts > 0 and table.concat(parts, ", ") or "none"
end

local MEMORY <const> = { peak = "peak of the resident memory of all its processes", mean = "mean resident memory",
    settled = "resident memory at the end", growth = "peak above what the replay itself has" }

local function head_lines(found, lines)
    lines[#lines + 1] = ("tune: less %s, limit: %s; %s"):format(found.objective, limits_text(found),
        tostring(found.name):gsub("%c", " "))
    lines[#lines + 1] = ("%d runs in %.0f s; rss is the %s; medians, change, half of the middle half's range"):format(
        #found.runs, found.seconds, MEMORY[found.rss] or "resident memory")
    for _, warning in ipairs(found.warnings) do
        lines[#lines + 1] = "warning: " .. warning
    end
end

function report.text(found)
    local lines = {}
    head_lines(found, lines)
    if found.baseline then
        lines[#lines + 1] = ""
        table_lines(found, lines)
    end
    lines[#lines + 1] = ""
    verdict_lines(found, lines)
    for _, dropped in ipairs(found.dropped) do
        lines[#lines + 1] = ("dropped: %s (no effect beside the others)"):format(dropped)
    end
    for _, rejected in ipairs(found.rejected) do
        lines[#lines + 1] = ("rejected: %s: %s"):format(name_of(rejected), rejected.why)
    end
    return table.concat(lines, "\n")
end

return report
