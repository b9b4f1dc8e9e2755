--- Descriptions of workloads from files of other programs.
---
---     la.workload.import(path, { heap = "64M", threads = 2 })     a description, or nil, message, code
---     import.cells("fleetbench(path)", path)                      for joint = "...": an array of cells
---     import.sizes(path)                                          for size = "fleetbench(path)": { [size] = weight }
---
--- Forms of files, which are told apart by their first line:
---   size, rate, live       Fleetbench's and TCMalloc's profiles of allocations: how often a size is allocated, and how
---                          many blocks of it live, both in units that need only agree within a file
---   size:share,size:share  Fleetbench's distributions of sizes of calls; only the first line is read
---   share,share,share      their older form: the shares of the sizes 0, 1, 2, ...
---   size lifetime count    a histogram in two dimensions; # starts a comment
---   thread: malloc ...     a trace of Android's malloc, which a workload replays (la.workload{trace = path})
---
--- By Little's law the mean lifetime of a size is live / rate; blocks of a size die at random, so lifetimes are
--- exponential. Lifetimes are scaled so that `heap` bytes live.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local kinds = require "lunalloc.workload_kinds"
local units = require "lunalloc.units"

local import = {}

local DEFAULT_HEAP <const> = 64 << 20

--- Raised by what reads a file, and turned into nil, message, code by what the user called.
local function fail(code, format, ...)
    error({ message = format:format(...), code = code }, 0)
end

local function read_file(path)
    local text, message, code = core.workload.read(path)
    return text or fail(code, "%s", message)
end

-- ---- lines ---------------------------------------------------------------------------------------------------------

