--- Snapshots of the counters: pairs(), text for people, and the functions of `la` that take and print them. The rest
--- of a snapshot is the core's (lua/stats.c).

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local units = require "lunalloc.units"
local io = require("lunalloc.host").io

local types = core.stats_types
local keys = core.stats_keys
local unit_of = core.stats_units

-- ---- pairs ----

local function iterate(object)
    local names, i = keys(object), 0
    return function()
        i = i + 1
        if names[i] ~= nil then
            return names[i], object[names[i]]
        end
    end
end

-- ---- text ----

local function group_digits(number)
    local digits = tostring(number):reverse():gsub("(%d%d%d)", "%1,"):reverse()
    return (digits:gsub("^(%-?),", "%1"))
end

local function amount(name, value)
    if unit_of[name] == "ns" then
        return ("%.3f s"):format(value / 1e9)
    end
    return unit_of[name] == "count" and group_digits(value) or units.human(value)
end

--- "allocated      1.52 MiB", "nmalloc        12,345     40.2/s", "purged     3.00 MiB     1.20 MiB/s"
local function line(name, value, rate)
    local text = ("%-12s %14s"):format(name, amount(name, value))
    if not rate then
        return text
    end
    return ("%s  %14s/s"):format(text, unit_of[name] == "count" and ("%.1f"):format(rate) or units.human(rate))
end

--- The counters that have a rate, as a set; empty unless the snapshot is a difference.
local function rates_of(snapshot, names)
    local rates = {}
    for _, name in ipairs(names) do
        if name == "rates" then
            for counter, rate in iterate(snapshot.rates) do
                rates[counter] = rate
            end
        end
    end
    return rates
end

local function snapshot_text(snapshot)
    local names, lines = keys(snapshot), {}
    local rates = rates_of(snapshot, names)
    for _, name in ipairs(names) do
        if math.type(snapshot[name]) == "integer" then
            lines[#lines + 1] = line(name, snapshot[name], rates[name])
        end
    end
    return table.concat(lines, "\n")
end

local function row_text(row)
    local parts = {}
    for name, value in iterate(row) do
        parts[#parts + 1] = ("%s=%s"):format(name, tostring(value))
    end
    return table.concat(parts, " ")
end

local function rows_text(rows)
    return ("%d rows: %s"):format(#keys(rows), table.concat(keys(rows), " "))
end

-- ---- text for programs ----

local function to_json(snapshot)
    check.self(snapshot, types.snapshot, "snapshot:tojson")
    return core.stats_json(snapshot)
end

--- A difference has none: a counter of OpenMetrics counts from the start.
local function to_openmetrics(snapshot)
    check.self(snapshot, types.snapshot, "snapshot:toopenmetrics")
    local names = keys(snapshot)
    if names[#names] == "rates" then
        error("a difference has no metrics: their counters count from the start", 2)
    end
    return core.stats_openmetrics(snapshot)
end

types.snapshot.__pairs = iterate
types.snapshot.__tostring = snapshot_text
types.snapshot.methods.tojson = to_json
types.snapshot.methods.toopenmetrics = to_openmetrics
types.rows.__pairs = iterate
types.rows.__tostring = rows_text
types.row.__pairs = iterate
types.row.__tostring = row_text

local stats = {}

--- Adds the function to `api`.
function stats.install(api, backend)
    --- A snapshot of everything.
    function api.stats()
        return backend.stats()
    end

    --- Writes all statistics to the present output file; letters as malloc_stats_print's.
    function api.stats_print(opts)
        if opts ~= nil then
            check.text(opts, "stats_print", 1)
        end
        local text, message, code = backend.report(opts)
        if not text then
            return nil, message, code
        end
        local ok, written, why = pcall(io.write, text)
        if not ok then
            error("stats_print: " .. written, 2)
        elseif not written then
            return nil, "stats_print: " .. why, "EIO"
        end
        return true
    end

    --- The allocator's pages by state beside what the system says of the process.
    function api.reconcile()
        return backend.reconcile()
    end
end

return stats
