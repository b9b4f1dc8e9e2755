-- scenarios.lua CONSOLE FAULTY-LIBRARY [NAME...] -- the scenarios that belong to the module, shortened: each passes on
-- lunalloc and on glibc, and each of its limits is missed with one of the faults of tests/workload/faulty.c. Prints
-- "ok" and "FAIL" lines. On a busy machine, a short run may not get far enough: what fails is tried again for longer.

local child = require "lunalloc.child"
local plan = require "lunalloc.test.plan"
local scenario = require "lunalloc.scenario"

local console, faulty = arg[1], arg[2]
local VERIFICATION <const> = "verification"
local LONGER <const> = "1500ms"
-- Values of FAULTY_MALLOC. One call in twenty takes longer than any limit allows.
local FAULTS <const> = { slow = "slow=10000/20", leak = "leak=1", waste = "waste=1500", null = "null=10",
    wrong = "dirty=1,unaligned=1" }

local names = table.move(arg, 3, #arg, 1, {})
if #names == 0 then
    local listing <close> = assert(io.popen(("ls '%s'"):format(scenario.folder())))
    for name in listing:read "a":gmatch "([^\n]+)%.lua\n" do
        names[#names + 1] = name
    end
end

local function report(ok, name, ...)
    print((ok and "ok   " or "FAIL ") .. name)
    for i = 1, ok and 0 or select("#", ...) do
        print("     | " .. tostring((select(i, ...))))
    end
end

-- ---- runs ----------------------------------------------------------------------------------------------------------

--- Starts `lunalloc test` for these scenarios. Returns a function that waits for its end, and returns its output and
--- its exit status.
local function start(list, allocator, duration, fault)
    local pipe = assert(io.popen(("FAULTY_MALLOC=%s '%s' test --duration %s --allocator '%s' %s"):format(
        FAULTS[fault] or "", console, duration, allocator, table.concat(list, " "))))
    return function()
        local text = pipe:read "a"
        local _, _, status = pipe:close()
        return text, status
    end
end

--- For each scenario: whether it passed, the set of the limits that were measured and missed, and its lines of output.
local function results(text)
    local all, current = {}, { missed = {}, lines = {} }
    for line in text:gmatch "[^\n]+" do
        local result, name = line:match "^(.-ok) %d+ %- (%S+)"
        if name then
            current = { ok = result == "ok", missed = {}, lines = {} }
            all[name] = current
        end
        local missed = not line:find "was not measured" and (line:match("^    %- '(" .. VERIFICATION .. "): ")
            or line:match "^    %- '(.-) is ")
        if missed then
            current.missed[missed] = true
        end
        table.insert(current.lines, line)
    end
    return all
end

--- The names of a scenario's limits, as a short run of it judges them.
local function limits_of(name)
    local done = assert(child.run { script = plan.script(), args = { "run", scenario.find(name), "1",
        '{"duration": "100ms"}' } })
    assert(done.ok, done.problem)
    local limits = done.value.verify.checked > 0 and { VERIFICATION } or {}
    for _, limit in ipairs(done.value.limits) do
        limits[#limits + 1] = limit.name
    end
    return limits
end

-- ---- the tests -----------------------------------------------------------------------------------------------------

local limits = {}
for _, name in ipairs(names) do
    limits[name] = limits_of(name)
    report(#limits[name] > 1, name .. " has limits")
end

--- Reports those that passed. Returns the names of the others, and the output.
local function passes(list, allocator, text, status)
    local all, others = results(text), {}
    for _, name in ipairs(list) do
        if all[name] and all[name].ok then
            report(true, ("%s passes on %s"):format(name, allocator))
        else
            others[#others + 1] = name
        end
    end
    report(status == (#others > 0 and 4 or 0), ("the exit status on %s"):format(allocator), status, text)
    return others, all
end

local function check_passes(allocator, text, status)
    local others = passes(names, allocator, text, status)
    if #others > 0 then
        local still, all = passes(others, allocator, start(others, allocator, LONGER)())
        for _, name in ipairs(still) do
            local lines = all[name] and all[name].lines or {}
            report(false, ("%s passes on %s"):format(name, allocator), table.unpack(lines))
        end
    end
end

-- Name of a scenario -> limit -> the fault with which it was missed.
local missed = {}
for _, name in ipairs(names) do
    missed[name] = {}
end

local function add_missed(fault, text, status)
    local expected = text:find "\nnot ok" and 4 or 0
    report(status == expected, ("the exit status with the fault '%s' is %d"):format(fault, expected), status, text)
    for name, one in pairs(results(text)) do
        for limit in pairs(one.missed) do
            missed[name][limit] = fault
        end
    end
end

--- The scenarios with a limit that matches one of the patterns and was not missed yet.
local function with_limits(...)
    local list = {}
    for _, name in ipairs(names) do
        local wanted = false
        for _, limit in ipairs(limits[name]) do
            for _, pattern in ipairs { ... } do
                wanted = wanted or limit:find(pattern) and not missed[name][limit]
            end
        end
        list[#list + 1] = wanted and name or nil
    end
    return list
end

--- Runs those scenarios with the fault in the background; returns a function that waits, and adds what was missed.
local function planted_run(fault, duration, ...)
    local list = with_limits(...)
    local wait = #list > 0 and start(list, faulty, duration, fault)
    return function()
        if wait then
            add_missed(fault, wait())
        end
    end
end

local ours, theirs = start(names, "lunalloc", "400ms"), start(names, "glibc", "400ms")
check_passes("lunalloc", ours())
check_passes("glibc", theirs())

local slow, leak = planted_run("slow", "300ms", "%.p%d", "ops_per_s"), planted_run("leak", "500ms", "rss", "RSS")
slow()
leak()
local null, waste = planted_run("null", "100ms", "failures"), planted_run("waste", "500ms", "rss", "RSS")
null()
waste()
planted_run("wrong", "200ms", VERIFICATION)()
for _, fault in ipairs { "leak", "waste" } do
    planted_run(fault, LONGER, "rss", "RSS")()
end
planted_run("slow", LONGER, "%.p%d", "ops_per_s")()
planted_run("null", LONGER, "failures")()

for _, name in ipairs(names) do
    for _, limit in ipairs(limits[name]) do
        report(missed[name][limit], ("%s: %s notices a fault"):format(name, limit))
    end
end
