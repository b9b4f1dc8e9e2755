-- Turns samples into medians, tables and JSON. `bench` says how to read the tables.

local statistics = require "statistics"
local json = require "json"

local report = {}

local WIDTH <const> = 120
local NAME <const> = 20 -- columns of the row's name
local LIMIT <const> = 1.15 -- the report names rows in which lunalloc takes longer than this times the best peer

local function is_ours(name)
    return name:find "^lunalloc" ~= nil
end

local function is_peer(name)
    return not is_ours(name)
end

-- ---- statistics of a row -------------------------------------------------------------------------------------------

local function column(samples, value)
    local list = {}
    for i, sample in ipairs(samples) do
        list[i] = value(sample)
    end
    return list
end

local CLOCKS <const> = {
    wall = function(sample) return sample.wall_ns / 1e9 end,
    cpu = function(sample) return (sample.user_us + sample.sys_us) / 1e6 end,
}

--- Adds medians to a result: time, wall, cpu (seconds), rss (KiB), faults; and the spread of time. By allocator.
local function condense(result, names, clock)
    local of = { time = CLOCKS[clock], wall = CLOCKS.wall, cpu = CLOCKS.cpu,
        rss = function(sample) return sample.peak_kib end, faults = function(sample) return sample.faults end }
    result.spread = {}
    for quantity, value in pairs(of) do
        result[quantity] = {}
        for _, name in ipairs(names) do
            local list = column(result.samples[name], value)
            result[quantity][name] = #list > 0 and statistics.median(list) or nil
            result.spread[name] = quantity == "time" and #list > 0 and statistics.spread(list) or result.spread[name]
        end
    end
    result.complete = next(result.failed) == nil
end

-- ---- tables --------------------------------------------------------------------------------------------------------

local function cell(width, text)
    return (" "):rep(width - utf8.len(text)) .. text
end

