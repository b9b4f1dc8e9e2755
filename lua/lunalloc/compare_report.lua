--- A comparison as text: a table with a picture of each interval; and as JSON.

local core = require "lunalloc.core"
local metrics = require "lunalloc.compare_metrics"
local raster = require "lunalloc.plot_raster"
local units = require "lunalloc.units"
local check = require "lunalloc.check"

local report = {}

local NAME <const>, WIDEST_NAME <const> = 8, 24 -- columns
local LEAST_PICTURE <const>, MOST_PICTURE <const> = 16, 48
local REST <const> = 59 -- columns besides the name and the picture

-- ---- figures -------------------------------------------------------------------------------------------------------

local FORMATS <const> = {
    bytes = units.human,
    count = units.human_count,
    ns = function(value)
        return value < 10 and ("%.2f ns"):format(value) or value < 100 and ("%.1f ns"):format(value)
            or units.human_time(value)
    end,
    s = function(value) return units.human_time(value * 1e9) end,
}

local function figure(value, unit)
    local format = FORMATS[unit]
    return format and format(value) or ("%.4g"):format(value)
end

--- Three digits after the point below 10: the ratios of a comparison differ in them.
local function ratio_text(ratio)
    if ratio == math.huge then
        return "?"
    end
    return (ratio < 10 and "%.3f" or ratio < 1000 and "%.1f" or "%.2g"):format(ratio)
end

-- ---- the picture of an interval ------------------------------------------------------------------------------------

--- The scale of all intervals of a metric: logarithms, 1 inside, a little room at the ends; nil if none is finite.
local function scale_of(rows)
    local low, high = 0.0, 0.0
    for _, row in ipairs(rows) do
        if row.high < math.huge and row.low > 0 then
            low, high = math.min(low, math.log(row.low)), math.max(high, math.log(row.high))
        end
    end
    if low == high then
        return nil
    end
    local room = (high - low) * 0.04
    return { low = low - room, high = high + room }
end

