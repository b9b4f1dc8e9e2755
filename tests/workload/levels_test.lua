-- Rates and scales that follow a curve: the forms, what is refused, and that a run follows them.

local test = ...
local workload = require "lunalloc.workload"
local spec = require "lunalloc.workload_spec"

local SMALL <const> = { { size = "exp(100)", lifetime = "exp(50)" } }

local function points(rate)
    local found = spec.compile({ rate = rate }).rate
    return found.form .. "/" .. found.period // 1000000 .. "ms " .. table.concat(found.points, " ")
end

test("each form has its points", function()
    test.equal(points "ramp(1k, 50k/s, 10s)", "1/0ms 0 1000.0 10000000000 50000.0")
    test.equal(points "sine(2k,1k,4s)", "3/4000ms 0 2000.0 0 1000.0")
    test.equal(points "square(0,10k,2s)", "2/2000ms 0 0.0 1000000000 10000.0")
    test.equal(points "steps(0s:5, 100ms:50, 1m:0)", "2/0ms 0 5.0 100000000 50.0 60000000000 0.0")
    test.equal(points "points(0:5,2s:7)", "1/0ms 0 5.0 2000000000 7.0")
    test.equal(points { { 0, "5k" }, { "2s", 7 } }, "1/0ms 0 5000.0 2000000000 7")
    test.equal(spec.compile({ rate = "50k" }).rate, 50000.0)
    test.equal(spec.compile({ scale = "ramp(1,200%,1s)" }).scale.points[4], 2.0)
    test.equal(spec.compile({}).scale, 1)
end)

test("curves in phases, in w:set and in the description are marks of the timeline", function()
    local w <close> = workload { mix = SMALL, duration = "forever", rate = "ramp(1k,2k,1h)",
        phases = { { at = 0, scale = "sine(2,1,1h)" } } }
    w:start()
    while w:status().scale < 2 do -- the phase was not applied yet
        w:wait(0.001)
    end
    test.equal(w:set { rate = "steps(0s:3k,1h:4k)" }, true)
    test.equal(w:set { scale = { { 0, 0.5 }, { "1h", 0.5 } } }, true)
    test.equal(w:status().rate, 3000.0)
    test.equal(w:status().scale, 0.5)
    local seen = {}
    for _, mark in ipairs(w:stop().marks) do
        seen[mark.mark] = true
    end
    for _, mark in ipairs { "rate = ramp(1k,2k,1h)", "scale = sine(2,1,1h)", "rate = steps(0s:3k,1h:4k)",
        "scale = a curve" } do
        test.equal(seen[mark], true, mark)
    end
end)

test("a scale from the start is a part of what is expected", function()
    local function expected(scale)
        return workload { ops = 1, scale = scale, mix = { { size = 100, lifetime = 50 } } }:info().expected_live
    end
    test.equal(expected(nil), 5000.0)
    test.equal(expected(3), 15000.0)
    test.equal(expected(0), 0.0)
    test.equal(expected "50%", 2500.0)
end)

test("a curve is a part of the plan", function()
    local seen = {}
    for _, keys in ipairs { {}, { rate = 5 }, { scale = 5 }, { rate = "ramp(1,5,1s)" }, { rate = "ramp(1,6,1s)" },
        { rate = "ramp(1,5,2s)" }, { rate = "steps(0s:1,1s:5)" }, { scale = "ramp(1,5,1s)" },
        { scale = "ramp(1,6,1s)" },
        { phases = { { at = 1, rate = "ramp(1,5,1s)" } } }, { phases = { { at = 1, scale = "ramp(1,5,1s)" } } },
        { rate = "sine(1,5,1s)" } } do
        keys.ops, keys.mix = 10, SMALL
        local hash = workload(keys):info().plan_hash
        test.equal(seen[hash], nil)
        seen[hash] = true
    end
end)

local REFUSED <const> = {
    { 'rate = "wave%(1,2,3%)": no such curve; allowed: a number, ramp%(from,', { rate = "wave(1,2,3)" } },
    { "rate: three arguments are needed; allowed: ramp%(from,to,time%)", { rate = "ramp(1,2)" } },
    { "rate: \"x\" is no time above 0; allowed: sine", { rate = "sine(1,2,x)" } },
    { "rate: \"0\" is no time above 0; allowed: square", { rate = "square(1,2,0)" } },
    { 'rate = "%-5": a number from 0 to 1e12', { rate = "ramp(-5,2,1s)" } },
    { "rate: \"5\" is not time:value; allowed: steps", { rate = "steps(5)" } },
    { "rate%[2%]: \"1s\" is no time after the one before", { rate = "points(1s:1,1s:2)" } },
    { "rate has 0 points", { rate = {} } },
    { "rate%[1%] = 3: a table", { rate = { 3 } } },
    { "rate%[1%]: nil is no time", { rate = { {} } } },
    { 'scale = "2000001": a number from 0 to 1e%+06', { scale = "ramp(1,2000001,1s)" } },
    { "phases%[1%]%.rate: three arguments", { phases = { { at = 1, rate = "ramp(1)" } } } },
}

test("wrong curves name the key and what is allowed", function()
    for _, case in ipairs(REFUSED) do
        test.raises(case[1], workload, case[2])
    end
    local list = {}
    for i = 1, 65 do
        list[i] = { i, 1 }
    end
    test.raises("no such curve", workload, { rate = "ramp(1," .. (" "):rep(1 << 20) .. "2,3)" })
    test.raises("rate has 65 points: 1 to 64 expected", workload, { rate = list })
end)