local function head(out, title, names, width)
    local line = { ("%-29s"):format(title) }
    for _, name in ipairs(names) do
        line[#line + 1] = cell(width, name:sub(1, width - 1))
    end
    out(table.concat(line))
end

--- A line of ratios to the best peer's median (without peers: to the best), and that median.
local function ratio_row(out, result, names, quantity, format, scale, width, spread)
    local _, base = statistics.lowest(result[quantity], is_peer)
    local _, best = statistics.lowest(result[quantity])
    base = base or best
    local line = { ("%-" .. NAME .. "s"):format(result.row.name), cell(9, base and format:format(base / scale) or "-") }
    for _, name in ipairs(names) do
        local value, text = result[quantity][name], "failed"
        if value then
            text = ("%.2f%s"):format(value / base, value == best and "*" or " ")
            text = spread and ("%s%4.0f%%"):format(text, 100 * result.spread[name]) or text
        end
        line[#line + 1] = cell(width, text)
    end
    out(table.concat(line))
end

local function compact(n)
    return n < 10000 and ("%.0f"):format(n) or n < 1e6 and ("%.0fk"):format(n / 1e3) or ("%.1fM"):format(n / 1e6)
end

local function events_row(out, result, names, width)
    local line = { ("%-29s"):format(result.row.name) }
    for _, name in ipairs(names) do
        local calls, faults = result.calls[name], result.faults[name]
        local text = faults and compact(faults) or "failed"
        if calls then
            text = ("%s/%s/%s"):format(text, compact(calls.madvise), compact(calls.munmap))
        end
        line[#line + 1] = cell(width, text)
    end
    out(table.concat(line))
end

local function print_rows(out, results, names)
    local width = math.min(17, (WIDTH - NAME - 9) // #names)
    head(out, "TIME, s             best peer", names, math.min(width, 13))
    for _, result in ipairs(results) do
        ratio_row(out, result, names, "time", "%.3f", 1, math.min(width, 13), width >= 11)
    end
    out ""
    head(out, "PEAK RSS, MiB       best peer", names, math.min(width, 13))
    for _, result in ipairs(results) do
        ratio_row(out, result, names, "rss", "%.1f", 1024, math.min(width, 13))
    end
    out ""
    head(out, "FAULTS/madvise/munmap", names, width)
    for _, result in ipairs(results) do
        events_row(out, result, names, width)
    end
end

-- ---- geometric means -----------------------------------------------------------------------------------------------

local function complete_rows(results, group)
    local list = {}
    for _, result in ipairs(results) do
        if result.complete and (not group or result.row.group == group) then
            list[#list + 1] = result
        end
    end
    return list
end

local GROUPS <const> = { "pattern", "scenario", "program" }

--- group or "all" -> { rows = number of rows, of = allocator -> {time, rss, product} }.
local function all_means(results, names)
    local means = {}
    for _, group in ipairs { "all", table.unpack(GROUPS) } do
        local rows = complete_rows(results, group ~= "all" and group or nil)
        if #rows > 0 then
            means[group] = { rows = #rows, of = statistics.geomeans(rows, names) }
        end
    end
    return means
end

local function print_means(out, means, names)
    local width = math.min(17, (WIDTH - NAME - 9) // #names)
    head(out, "GEOMEAN of ratio to best", names, width)
    for _, group in ipairs { "pattern", "scenario", "program", "all" } do
        for _, quantity in ipairs { "time", "rss", "product" } do
            if means[group] then
                local line = { ("%-9s %3d rows %7s        "):format(group, means[group].rows, quantity) }
                for _, name in ipairs(names) do
                    line[#line + 1] = cell(width, ("%.3f"):format(means[group].of[name][quantity]))
                end
                out(table.concat(line))
            end
        end
    end
end

local function means_of(quantity, mean)
    local values = {}
    for name, of in pairs(mean.of) do
        values[name] = of[quantity]
    end
    return values
end

--- Prints lunalloc's geometric mean of a quantity over all rows, and its ratio to the lowest peer's.
local function print_verdict(out, quantity, means, names)
    local values = means_of(quantity, means.all)
    local peer, lowest = statistics.lowest(values, is_peer)
    for _, name in ipairs(names) do
        if peer and is_ours(name) then
            out(("%s: %s geomean %.3f = %.3f x the lowest peer's (%s %.3f)"):format(name, quantity, values[name],
                values[name] / lowest, peer, lowest))
        end
    end
end

local function print_slow_rows(out, results, names)
    for _, name in ipairs(names) do
        local slow = {}
        for _, result in ipairs(results) do
            local _, best = statistics.lowest(result.time, is_peer)
            if best and result.time[name] and result.time[name] > LIMIT * best then
                slow[#slow + 1] = ("%s %.2f"):format(result.row.name, result.time[name] / best)
            end
        end
        if is_ours(name) then
            out(("%s: time above %.2f x the best peer's in %s"):format(name, LIMIT,
                #slow > 0 and table.concat(slow, ", ") or "no row"))
        end
    end
end

local function print_failures(out, results, names)
    for _, result in ipairs(results) do
        for _, name in ipairs(names) do
            if result.failed[name] then
                out(("failed, and the row left out of the means: %s on %s: %s"):format(result.row.name, name,
                    result.failed[name]))
            end
        end
    end
end

--- Prints the report by calls of out(line). Returns the geometric means.
function report.print(out, results, names, clock)
    for _, result in ipairs(results) do
        condense(result, names, clock)
    end
    print_rows(out, results, names)
    out ""
    local means = all_means(results, names)
    if means.all then
        print_means(out, means, names)
        out ""
        print_verdict(out, "time", means, names)
        print_verdict(out, "rss", means, names)
    end
    print_slow_rows(out, results, names)
    print_failures(out, results, names)
    return means
end

-- ---- memory that was given back ------------------------------------------------------------------------------------

local function given_back_row(out, title, names, width, of)
    local line = { ("%-29s"):format(title) }
    for _, name in ipairs(names) do
        local share = of(name)
        line[#line + 1] = cell(width, share and ("%.0f %%"):format(100 * math.max(0, share)) or "-")
    end
    out(table.concat(line))
end

--- A row for each setting. `given`: setting -> allocator -> share of the peak; seconds: after the last free.
function report.print_given_back(out, given, names, seconds)
    local width = math.min(17, (WIDTH - NAME - 9) // #names)
    head(out, ("GIVEN BACK after %g s"):format(seconds), names, width)
    for _, setting in ipairs { "default", "background_thread" } do
        given_back_row(out, setting, names, width, function(name)
            return given[setting][name]
        end)
    end
end

-- ---- JSON ----------------------------------------------------------------------------------------------------------

local function plain_allocator(result, name)
    return { samples = json.array(result.samples[name]), calls = result.calls[name], wall_s = result.wall[name],
        cpu_s = result.cpu[name], peak_kib = result.rss[name], faults = result.faults[name],
        spread = result.spread[name] }
end

local function plain_result(result)
    local row = result.row
    local plain = { name = row.name, group = row.group, doc = row.doc, argv = row.argv, failed = result.failed,
        allocators = {} }
    for name in pairs(result.samples) do
        plain.allocators[name] = plain_allocator(result, name)
    end
    return plain
end

function report.json(machine, settings, allocators, results, means, given_back)
    local rows = json.array {}
    for i, result in ipairs(results) do
        rows[i] = plain_result(result)
    end
    return json.encode { machine = machine, settings = settings, allocators = allocators, rows = rows, means = means,
        given_back = given_back }
end

return report
