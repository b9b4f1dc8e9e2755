--- How snapshots of the counters print, iterate and become JSON. What they hold is the core's business (lua/stats.c).

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local units = require "lunalloc.units"

local types = core.stats_types
local keys = core.stats_keys

-- Counters that are neither bytes nor ns.
local counts = {}
for name in ([[narenas nthreads nregions nslabs nextents nmalloc ndalloc nrequests nfills nflushes npurges nmadvise]])
    :gmatch("%a+") do
    counts[name] = true
end

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

-- ---- JSON ----

--- A number as JSON has it, whatever the locale's decimal point; counters are integers already.
local function json_number(number)
    return math.type(number) == "integer" and tostring(number) or (("%.9g"):format(number):gsub(",", "."))
end

local to_json

local function json_fields(object)
    local fields = {}
    for _, name in ipairs(keys(object)) do
        fields[#fields + 1] = ('"%s":%s'):format(name, to_json(object[name]))
    end
    return "{" .. table.concat(fields, ",") .. "}"
end

local function json_rows(rows)
    local list = {}
    for _, index in ipairs(keys(rows)) do
        list[#list + 1] = to_json(rows[index])
    end
    return "[" .. table.concat(list, ",") .. "]"
end

function to_json(value)
    if type(value) == "number" then
        return json_number(value)
    end
    return getmetatable(value) == types.rows and json_rows(value) or json_fields(value)
end

-- ---- text ----

local function group_digits(number)
    local digits = tostring(number):reverse():gsub("(%d%d%d)", "%1,"):reverse()
    return (digits:gsub("^(%-?),", "%1"))
end

--- "allocated      1.52 MiB", "nmalloc        12,345     40.2/s", "purged     3.00 MiB     1.20 MiB/s"
local function line(name, value, rate)
    local shown
    if name == "time" then
        shown = ("%.3f s"):format(value / 1e9)
    else
        shown = counts[name] and group_digits(value) or units.human(value)
    end
    local text = ("%-12s %14s"):format(name, shown)
    if not rate then
        return text
    end
    return ("%s  %14s/s"):format(text, counts[name] and ("%.1f"):format(rate) or units.human(rate))
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

-- ---- OpenMetrics ----

local cumulative = {}
for name in ("nmalloc ndalloc nrequests nfills nflushes npurges nmadvise purged"):gmatch("%a+") do
    cumulative[name] = true
end

--- One family: a sample for each of the rows, which are { labels, object }.
local function metric(lines, prefix, name, rows)
    local family = "lunalloc_" .. prefix .. name
    lines[#lines + 1] = ("# TYPE %s %s"):format(family, cumulative[name] and "counter" or "gauge")
    for _, row in ipairs(rows) do
        local suffix = cumulative[name] and "_total" or ""
        lines[#lines + 1] = ("%s%s%s %s"):format(family, suffix, row[1], json_number(row[2][name]))
    end
end

local function metrics(lines, prefix, rows, is_key)
    for _, name in ipairs(rows[1] and keys(rows[1][2]) or {}) do
        if not is_key[name] and type(rows[1][2][name]) == "number" then
            metric(lines, prefix, name, rows)
        end
    end
end

local function labelled(rows, label)
    local list = {}
    for _, index in ipairs(keys(rows)) do
        list[#list + 1] = { ('{%s="%d"}'):format(label, index), rows[index] }
    end
    return list
end

--- The counters of a snapshot; a difference has none that count from the start.
local function to_openmetrics(snapshot)
    check.self(snapshot, types.snapshot, "snapshot:toopenmetrics")
    local names, lines = keys(snapshot), {}
    if names[#names] == "rates" then
        error("a difference has no metrics: their counters count from the start", 2)
    end
    metrics(lines, "", { { "", snapshot } }, {})
    metrics(lines, "arena_", labelled(snapshot.arenas, "arena"), { arena = true })
    metrics(lines, "class_", labelled(snapshot.classes, "class"), { szind = true })
    lines[#lines + 1] = "# EOF\n"
    return table.concat(lines, "\n")
end

types.snapshot.__pairs = iterate
types.snapshot.__tostring = snapshot_text
types.snapshot.methods.tojson = function(snapshot)
    check.self(snapshot, types.snapshot, "snapshot:tojson")
    return to_json(snapshot)
end
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
