--- What differs between two traces, by size class: trace:diff(other).

local units = require "lunalloc.units"

local diff = {}

local Diff = { __name = "lunalloc.trace_diff" }

local SIDES <const> = { "a", "b" }
local EMPTY <const> = { allocations = 0, bytes = 0, frees = 0, cross = 0, peak_bytes = 0, live_bytes = 0 }

local function side(row)
    local lifetime = row.lifetime
    return { allocations = row.allocations, bytes = row.bytes, frees = row.frees, cross = row.cross,
        peak_bytes = row.peak_bytes, live_bytes = row.live_bytes, lifetime = lifetime }
end

--- The rows of both sides by class, in the order of the classes.
local function joined(a, b)
    local by_class, order = {}, {}
    for i, rows in ipairs { a, b } do
        for _, row in ipairs(rows) do
            if not by_class[row.class] then
                by_class[row.class] = { class = row.class, size = row.size, a = EMPTY, b = EMPTY }
                order[#order + 1] = row.class
            end
            by_class[row.class][SIDES[i]] = side(row)
        end
    end
    table.sort(order)
    for i, class in ipairs(order) do
        order[i] = by_class[class]
    end
    return order
end

--- Half of the sum of differences of shares: 0 if the distributions are the same, 1 if they have nothing in common.
local function difference(rows, key, total_a, total_b)
    local sum = 0
    for _, row in ipairs(rows) do
        sum = sum + math.abs(row.a[key] / math.max(1, total_a) - row.b[key] / math.max(1, total_b))
    end
    return sum / 2
end

local function total(info, rows, of)
    local sums = { events = info.events, threads = #info.threads, duration = info.duration, peak_live = info.peak_live,
        lost = info.lost, allocations = 0, bytes = 0, cross = 0, frees = 0 }
    for _, row in ipairs(rows) do
        for _, key in ipairs { "allocations", "bytes", "cross", "frees" } do
            sums[key] = sums[key] + row[of][key]
        end
    end
    return sums
end

--- Of the infos and the rows by class of two traces.
function diff.new(info_a, rows_a, info_b, rows_b)
    local rows = joined(rows_a, rows_b)
    local result = { rows = rows, a = total(info_a, rows, "a"), b = total(info_b, rows, "b"),
        names = { a = info_a.path, b = info_b.path } }
    result.distance = difference(rows, "allocations", result.a.allocations, result.b.allocations)
    result.distance_bytes = difference(rows, "bytes", result.a.bytes, result.b.bytes)
    return setmetatable(result, Diff)
end

-- ---- as a text -----------------------------------------------------------------------------------------------------

local function change(a, b)
    if a == 0 then
        return b == 0 and "=" or "new"
    end
    return ("%+.1f %%"):format(100 * (b - a) / a)
end

local function line(name, a, b, human)
    return ("%-22s %12s %12s %10s"):format(name, human(a), human(b), change(a, b))
end

local function seconds(value)
    return units.human_time(value * 1e9)
end

local TOTALS <const> = { { "allocations", units.human_count }, { "bytes", units.human }, { "frees", units.human_count },
    { "cross", units.human_count }, { "peak_live", units.human }, { "threads", units.human_count },
    { "duration", seconds }, { "lost", units.human_count } }

--- The classes whose share of the bytes has changed most.
local function changed_most(result, n)
    local rows = table.move(result.rows, 1, #result.rows, 1, {})
    local a, b = math.max(1, result.a.bytes), math.max(1, result.b.bytes)
    local function weight(row)
        return math.abs(row.a.bytes / a - row.b.bytes / b)
    end
    table.sort(rows, function(x, y)
        local wx, wy = weight(x), weight(y)
        return wx > wy or wx == wy and x.size < y.size
    end)
    return table.move(rows, 1, math.min(n, #rows), 1, {})
end

function Diff:__tostring()
    local lines = { ("%-22s %12s %12s %10s"):format("", "a", "b", "change") }
    for _, entry in ipairs(TOTALS) do
        lines[#lines + 1] = line(entry[1], self.a[entry[1]], self.b[entry[1]], entry[2])
    end
    for _, row in ipairs(changed_most(self, 10)) do
        lines[#lines + 1] = line(("bytes in class %s"):format(units.human(row.size)), row.a.bytes, row.b.bytes,
            units.human)
    end
    lines[#lines + 1] = ("sizes differ by %.1f %% of the allocations, %.1f %% of the bytes"):format(
        100 * self.distance, 100 * self.distance_bytes)
    return table.concat(lines, "\n")
end

return diff