--- The numbers of a line that match `pattern`, all of which must be `count` numbers of 0 or more.
local function numbers(line, count)
    local found = {}
    for word in line:gmatch "[^%s,:]+" do
        local value = tonumber(word)
        if #found == count or not value or value < 0 or value ~= value or value >= 2 ^ 1000 then
            return nil
        end
        found[#found + 1] = value
    end
    return #found == count and found or nil
end

--- Calls each(number, line) for the lines that are not blank, without comments.
local function each_line(text, each)
    local number = 0
    for line in text:gmatch "[^\n]*" do
        number = number + 1
        line = line:gsub("#.*", "")
        if line:find "%S" then
            each(number, line)
        end
    end
end

--- The start of a line, for a message. A line may be as long as a file.
local function shown(line)
    return check.shown(line:match("%S.*", 1):sub(1, 100):gsub("%s+$", ""))
end

-- ---- forms ---------------------------------------------------------------------------------------------------------
-- A form is a function (text, path) that returns an array of { size, weight, lifetime = relative mean or exact text }.

local LARGEST <const> = 1 << 40 -- of sizes and lifetimes
local LEAST <const> = 1e-30 -- of weights; a smaller one is taken for 0

local function valid_size(size)
    return size and math.tointeger(size) and size >= 1 and size <= LARGEST
end

--- "size, rate, live"
local function read_profile(text, path)
    local entries = {}
    each_line(text, function(number, line)
        local row = line:find "," and numbers(line, 3)
        if not row or not valid_size(row[1]) then
            fail("EINVAL", "%s:%d: %s is not \"size, rate, live\"; allowed: a size of 1 to 1T and two numbers of 0 " ..
                "or more", path, number, shown(line))
        end
        if row[2] >= LEAST then
            entries[#entries + 1] = { size = row[1], weight = row[2], live = row[3] }
        end
    end)
    return entries
end

--- "size:share,..." or "share,share,...": the first line.
local function read_shares(text, path)
    local entries, line, next_size = {}, text:match "[^\n]*", 0
    for word in line:gmatch "[^,%s]+" do
        local size, share = word:match "^(%d+):(%S+)$"
        size, share = tonumber(size or next_size), tonumber(share or word)
        if not share or share < 0 or share ~= share or share > 1e30 or size > LARGEST then
            fail("EINVAL", "%s:1: %s is not \"size:share\" or a share; allowed: a size of at most 1T, a number of 0 " ..
                "or more", path, shown(word))
        end
        if share >= LEAST and size >= 1 then -- size 0 is no allocation
            entries[#entries + 1] = { size = size, weight = share }
        end
        next_size = size + 1
    end
    return entries
end

--- "size lifetime count"
local function read_cells(text, path)
    local entries = {}
    each_line(text, function(number, line)
        local size, lifetime, weight = line:match "^%s*(%S+)%s+(%S+)%s+(%S+)%s*$"
        local bytes, life = units.size(size), units.count(lifetime)
        local count = units.rate(weight)
        if not (valid_size(bytes) and life and life <= LARGEST and count and count <= 1e30) then
            fail("EINVAL", "%s:%d: %s is not \"size lifetime count\"; allowed: a size of 1 to 1T, a lifetime, a count",
                path, number, shown(line))
        end
        if count >= LEAST then
            entries[#entries + 1] = { size = bytes, weight = count, lifetime = life }
        end
    end)
    return entries
end

--- The form that a file's first line has.
local function form_of(text)
    local line = ""
    for candidate in text:gmatch "[^\n]*" do
        line = candidate:gsub("#.*", "")
        if line:find "%S" then
            break
        end
    end
    if line:find "^%s*%d+:%s*%a" then
        return "trace"
    elseif line:find "^%s*%d+:%d*%.?%d" or select(2, line:gsub(",", "")) ~= 2 and line:find "^[%s%d.e+-]+," then
        return "shares", read_shares
    elseif line:find "," then
        return "profile", read_profile
    end
    return "cells", read_cells
end

local function entries_of(path)
    local text = read_file(path)
    local form, read = form_of(text)
    local entries = read and read(text, path) or {}
    if read and #entries == 0 then
        fail("EINVAL", "%s has no size with a weight above 0", path)
    end
    return entries, form
end

-- ---- cells ---------------------------------------------------------------------------------------------------------

--- The factor from live / rate to operations of a thread, so that `bytes` live.
local function scale_of(entries, bytes)
    local rate, live = 0, 0
    for _, entry in ipairs(entries) do
        rate, live = rate + entry.weight, live + entry.live * entry.size
    end
    return live > 0 and rate * bytes / live or 0
end

local function cells_of_profile(entries, bytes)
    local scale, cells = scale_of(entries, bytes), {}
    for i, entry in ipairs(entries) do
        local mean = math.min(scale * entry.live / entry.weight, 1e12)
        local lifetime = mean < 0.01 and 0 or ("exp(%.6g)"):format(mean)
        cells[i] = { size = entry.size, weight = entry.weight, lifetime = lifetime }
    end
    return cells
end

--- The mean size is known, and lifetimes are not: the same for all, so that `bytes` live.
local function cells_of_shares(entries, bytes)
    local weight, size = 0, 0
    for _, entry in ipairs(entries) do
        weight, size = weight + entry.weight, size + entry.weight * entry.size
    end
    local lifetime, cells = ("exp(%.6g)"):format(math.max(1, bytes * weight / size)), {}
    for i, entry in ipairs(entries) do
        cells[i] = { size = entry.size, weight = entry.weight, lifetime = lifetime }
    end
    return cells
end

local CELLS <const> = { profile = cells_of_profile, shares = cells_of_shares }

--- The cells of a file for a thread of which `bytes` live.
local function cells_of_file(path, bytes)
    local entries, form = entries_of(path)
    if form == "trace" then
        fail("EINVAL", "%s is a trace; allowed here: a table of sizes; a trace is replayed by trace = path", path)
    end
    return CELLS[form] and CELLS[form](entries, bytes) or entries
end

--- The cells that "fleetbench(path)" or "histogram2d(path)" names, for a thread of which 64 MiB live.
function import.cells(text, path)
    local form, file = text:sub(1, kinds.LONG):match "^%s*(%a%w*)%s*%(%s*(.-)%s*%)%s*$"
    if not file or file == "" or form ~= "fleetbench" and form ~= "histogram2d" then
        kinds.fail('%s = %s: { {weight =, size =, lifetime =}, ... }, "fleetbench(path)" or "histogram2d(path)" ' ..
            "expected", path, kinds.shown(text))
    end
    return cells_of_file(file, DEFAULT_HEAP)
end

--- The weights of the sizes in a file: an array of pairs.
function import.sizes(path)
    local entries, form = entries_of(path)
    if form == "trace" then
        fail("EINVAL", "%s is a trace; allowed here: a table of sizes", path)
    end
    for i, entry in ipairs(entries) do
        entries[i] = { entry.size, entry.weight }
    end
    return entries
end

-- ---- the public function -------------------------------------------------------------------------------------------

local OPTIONS <const> = { heap = { kinds.size, DEFAULT_HEAP }, threads = { kinds.whole(1, 512), 1 } }

--- Calls f(...); nil, message, code if a file is the reason that it fails.
function import.guarded(f, ...)
    local results = table.pack(pcall(f, ...))
    if results[1] then
        return table.unpack(results, 2, results.n)
    elseif type(results[2]) == "table" and results[2].code then
        return nil, results[2].message, results[2].code
    end
    error(results[2], 0)
end

--- A description of the load that the file tells of.
function import.describe(path, options)
    local chosen = kinds.read(options or {}, OPTIONS, "options")
    local _, form = entries_of(path)
    if form == "trace" then
        return { trace = path }
    end
    return { threads = chosen.threads, mix = { { joint = cells_of_file(path, chosen.heap / chosen.threads) } } }
end

return import
