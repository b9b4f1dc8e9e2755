-- lunalloc.scenario: what a file may define, how it is run, and what its result says.

local test = ...
local scenario = require "lunalloc.scenario"

local SMALL <const> = { { size = "exp(100)", lifetime = "exp(50)" } }

--- A definition with these keys instead of its own; `false` takes one away.
local function definition(more)
    local result = { name = "small", models = "a test", hurts = "nobody", workload = { ops = 2000, mix = SMALL } }
    for key, value in pairs(more or {}) do
        result[key] = value or nil
    end
    return result
end

--- The scenarios that a file of this text defines, or nil, message, code.
local function loaded(text)
    local path = os.tmpname()
    local file <close> = assert(io.open(path, "w"))
    file:write(text)
    file:close()
    local list, message, code = scenario.load(path)
    os.remove(path)
    return list, message, code
end

test("a scenario runs, and its result is that of the workload with its name", function()
    local r = scenario.run(definition { limits = { failures = 0 } })
    test.equal(r.scenario, "small")
    test.equal(r.models, "a test")
    test.equal(r.ops, 2000)
    test.equal(r.ok, true)
    test.equal(r.runs, 1)
    test.equal(r.limits[1].name, "failures")
    test.match(tostring(r), "^scenario   small: a test\n")
    test.match(tostring(r), "\npassed$")
end)