--- One line: the interval, its estimate, and where the ratio is 1.
local function picture(row, scale, columns, mode)
    local style = raster.STYLES[mode]
    local dots = raster.new(columns, 1, mode)
    local function place(ratio)
        return raster.place(scale, math.log(ratio), dots.last_x)
    end
    local middle = style.down // 2
    if row.high < math.huge and row.low > 0 then
        dots:line(place(row.low), middle, place(row.high), middle, 2, raster.DASHES[1])
        dots:line(place(row.ratio), 0, place(row.ratio), dots.last_y, 1, raster.DASHES[1])
    end
    local one, cells = raster.place(scale, 0, columns - 1), {}
    for column = 0, columns - 1 do
        local cell = dots.cells[column + 1]
        local ascii = mode == "ascii" and cell and (cell.owner == 1 and "*" or "-")
        cells[#cells + 1] = cell and (ascii or raster.GLYPHS[mode](cell)) or column == one and style.mark or " "
    end
    return table.concat(cells)
end

--- The ends of the scale, under the picture's columns.
local function scale_line(scale, columns)
    local left, right = ratio_text(math.exp(scale.low)), ratio_text(math.exp(scale.high))
    return left .. (" "):rep(columns - #left - #right) .. right
end

-- ---- the table -----------------------------------------------------------------------------------------------------

--- "lunalloc 0.1.0", "a: narenas:1".
local function title(variant)
    local version = variant.name == variant.allocator and variant.version
    return version and variant.name .. " " .. version or variant.name
end

local function of_metric(result, name)
    local rows = {}
    for _, comparison in ipairs(result.comparisons) do
        if comparison.metric == name then
            rows[#rows + 1] = comparison
        end
    end
    return rows
end

local function cut(text, width)
    return #text > width and text:sub(1, width - 1) .. "~" or text
end

local function interval_text(row)
    if row.high == math.huge then
        return ratio_text(row.ratio) .. " (too few rounds)"
    end
    return ("%s [%s, %s]"):format(ratio_text(row.ratio), ratio_text(row.low), ratio_text(row.high))
end

local function metric_lines(result, name, layout, lines)
    local about, rows = metrics.about(name), of_metric(result, name)
    local scale = scale_of(rows)
    local head = ("%s, %s is better"):format(name, about.more and "more" or "less")
    local before = layout.name + 45
    lines[#lines + 1] = scale and ("%-" .. before .. "s%s"):format(head, scale_line(scale, layout.picture)) or head
    for i, variant in ipairs(result.variants) do
        local row = rows[i - 1]
        local line = ("  %-" .. layout.name .. "s%10s %s%-7s"):format(cut(title(variant), layout.name),
            figure(variant.medians[name], about.unit), layout.mode == "ascii" and "+-" or " ±",
            ("%.1f%%"):format(variant.spreads[name] * 50))
        if row then
            local drawn = scale and picture(row, scale, layout.picture, layout.mode) or ""
            line = ("%s%-22s %s %s"):format(line, interval_text(row), drawn, row.verdict)
        end
        lines[#lines + 1] = line
    end
end

local function layout_of(result, options)
    local console = package.loaded["lunalloc.console"]
    local width = options.width or (console and console.width()) or tonumber(os.getenv "COLUMNS") or 110
    local longest = NAME
    for _, variant in ipairs(result.variants) do
        longest = math.max(longest, #title(variant))
    end
    local name = math.min(longest, WIDEST_NAME)
    local room = math.max(LEAST_PICTURE, math.min(MOST_PICTURE, width - REST - name))
    return { name = name, picture = room, mode = options.mode or raster.default_mode() }
end

--- One line of the hosts that ran rounds, and one of each that something is wrong with.
local function host_lines(hosts, lines)
    local ran = {}
    for _, host in ipairs(hosts or {}) do
        ran[#ran + 1] = host.rounds > 0 and ("%s (%d)"):format(host.name, host.rounds) or nil
    end
    if #ran > 0 then
        lines[#lines + 1] = "hosts, and their rounds: " .. table.concat(ran, ", ") .. "; ratios within a host"
    end
    for _, host in ipairs(hosts or {}) do
        lines[#lines + 1] = host.problem and ("host %s: %s"):format(host.name, host.problem) or nil
    end
end

local function head_lines(result)
    local n = #result.variants
    local lines = {
        ("comparison of %d variants on %s: %d rounds, in turn; ratios to %s"):format(n, result.scenario, result.rounds,
            title(result.variants[1])),
        ("medians ± half of the range of the middle half; all intervals hold together with %g %%; a difference "
            .. "below %g %% is none"):format(result.confidence * 100, result.least * 100),
    }
    if result.rounds < result.rounds_needed then
        lines[#lines + 1] = ("too few rounds for so many metrics and variants: at least %d"):format(
            result.rounds_needed)
    end
    host_lines(result.hosts, lines)
    if #(result.left_out or {}) > 0 then
        lines[#lines + 1] = "left out, because a run has none: " .. table.concat(result.left_out, ", ")
    end
    for _, variant in ipairs(result.variants) do
        if variant.conf then
            local conf = variant.conf == "" and "no settings" or variant.conf
            local malloc = variant.allocator and (" (%s %s)"):format(variant.allocator, variant.version) or ""
            lines[#lines + 1] = ("  %s: %s%s"):format(variant.name, conf, malloc)
        end
    end
    return lines
end

local function verdict_line(result)
    if result.same then
        return "no difference"
    end
    local counts = {}
    for _, comparison in ipairs(result.comparisons) do
        local key = comparison.variant
        counts[key] = counts[key] or { better = {}, worse = {}, undecided = {} }
        local list = counts[key][comparison.verdict]
        if list then
            list[#list + 1] = comparison.metric
        end
    end
    local parts = {}
    for _, variant in ipairs(result.variants) do
        for _, verdict in ipairs(counts[variant.name] and { "better", "worse", "undecided" } or {}) do
            local list = counts[variant.name][verdict]
            if #list > 0 then
                parts[#parts + 1] = ("%s: %s in %s"):format(variant.name, verdict, table.concat(list, ", "))
            end
        end
    end
    return table.concat(parts, "\n")
end

-- ---- the object ----------------------------------------------------------------------------------------------------

local Result = { __name = "lunalloc.comparison" }
Result.__index = Result

local MODES <const> = { braille = true, blocks = true, ascii = true }

--- The table with pictures. Options: width; mode, "braille", "blocks" or "ascii".
function Result:table(options)
    check.self(self, Result, "comparison:table")
    check.that(options == nil or type(options) == "table", "comparison:table", 1, "a table of options expected")
    options = check.plain(options or {})
    for key in pairs(options) do
        check.that(key == "width" or key == "mode", "comparison:table", 1,
            ("unknown key %s; allowed: width, mode"):format(check.shown(key)))
    end
    check.that(options.width == nil or math.tointeger(options.width), "comparison:table", 1,
        "width: a whole number expected")
    check.that(options.mode == nil or MODES[options.mode], "comparison:table", 1,
        "mode: braille, blocks or ascii expected")
    local layout, lines = layout_of(self, options), head_lines(self)
    for _, name in ipairs(self.metrics) do
        lines[#lines + 1] = ""
        metric_lines(self, name, layout, lines)
    end
    lines[#lines + 1] = ""
    lines[#lines + 1] = verdict_line(self)
    return (table.concat(lines, "\n"):gsub(" +\n", "\n"))
end

function Result:__tostring()
    return self:table()
end

--- All of it as JSON: samples, medians, spreads, ratios, intervals, verdicts. An interval that is not finite is left
--- out.
function Result:tojson()
    check.self(self, Result, "comparison:tojson")
    local copy = {}
    for key, value in pairs(self) do
        copy[key] = value
    end
    copy.comparisons = {}
    for i, comparison in ipairs(self.comparisons) do
        local row = check.plain(comparison)
        if row.high == math.huge then
            row.low, row.high = nil, nil
        end
        copy.comparisons[i] = row
    end
    return core.json(copy)
end

--- The comparison of a variant with the first one: a table of metric, ratio, low, high, verdict; nil if there is none.
function Result:of(variant, metric)
    check.self(self, Result, "comparison:of")
    for _, comparison in ipairs(self.comparisons) do
        if comparison.variant == variant and comparison.metric == metric then
            return comparison
        end
    end
end

--- Gives `result` its methods.
function report.result(result)
    return setmetatable(result, Result)
end

return report
