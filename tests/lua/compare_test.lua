-- la.compare: the arithmetic on recorded and simulated samples, then small comparisons in real processes.

local test = ...
local json = require "lunalloc.json"
local la = require "lunalloc"
local run = require "lunalloc.compare_run"
local statistics = require "lunalloc.compare_statistics"

-- ---- arithmetic ----------------------------------------------------------------------------------------------------

local function near(got, wanted, what)
    if math.abs(got - wanted) > 1e-9 * math.abs(wanted) then
        error(("%s: got %.17g, wanted %.17g"):format(what or "value", got, wanted), 2)
    end
end

test("medians and spreads", function()
    near(statistics.median { 5, 1, 3 }, 3)
    near(statistics.median { 4, 1, 3, 2 }, 2.5)
    near(statistics.median { 7 }, 7)
    near(statistics.quantile({ 1, 2, 3, 4, 5 }, 0.25), 2)
    near(statistics.spread { 1, 2, 3, 4, 5 }, 2 / 3)
    test.equal(statistics.spread { 0, 0 }, 0.0)
end)

-- Half of the critical values that tables of the rank test print for 5 %: 2 of 5 and 5, 5 of 6 and 6, 13 of 8 and 8,
-- 23 of 10 and 10. An interval leaves out one ratio more than that at each end.
test("intervals are those of the rank test", function()
    for n, left_out in pairs { [4] = 1, [5] = 3, [6] = 6, [8] = 14, [10] = 24 } do
        local x, y, ratios = {}, {}, {}
        for i = 1, n do
            x[i], y[i] = 1, 2.0 ^ (i * i)
        end
        for i = 1, n do
            for _ = 1, n do
                ratios[#ratios + 1] = y[i]
            end
        end
        local _, low, high = statistics.compare(x, y, 0.05)
        near(low, ratios[left_out], "low of " .. n)
        near(high, ratios[#ratios + 1 - left_out], "high of " .. n)
    end
end)

test("the ratio is the median of all ratios", function()
    local ratio = statistics.compare({ 1, 2, 4 }, { 8, 16, 32 }, 0.05)
    near(ratio, 8)
    near(statistics.compare({ 1, 1, 1, 1, 100 }, { 2, 2, 2, 2, 2 }, 0.05), 2, "one that was disturbed")
end)

test("too few runs have no finite interval", function()
    for _, alpha in ipairs { 0.05, 0.05 / 8, 0.05 / 40 } do
        local needed = statistics.runs_needed(alpha)
        for n, finite in pairs { [needed - 1] = false, [needed] = true } do
            local x, y = {}, {}
            for i = 1, n do
                x[i], y[i] = i, 100 * i
            end
            local _, low, high = statistics.compare(x, y, alpha)
            test.equal(high < math.huge, finite, ("%d runs at %g"):format(n, alpha))
            test.equal(low > 0, finite)
        end
    end
    test.equal(statistics.runs_needed(0.05), 4)
end)

-- A generator of the same numbers everywhere, 0 to 1.
local function generator(seed)
    local state = seed
    return function()
        state = (state * 6364136223846793005 + 1442695040888963407) & 0x7FFFFFFFFFFFFFFF
        return (state >> 20) / (1 << 43)
    end
end

-- Two and two runs on each of two hosts: no pair is in the wrong order in 1 of 6 * 6 orders.
test("runs of several hosts: the distribution is the convolution of theirs", function()
    local x, y, groups = { 1, 2, 10, 20 }, { 3, 4, 30, 40 }, { "a", "a", "b", "b" }
    for alpha, finite in pairs { [0.054] = false, [0.056] = true } do
        local ratio, low, high = statistics.compare(x, y, alpha, groups)
        near(ratio, 6 ^ 0.5) -- between 2 and 3: each host has 1.5, 2, 3 and 4
        test.equal(high < math.huge, finite)
        near(low, finite and 1.5 or 0)
    end
    local _, low, high = statistics.compare(x, y, 0.056, { "a", "a", "a", "a" })
    local _, plain_low, plain_high = statistics.compare(x, y, 0.056)
    near(low, plain_low)
    near(high, plain_high)
end)

test("a host that is ten times as fast hides no difference, and makes none", function()
    local random = generator(7)
    for change, outside in pairs { [1.2] = true, [1.0] = false } do
        local x, y, groups = {}, {}, {}
        for i = 1, 12 do
            local speed = i % 2 == 0 and 1 or 10
            groups[i] = i % 2
            x[i], y[i] = speed * (1 + 0.02 * random()), change * speed * (1 + 0.02 * random())
        end
        local _, low, high = statistics.compare(x, y, 0.05, groups)
        test.equal(low > 1, outside, "by host")
        test.equal(high < 1.3, true)
    end
end)

test("of samples that do not differ, one in twenty is outside, on three hosts", function()
    local random, errors = generator(3), 0
    for _ = 1, 1000 do
        local x, y, groups = {}, {}, {}
        for i = 1, 12 do
            groups[i] = i % 3
            x[i], y[i] = 2 ^ groups[i] * (1 + random()), 2 ^ groups[i] * (1 + random())
        end
        local _, low, high = statistics.compare(x, y, 0.05, groups)
        errors = errors + ((low > 1 or high < 1) and 1 or 0)
    end
    test.equal(errors > 20 and errors <= 60, true, errors .. " of 1000")
end)

-- Of n pairs, y is larger by a factor of 4 ^ i: the smallest mean of two is that of the first pair with itself.
test("pairs: the interval is that of the signed ranks", function()
    for n, left_out in pairs { [6] = 1, [7] = 3, [8] = 4, [10] = 9 } do -- tables of Wilcoxon's test: 5 %, two-sided
        local x, y, means = {}, {}, {}
        for i = 1, n do
            x[i] = 10.0 ^ (i % 2 * 20) -- so far apart that pairs are used
            y[i] = x[i] * 4.0 ^ i
            for j = 1, i do
                means[#means + 1] = 2.0 ^ (i + j)
            end
        end
        table.sort(means)
        local _, low, high = statistics.paired(x, y, 0.05)
        near(low, means[left_out], "low of " .. n)
        near(high, means[#means + 1 - left_out], "high of " .. n)
    end
    test.equal(statistics.pairs_needed(0.05), 6)
    local _, low, high = statistics.paired({ 1, 1e3, 1, 1e3, 1 }, { 2, 2e3, 3, 3e3, 2 }, 0.05)
    test.equal(low == 0.0 and high == math.huge, true, "five pairs are too few")
end)

test("pairs: a drift that neighbours share hides no difference; without one all ratios count", function()
    local random = generator(11)
    local x, y = {}, {}
    for i = 1, 12 do
        local machine = 1 + 0.4 * random()
        x[i], y[i] = machine * (1 + 0.004 * random()), 1.02 * machine * (1 + 0.004 * random())
    end
    local _, low, high = statistics.paired(x, y, 0.02)
    test.equal(low > 1.01 and high < 1.03, true, low .. " " .. high)
    _, low = statistics.compare(x, y, 0.02)
    test.equal(low < 1, true, "all ratios do not show it")
    local same = 0
    for _ = 1, 200 do
        for i = 1, 12 do
            x[i], y[i] = 1 + 0.01 * random(), 1.02 * (1 + 0.01 * random())
        end
        same = same + (statistics.are_alike(x, y) and 0 or 1)
    end
    test.equal(same >= 150, true, same .. " of 200")
    x, y = { 1, 2, 3 }, { 3, 2, 1 }
    test.equal(select(2, statistics.paired(x, y, 0.5)), select(2, statistics.compare(x, y, 0.5)))
end)

test("pairs that do not differ: at most one in twenty is outside, with a drift and without", function()
    local random = generator(5)
    for _, drift in ipairs { 0, 0.02, 0.2 } do
        local errors = 0
        for _ = 1, 1000 do
            local x, y = {}, {}
            for i = 1, 10 do
                local machine = 1 + drift * random()
                x[i], y[i] = machine * (1 + 0.02 * random()), machine * (1 + 0.02 * random())
            end
            local _, low, high = statistics.paired(x, y, 0.05)
            errors = errors + ((low > 1 or high < 1) and 1 or 0)
        end
        test.equal(errors > 10 and errors <= 60, true, ("drift %g: %d of 1000"):format(drift, errors))
    end
end)

-- ---- verdicts ------------------------------------------------------------------------------------------------------

-- Samples of metrics: skewed, with outliers, as times of runs are; on a grid, as percentiles are; constant.
local function samples_of(random, rounds, factor)
    local samples = {}
    for m = 1, 9 do
        local list = {}
        for i = 1, rounds do
            local value = factor * (100 - 20 * math.log(1 - random())) * (random() < 0.1 and 3 or 1)
            list[i] = m == 9 and 4096 or m > 6 and math.floor(value / 16) * 16 or value
        end
        samples["metric " .. m] = list
    end
    return samples
end

local function judged(variants, least)
    local names = {}
    for name in pairs(variants[1].samples) do
        names[#names + 1] = name
    end
    table.sort(names)
    return run.judge { name = "recorded", rounds = #variants[1].samples[names[1]], least = least or 0.01,
        metrics = names, variants = variants }
end

test("A/A: no difference in any metric in at least 19 of 20 comparisons", function()
    for _, rounds in ipairs { 6, 8, 12, 45 } do
        local random, same = generator(rounds), 0
        for _ = 1, 200 do
            local result = judged { { name = "a", samples = samples_of(random, rounds, 1) },
                { name = "b", samples = samples_of(random, rounds, 1) } }
            same = same + (result.same and 1 or 0)
        end
        test.equal(same >= 190, true, ("%d rounds: %d of 200"):format(rounds, same))
    end
end)

test("a real difference is found", function()
    local random, found = generator(1), 0
    for _ = 1, 20 do
        local result = judged { { name = "a", samples = samples_of(random, 20, 1) },
            { name = "b", samples = samples_of(random, 20, 2) } }
        found = found + (result:of("b", "metric 1").verdict == "worse" and 1 or 0)
    end
    test.equal(found >= 19, true, found .. " of 20")
end)

-- Two variants with one metric: `factor` times as much, without noise but a little.
local function pair(metric, factor, rounds, least)
    local a, b = {}, {}
    for i = 1, rounds or 8 do
        a[i], b[i] = 100 + i * 1e-6, factor * (100 + i * 1e-6)
    end
    return judged({ { name = "a", samples = { [metric] = a } }, { name = "b", samples = { [metric] = b } } }, least)
end

test("verdicts know which direction is better", function()
    test.equal(pair("ops/s", 1.5):of("b", "ops/s").verdict, "better")
    test.equal(pair("ops/s", 0.5):of("b", "ops/s").verdict, "worse")
    test.equal(pair("malloc.p99", 1.5):of("b", "malloc.p99").verdict, "worse")
    test.equal(pair("peak RSS", 0.5):of("b", "peak RSS").verdict, "better")
    test.equal(pair("requests/s", 1.5):of("b", "requests/s").verdict, "better")
    test.equal(pair("anything", 1.5):of("b", "anything").verdict, "worse")
end)

test("a difference that is too small to matter is none; too few rounds decide nothing", function()
    test.equal(pair("ops/s", 1.005).same, true)
    test.equal(pair("ops/s", 1.005, 8, 0.001).same, false)
    test.equal(pair("ops/s", 1.05).same, false)
    local few = pair("ops/s", 5, 3)
    test.equal(few:of("b", "ops/s").verdict, "undecided")
    test.equal(few.same, false)
    test.equal(few.rounds_needed, 4)
    test.equal(few:of("b", "nothing"), nil)
end)

test("figures that are 0", function()
    local zero, one = { 0, 0, 0, 0, 0 }, { 1, 1, 1, 1, 1 }
    test.equal(judged { { name = "a", samples = { n = zero } }, { name = "b", samples = { n = zero } } }.same, true)
    local result = judged { { name = "a", samples = { n = zero } }, { name = "b", samples = { n = one } } }
    test.equal(result:of("b", "n").verdict, "worse")
    test.match(tostring(result), "worse")
end)

test("turns: each variant is at each place equally often, and pairs alternate", function()
    local list = { "A", "B" }
    local turns = {}
    for round = 1, 4 do
        turns[round] = table.concat(run.order(list, round))
    end
    test.equal(table.concat(turns, " "), "AB BA BA AB")
    for n = 2, 5 do
        local counts = {}
        local all = table.move({ "1", "2", "3", "4", "5" }, 1, n, 1, {})
        for round = 1, 2 * n do
            for place, name in ipairs(run.order(all, round)) do
                counts[name .. place] = (counts[name .. place] or 0) + 1
            end
        end
        for key, count in pairs(counts) do
            test.equal(count, 2, ("%s of %d"):format(key, n))
        end
    end
end)

-- ---- the report ----------------------------------------------------------------------------------------------------

test("the table", function()
    local mebibyte = { 1 << 20, 1 << 20, 1 << 20, 1 << 20, 1 << 20 }
    local result = judged {
        { name = "lunalloc", found = "lunalloc", version = "1.0",
            samples = { ["ops/s"] = { 1e6, 1e6, 1e6, 1e6, 1e6 }, ["peak RSS"] = mebibyte } },
        { name = "glibc", found = "glibc", version = "2.36", conf = "",
            samples = { ["ops/s"] = { 5e5, 5e5, 5e5, 5e5, 6e5 }, ["peak RSS"] = mebibyte } },
    }
    test.equal(result:table { mode = "ascii", width = 80 }, [[
comparison of 2 variants on recorded: 5 rounds, in turn; ratios to lunalloc 1.0
medians ± half of the range of the middle half; all intervals hold together with 95 %; a difference below 1 % is none
  glibc: no settings (glibc 2.36)

ops/s, more is better                                    0.486      1.028
  lunalloc 1.0       1 M +-0.0%
  glibc 2.36       500 k +-0.0%   0.500 [0.500, 0.600]    *---         :  worse

peak RSS, less is better
  lunalloc 1.0  1.00 MiB +-0.0%
  glibc 2.36    1.00 MiB +-0.0%   1.000 [1.000, 1.000]    no difference

glibc: worse in ops/s]])
    for _, mode in ipairs { "braille", "blocks", "ascii" } do
        for _, width in ipairs { 1, 40, 200 } do
            test.match(result:table { mode = mode, width = width }, "worse in ops/s$")
        end
    end
    test.raises("mode: braille, blocks or ascii expected", result.table, result, { mode = "x" })
    test.raises("calling 'comparison:table' on bad self", result.table, {})
end)

test("as JSON", function()
    local result = pair("ops/s", 2)
    local value = assert(json.decode(result:tojson()))
    test.equal(value.comparisons[1].verdict, "better")
    near(value.comparisons[1].ratio, 2)
    test.equal(#value.variants[2].samples["ops/s"], 8)
    near(value.variants[1].medians["ops/s"], 100.0000045)
    local few = assert(json.decode(pair("ops/s", 2, 2):tojson()))
    test.equal(few.comparisons[1].high, nil)
    test.equal(few.comparisons[1].verdict, "undecided")
end)

-- ---- options -------------------------------------------------------------------------------------------------------

test("wrong options raise, in the caller's line", function()
    local good = { threads = 1, ops = 1 }
    for pattern, options in pairs {
        ["unknown key 'round'"] = { round = 1 },
        ["scenario = nil: a description"] = {},
        ["scenario = 5: a description"] = { scenario = 5 },
        ["scenario%['mix'%]: a function cannot be passed"] = { scenario = { mix = print } },
        ["rounds = 0: a whole number from 1 to 1000"] = { scenario = good, rounds = 0 },
        ["rounds = nan: a whole number"] = { scenario = good, rounds = math.abs(0 / 0) },
        ["rounds = 1000000000000.0: a whole"] = { scenario = good, rounds = 1e12 },
        ["least = 'x': a share expected"] = { scenario = good, least = "x" },
        ["duration = 0: a time above 0"] = { scenario = good, duration = 0 },
        ["metrics = 'ops/s': an array"] = { scenario = good, metrics = "ops/s" },
        ["metrics%[1%] = 1: a name"] = { scenario = good, metrics = { 1 } },
        ["allocators = 'glibc': an array of names"] = { scenario = good, allocators = "glibc" },
        ["allocators: an array of 2 to 16"] = { scenario = good, allocators = { "glibc", nil, "lunalloc" } },
        ["allocators%[2%] = 'foo': one of lunalloc, glibc"] = { scenario = good, allocators = { "glibc", "foo" } },
        ["allocators%[1%] = true: one of"] = { scenario = good, allocators = { true, "glibc" } },
        ["either allocators, or a and b"] = { scenario = good, allocators = { "glibc", "lunalloc" }, a = "" },
        ["a = 5: settings for LUNALLOC_CONF"] = { scenario = good, a = 5 },
        ["b: unknown key 'config'"] = { scenario = good, b = { config = "" } },
        ["b.conf = true: settings as a text"] = { scenario = good, b = { conf = true } },
        ["b.conf: a table"] = { scenario = good, b = { conf = { 1 } } },
        ["b.env: { NAME = text"] = { scenario = good, b = { env = { ["A=B"] = "" } } },
        ["b.allocator = 'x': one of"] = { scenario = good, b = { allocator = "x" } },
        ["set = 1: a table"] = { scenario = good, set = 1 },
        ["on_progress = 1: a function"] = { scenario = good, on_progress = 1 },
    } do
        test.raises("^[^\n]*compare_test.lua:%d+: compare: " .. pattern, function() la.compare(options) end)
    end
    test.raises("bad argument #1 to 'compare' %(a table of options expected, got nil%)", la.compare)
    local endless = {}
    endless.mix = endless
    test.raises("a table that is nested too deeply cannot be passed", la.compare, { scenario = endless })
end)

test("what is missing fails with a line", function()
    test.fails("ENOENT", "^no scenario '/nonexistent/x.lua'", la.compare { scenario = "/nonexistent/x.lua" })
    test.fails("EINVAL", "^/dev/zero: not a regular file$", la.compare { scenario = "/dev/zero" })
    test.fails("ENOENT", "^/nonexistent.so: No such file",
        la.compare { scenario = { ops = 1 }, a = "", b = { preload = "/nonexistent.so" } })
    local original = la.allocators
    local restored <close> = setmetatable({}, { __close = function() la.allocators = original end })
    la.allocators = function() return { { name = "glibc", path = "/lib/libc.so.6" } } end
    test.fails("ENOENT", "^the allocator jemalloc is not installed %(Debian: package libjemalloc2%)$",
        la.compare { scenario = { ops = 1 }, allocators = { "glibc", "jemalloc" } })
end)

-- ---- real processes ------------------------------------------------------------------------------------------------

-- A script of that text, compared with options.
local function compare_script(text, options)
    local path = os.tmpname()
    local removed <close> = setmetatable({}, { __close = function() os.remove(path) end })
    local file <close> = assert(io.open(path, "w"))
    file:write(text)
    file:flush()
    options.scenario = path
    return la.compare(options)
end

-- The comparisons below need the library. Stock Lua finds it by LUNALLOC_SO; a preloaded one and the console are on it.
local function need_lunalloc()
    for _, allocator in ipairs(la.allocators()) do
        if allocator.name == "lunalloc" and allocator.path then
            return
        end
    end
    test.skip "liblunalloc.so is not found"
end

test("a workload on two allocators", function()
    need_lunalloc()
    local seen = {}
    local result = assert(la.compare { scenario = { threads = 1, ops = 2000, seed = 1 }, rounds = 2,
        allocators = { "glibc", "lunalloc" }, on_progress = function(done, total, name)
            seen[#seen + 1] = ("%d/%d %s"):format(done, total, name)
        end })
    test.equal(table.concat(seen, ", "), "0/6 glibc, 1/6 lunalloc, 2/6 glibc, 3/6 lunalloc, 4/6 lunalloc, 5/6 glibc")
    test.equal(result.variants[1].allocator, "glibc")
    test.equal(result.variants[2].allocator, "lunalloc")
    test.equal(result.variants[2].version, la._VERSION:match "%S+$")
    for _, name in ipairs { "ops/s", "malloc.p50", "free.p99", "cpu", "peak RSS", "page faults" } do
        test.equal(#result.variants[1].samples[name], 2, name)
        test.equal(result.variants[2].medians[name] > 0, true, name)
    end
    test.equal(result:of("lunalloc", "ops/s").verdict, "undecided")
end)

test("a scenario, with another duration and other keys", function()
    need_lunalloc()
    local result = assert(la.compare { scenario = "scripts/scenarios/producer_consumer.lua", rounds = 1,
        duration = "20ms", set = { threads = 3 }, allocators = { "lunalloc", "lunalloc" }, metrics = { "ops/s" } })
    test.equal(result.scenario, "producer_consumer")
    test.equal(table.concat(result.metrics), "ops/s")
    test.equal(result.variants[2].name, "lunalloc #2")
end)

test("two settings: ratio and verdict", function()
    need_lunalloc()
    local result = assert(compare_script([[return { decay = require "lunalloc".get "opt.dirty_decay_ms" }]],
        { rounds = 5, metrics = { "decay" }, a = { "dirty_decay_ms:100" },
            b = { conf = { dirty_decay_ms = 300 }, name = "slow" } }))
    local comparison = result:of("slow", "decay")
    near(comparison.ratio, 3)
    test.equal(comparison.verdict, "worse")
    test.equal(result.variants[2].conf, "dirty_decay_ms:300")
    test.match(tostring(result), "\n  slow: dirty_decay_ms:300 %(lunalloc ")
end)

test("a metric that a run lacks is left out", function()
    need_lunalloc()
    -- The sixth process counts in a file.
    local path = os.tmpname()
    local removed <close> = setmetatable({}, { __close = function() os.remove(path) end })
    local result = assert(compare_script(([[local file = assert(io.open(%q, "a"))
        file:write "x"
        local n = file:seek "end"
        file:close()
        return { whole = 1, holed = n ~= 6 and 1 or nil }]]):format(path), { rounds = 5, a = "", b = "",
            metrics = { "whole", "holed" } }))
    test.equal(table.concat(result.left_out), "holed")
    test.equal(table.concat(result.metrics), "whole")
    test.match(tostring(result), "\nleft out, because a run has none: holed\n")
end)

test("runs that fail name the variant", function()
    need_lunalloc()
    local two = { "glibc", "lunalloc" }
    test.fails("EINVAL", "^glibc: [^\n]*:1: broken$", compare_script("error 'broken'", { allocators = two }))
    test.fails("EINVAL", "^lunalloc: exit status 3$",
        compare_script("if require 'lunalloc'.replaced then os.exit(3) end", { allocators = two }))
    test.fails("EINVAL", "^glibc: the script ended the process before its end$",
        compare_script("os.exit(0)", { allocators = two }))
    test.fails("EINVAL", "^a: LUNALLOC_CONF: 'narena' is no option",
        compare_script("", { a = "narena:1", b = "" }))
    test.fails("EINVAL", "^glibc: workload: ", la.compare { scenario = { treads = 1 }, allocators = two })
    test.fails("ETIMEDOUT", "^glibc: no end within 0.2 s: it was stopped$",
        compare_script("while true do end", { allocators = two, timeout = 0.2 }))
    test.fails("EINVAL", "^no metric 'x'; there are: seconds, cpu, peak RSS, page faults$",
        compare_script("", { allocators = two, metrics = { "x" } }))
    local other = la.allocators()[1].path:gsub("[^/]*$", "libm.so.6")
    test.fails("EINVAL", "^other: it ran on glibc$",
        compare_script("", { a = "", b = { name = "other", allocator = "lunalloc", preload = other } }))
end)