test("a missed limit is named", function()
    local r = scenario.run(definition { limits = { ["malloc.max"] = "0ns", failures = 0 } })
    test.equal(r.ok, false)
    local missed = scenario.missed(r)
    test.equal(#missed, 1)
    test.match(missed[1], "^malloc%.max is %d.*, at most 0 ns allowed: MISSED$")
    test.match(tostring(r), "\nFAILED: malloc%.max is ")
end)

test("the limits of a scenario are added to those of its workload", function()
    local r = scenario.run(definition { workload = { ops = 2000, mix = SMALL, limits = { ["rss/live"] = 1e6 } },
        limits = { failures = 0 } })
    test.equal(#r.limits, 2)
end)

test("run() makes several workloads; each limit appears once, as it was first missed", function()
    local r = scenario.run(definition { workload = false, duration = "0.1s", limits = { failures = 0 },
        run = function(s)
            test.equal(s.seconds, 0.1)
            local first = s:run { ops = 1000, mix = SMALL, limits = { ["malloc.max"] = "0ns" } }
            s:run { ops = 3000, mix = SMALL, limits = { ["malloc.max"] = "100s" } }
            s:expect("ratio", 3, { at_most = 2, reason = "two is enough" })
            s:expect("share", 0.5, { at_least = 0.5 })
            s:note("%d operations", first.ops)
            return first
        end })
    test.equal(r.ops, 1000)
    test.equal(r.runs, 2)
    test.equal(r.ok, false)
    test.equal(r.notes[1], "1000 operations")
    test.equal(#r.limits, 4)
    local missed = scenario.missed(r)
    test.equal(#missed, 2)
    test.equal(missed[1], "ratio is 3, at most 2 allowed: MISSED (two is enough)")
    test.match(missed[2], "^malloc%.max is ")
    test.match(tostring(r), "share +0%.5 %(at least 0%.5%) ok")
end)

test("a missed figure alone is a failure, and one that is met is none", function()
    for bound, ok in pairs { [2] = false, [3] = true } do
        local r = scenario.run(definition { workload = false, run = function(s)
            s:run { ops = 100 }
            s:expect("ratio", 3, { at_most = bound })
        end })
        test.equal(r.ok, ok)
        test.equal(#scenario.missed(r), ok and 0 or 1)
    end
end)

test("a share of the duration", function()
    local r = scenario.run(definition { workload = false, duration = "0.2s",
        run = function(s) s:run({ mix = SMALL }, 1 / 4) end })
    assert(r.seconds >= 0.05 and r.seconds < 0.2, r.seconds)
end)

test("another duration takes the phases along, and replaces a number of operations", function()
    local seen
    local options = { duration = "0.05s", adjust = function(d) seen = d return d end }
    scenario.run(definition { workload = { duration = "10s", mix = SMALL, phases = { { at = "5s", scale = 2 } } } },
        options)
    test.equal(seen.duration, 0.05)
    test.equal(seen.phases[1].at, 0.025)
    test.equal(seen.interval, 0.0005)
    test.equal(seen.phases[1].scale, 2)
    scenario.run(definition { workload = { ops = 1e12, mix = SMALL } }, options)
    test.equal(seen.ops, nil)
end)

test("keys of the description can be replaced", function()
    local set = {}
    test.equal(scenario.parse_set(set, "threads=2"), true)
    test.equal(scenario.parse_set(set, "verify=true"), true)
    test.equal(scenario.parse_set(set, "live_max=64M"), true)
    test.equal(scenario.parse_set(set, "nothing"), false)
    local r = scenario.run(definition(), { set = set })
    test.equal(r.threads, 2)
    test.equal(r.live_max, 64 << 20)
    assert(r.verify.checked > 0)
end)

test("a file defines one scenario or several", function()
    local list = assert(loaded [[
        for i = 1, 2 do
            require "lunalloc.scenario" { name = "n" .. i, models = "m", hurts = "h", workload = { ops = 10 } }
        end]])
    test.equal(#list, 2)
    test.equal(list[2].name, "n2")
end)

test("run by itself, it prints the result; the exit status is 4 if a limit was missed", function()
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write [[require "lunalloc.scenario" { name = "alone", models = "m", hurts = "h", workload = { ops = 100 },
        limits = { ["malloc.max"] = "1h" } }]]
    file:close()
    local function run(words)
        local pipe = assert(io.popen(("lua5.4 %s %s 2>&1"):format(path, words)))
        local text = pipe:read "a"
        return text, select(3, pipe:close())
    end
    if not os.execute "command -v lua5.4 >/dev/null" then
        test.skip "no lua5.4 here"
    end
    local text, status = run "threads=2"
    test.match(text, "^scenario   alone: m\nworkload   2 threads on .*\npassed\n$")
    test.equal(status, 0)
    text, status = run "live_max=1 sample=1"
    test.match(text, "^scenario   alone")
    test.equal(status, 0)
    text, status = run "50ms mix="
    test.match(text, "mix")
    test.equal(status, 1)
    text, status = run "x"
    test.match(text, "unexpected 'x': a duration such as 2s, or KEY=VALUE, expected")
    test.equal(status, 1)
    os.execute(("sed -i s/1h/0ns/ %s"):format(path))
    text, status = run ""
    test.match(text, "\nFAILED: malloc%.max is .*, at most 0 ns allowed: MISSED\n$")
    test.equal(status, 4)
    os.remove(path)
end)

test("a file that cannot be run", function()
    test.fails("ENOENT", "^cannot open /nonexistent", scenario.load "/nonexistent")
    test.fails("EINVAL", "defines no scenario", loaded "local x = 1")
    test.fails("EINVAL", ":1: .*expected near", loaded "local = 1")
    test.fails("EINVAL", ":2: my error", loaded "\nerror 'my error'")
    test.fails("EINVAL", ":2: scenario: hurts is missing",
        loaded "\nrequire 'lunalloc.scenario' { name = 'n', models = 'm', workload = {} }")
    -- What failed leaves no trace: this one runs, and is not registered.
    local lines, print_ = {}, print
    print = function(result) lines[#lines + 1] = tostring(result) end
    local r = scenario(definition())
    print = print_
    test.equal(r.ops, 2000)
    test.match(lines[1], "\npassed$")
end)

test("wrong definitions raise in the caller's line", function()
    for message, keys in pairs {
        ["unknown key 'model'; allowed: name,"] = { model = "x" },
        ["name: a string expected, got 5"] = { name = 5 },
        ["models is missing"] = { models = false },
        ["either workload or run expected"] = { workload = false },
        ["duration belongs into the workload"] = { duration = "1s" },
        ["workload: unknown key \"thread\""] = { workload = { thread = 1 } },
        ["workload: unknown limit \"malloc%.p98\""] = { limits = { ["malloc.p98"] = "1s" } },
    } do
        test.raises("scenario_test%.lua:%d+: .*" .. message, function() scenario(definition(keys)) end)
    end
    test.raises("scenario_test%.lua:%d+: bad argument #1 to 'scenario' %(a definition expected, got nil",
        function() scenario() end)
    test.raises("scenario_test%.lua:%d+: bad argument #2 to 'scenario.run' %(duration: a time expected",
        function() scenario.run(definition(), { duration = "x" }) end)
end)

test("wrong calls of s raise in the caller's line", function()
    local function attempt(body)
        return function()
            scenario.run(definition { workload = false, run = body })
        end
    end
    for message, body in pairs {
        ["bad argument #1 to 's:run' %(a description expected"] = function(s) s:run() end,
        ["bad argument #2 to 's:run' %(a number above 0"] = function(s) s:run({}, 0) end,
        ["workload: unknown key \"sizes\""] = function(s) s:run { sizes = 1 } end,
        ["bad argument #2 to 's:expect' %(a number expected"] = function(s) s:expect("x", "y", { at_most = 1 }) end,
        ["bad argument #3 to 's:expect' %(a number as"] = function(s) s:expect("x", 1, {}) end,
        ["calling 's:note' on bad self"] = function(s) s.note("x") end,
    } do
        test.raises("scenario_test%.lua:%d+: " .. message, attempt(body))
    end
    test.raises("small: run%(%) has run no workload", attempt(function() end))
end)
