-- Joint distributions, and descriptions from files of other programs: what is read, what is refused, and that the load
-- is the one that the file tells of.

local test = ...
local la = require "lunalloc"
local workload = require "lunalloc.workload"

local DATA <const> = "tests/workload/data/"

local function info(mix, threads)
    return workload { ops = 1, threads = threads, mix = mix }:info()
end

--- A file with that text, which is removed at the end of the block.
local function file_of(text)
    local path = os.tmpname()
    local file <close> = assert(io.open(path, "w"))
    file:write(text)
    return path, setmetatable({}, { __close = function() os.remove(path) end })
end

--- size, rate, live of each line
local function profile()
    local rows = {}
    for line in io.lines(DATA .. "profile.csv") do
        local size, rate, live = line:match "^(%S+), (%S+), (%S+)$"
        rows[#rows + 1] = { size = tonumber(size), rate = tonumber(rate), live = tonumber(live) }
    end
    return rows
end

-- ---- joint distributions -------------------------------------------------------------------------------------------

test("a joint row lives as its cells do", function()
    local cells = { { weight = 3, size = 100, lifetime = 10 }, { weight = 1, size = 1000, lifetime = 200 } }
    test.equal(info { { joint = cells } }.expected_live, (3 * 1000 + 200000) / 4)
    local apart = info { { size = { [100] = 3, [1000] = 1 }, lifetime = { [10] = 3, [200] = 1 } } }.expected_live
    assert(math.abs(apart - 325 * 57.5) < 1)
    cells[2].lifetime = "forever"
    test.equal(info { { joint = cells } }.expected_live, math.huge)
end)

test("each part of a cell is in the plan's hash", function()
    local seen = {}
    for i, cell in ipairs { { 1, 100, 10 }, { 2, 100, 10 }, { 1, 101, 10 }, { 1, 100, 11 }, { 1, 100, "exp(10)" } } do
        local last = { weight = cell[1], size = cell[2], lifetime = cell[3] }
        local hash = info { { joint = { { weight = 1, size = 16, lifetime = 5 }, last } } }.plan_hash
        test.equal(seen[hash], nil, "cell " .. i)
        seen[hash] = i
    end
end)

test("a joint workload runs, is verified, and repeats itself", function()
    local description = { ops = 30000, seed = 3, threads = 2, verify = true, mix = {
        { joint = { { weight = 9, size = "lognormal(64,1,4K)", lifetime = "exp(300)" },
            { weight = 1, size = "uniform(4K,64K)", lifetime = "uniform(1,50)" },
            { weight = 0.1, size = 256, lifetime = "forever" } }, realloc = 0.2, free_by = { other = 0.2 } },
        { weight = 0.5, size = 100, lifetime = "fifo(20)" } } }
    local a, b = workload(description)(), workload(description)()
    test.equal(a.verify.errors, 0)
    test.equal(a.failures, 0)
    test.equal(a.sizes_hash, b.sizes_hash)
    test.equal(a.plan_hash, b.plan_hash)
end)

test("wrong joint distributions name the cell", function()
    local function refuse(pattern, joint, more)
        local row = { joint = joint }
        for key, value in pairs(more or {}) do
            row[key] = value
        end
        test.raises(pattern, workload, { mix = { row } })
    end
    local good = { weight = 1, size = 16, lifetime = 10 }
    refuse("mix%[1%]%.joint has 0 cells: 1 to 65536 expected", {})
    refuse("mix%[1%]%.joint = 7: an array of tables", 7)
    refuse("mix%[1%]%.joint%[2%]: lifetime is missing", { good, { size = 16 } })
    refuse("mix%[1%]%.joint%[1%]%.weight = 0: a number from 1e%-30 to 1e%+30 expected",
        { { weight = 0, size = 1, lifetime = 1 } })
    refuse('unknown key in mix%[1%]%.joint%[1%]: "sise"; did you mean "size"%?', { { sise = 16, lifetime = 1 } })
    refuse('mix%[1%]%.joint%[2%]: size "blue": no such distribution', { good, { size = "blue", lifetime = 1 } })
    refuse('mix%[1%]%.joint%[1%]: lifetime "fifo" needs a row of its own', { { size = 16, lifetime = "fifo(3)" } })
    refuse("mix%[1%]: joint gives the sizes and the lifetimes; size is too much", { good }, { size = 16 })
    refuse('mix%[1%]%.joint = "tables%(x%)": .*"fleetbench%(path%)" or "histogram2d%(path%)" expected', "tables(x)")
    refuse('mix%[1%]%.joint = "fleetbench%(%)"', "fleetbench()")
end)

-- ---- files ---------------------------------------------------------------------------------------------------------

test("a profile of allocations becomes cells: weights are rates, and Little's law gives the lifetimes", function()
    local rows, heap = profile(), 8 << 20
    local description = assert(la.workload.import(DATA .. "profile.csv", { heap = "16M", threads = 2 }))
    test.equal(description.threads, 2)
    local cells, rate, live = description.mix[1].joint, 0, 0
    test.equal(#cells, #rows)
    for _, row in ipairs(rows) do
        rate, live = rate + row.rate, live + row.live * row.size
    end
    for i, row in ipairs(rows) do
        test.equal(cells[i].size, row.size)
        test.equal(cells[i].weight, row.rate)
        local exact = row.live / row.rate * rate * heap / live
        assert(math.abs(tonumber(cells[i].lifetime:match "^exp%((.*)%)$") / exact - 1) < 1e-5)
    end
    description.ops = 1
    assert(math.abs(la.workload(description):info().expected_live / (16 << 20) - 1) < 0.01)
end)

test("what lives is what the profile says, in a run", function()
    local description = assert(la.workload.import(DATA .. "profile.csv", { heap = "1M" }))
    description.ops, description.seed = 100000, 2
    local r = la.workload(description)()
    local live = r.timeline[#r.timeline - 1].live
    assert(live > 0.5 * (1 << 20) and live < 2 * (1 << 20), live)
end)

test("sizes alone come from each of the forms", function()
    local size = ("fleetbench(%s)"):format(DATA .. "profile.csv")
    local total, bytes = 0, 0
    for _, row in ipairs(profile()) do
        total, bytes = total + row.rate, bytes + row.rate * row.size
    end
    assert(math.abs(info { { size = size, lifetime = 10 } }.expected_live / (10 * bytes / total) - 1) < 1e-9)
    size = ("fleetbench( %sshares.csv )"):format(DATA) -- of the first line; size 0 is no allocation
    local mean = (8 * 0.25 + 16 * 0.3 + 32 * 0.2 + 64 * 0.1 + 256 * 0.06 + 4096 * 0.04) / 0.95
    assert(math.abs(info { { size = size, lifetime = 1 } }.expected_live / mean - 1) < 1e-9)
    local path, guard <close> = file_of "0.5,0,0.25,0.25\n"
    test.equal(info { { size = ("fleetbench(%s)"):format(path), lifetime = 1 } }.expected_live, 2.5)
    local cells = la.workload.import(DATA .. "shares.csv", { heap = "1M" })
    cells.ops = 1
    assert(math.abs(la.workload(cells):info().expected_live / (1 << 20) - 1) < 0.01)
    test.equal(guard ~= nil, true)
end)

test("a histogram in two dimensions", function()
    local joint = ("histogram2d(%scells.txt)"):format(DATA)
    local product = (16 * 10 * 600 + 64 * 100 * 300 + 1024 * 2000 * 90 + 65536 * 50000 * 10) / 1000
    test.equal(info { { joint = joint } }.expected_live, product)
    local description = la.workload.import(DATA .. "cells.txt")
    test.equal(description.mix[1].joint[3].size, 1024)
    test.equal(description.mix[1].joint[3].lifetime, 2000)
end)

local WRONG <const> = {
    { "16, 1, 2\n16, -1, 2\n", ":2: '16, %-1, 2' is not \"size, rate, live\"; allowed: a size of 1 to 1T" },
    { "16, 1, 2\n0, 1, 2\n", ":2: '0, 1, 2' is not" },
    { "16, 1, 2\n18446744073709551616, 1, 2\n", ":2: '18446744073709551616, 1, 2' is not" },
    { "16, 1, 2\n16, nan, 2\n", ":2: " },
    { "16, 1, 2\n17, 1\n", ":2: '17, 1' is not" },
    { "16, 0, 2\n", "has no size with a weight above 0" },
    { "16:1,x:2\n", ":1: 'x:2' is not \"size:share\"" },
    { "0:1\n", "has no size with a weight above 0" },
    { "16 10 5\n16 10\n", ":2: '16 10' is not \"size lifetime count\"" },
    { "16 10 -5\n", ":1: " },
    { "hello\n", ":1: 'hello' is not \"size lifetime count\"" },
    { "\n# nothing\n", "has no size with a weight above 0" },
    { "", "is empty or not a regular file" },
    { "16, 1, 2\n\0", "is a binary file" },
    { ("x"):rep(1 << 20), ":1: 'xxx.*%.%.%.' is not" },
    { "x" .. (" "):rep(1 << 20) .. "y\n", ":1: 'x' is not" },
    { ("1,"):rep(1 << 20) .. "x\n", ":1: 'x' is not" },
    { "1, 2, 3\n" .. ("1,"):rep(1 << 20), ":2: '1,1,.*%.%.%.' is not" },
}

test("wrong files are an ordinary failure of one line", function()
    for _, case in ipairs(WRONG) do
        local path, guard <close> = file_of(case[1])
        local found, message, code = la.workload.import(path)
        test.equal(found, nil)
        test.equal(code, "EINVAL")
        test.match(message, case[2])
        test.equal(message:find "\n" or #message > 400, false, message)
        test.equal(guard ~= nil, true)
    end
    test.fails("ENOENT", "cannot open /no/such/file", la.workload.import "/no/such/file")
    test.fails("EINVAL", "/dev/zero is empty or not a regular file", la.workload.import "/dev/zero")
    test.fails("ENOENT", "cannot open /no/such", workload { mix = { { joint = "fleetbench(/no/such)" } } })
    test.fails("ENOENT", "cannot open /no/such", workload { mix = { { size = "fleetbench(/no/such)", lifetime = 1 } } })
end)

test("wrong arguments of import raise", function()
    test.raises("bad argument #1 to 'la.workload.import' %(the path of a file expected, got nil", la.workload.import)
    test.raises('unknown key in options: "heep"; did you mean "heap"%?', la.workload.import, DATA .. "cells.txt",
        { heep = 1 })
    test.raises('options%.heap = "much": a size expected', la.workload.import, DATA .. "cells.txt", { heap = "much" })
end)
