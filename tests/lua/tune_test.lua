-- la.tune: the search on simulated commands, whose best settings are known; then small real commands.

local test = ...
local judge = require "lunalloc.tune.judge"
local result = require "lunalloc.tune.result"
local search = require "lunalloc.tune.search"
local space = require "lunalloc.tune.space"
local statistics = require "lunalloc.compare_statistics"

-- ---- a simulated command -------------------------------------------------------------------------------------------

-- A generator of the same numbers everywhere, 0 to 1.
local function generator(seed)
    local state = seed * 7919 + 1
    return function()
        state = (state * 6364136223846793005 + 1442695040888963407) & 0x7FFFFFFFFFFFFFFF
        return (state >> 20) / (1 << 43)
    end
end

-- About normal, of mean 0 and deviation 1.
local function normal(random)
    local sum = -6
    for _ = 1, 12 do
        sum = sum + random()
    end
    return sum
end

-- Factors for memory and time of "option:value"; others change nothing.
local function simulated(world)
    local random = generator(world.seed or 1)
    local noise = world.noise or { rss = 0.002, time = 0.01 }
    return function(entry)
        local rss, time = 100e6, world.seconds or 1.0
        for _, setting in ipairs(entry.settings) do
            local effect = (world.effects or {})[setting[1] .. ":" .. setting[2]] or {}
            if effect.fails then
                return nil, effect.fails
            end
            rss, time = rss * (effect.rss or 1), time * (effect.time or 1)
        end
        local slow = random() < 0.05 and 1 + 10 * noise.time or 1 -- a disturbed run
        return { rss = rss * math.exp(noise.rss * normal(random)),
            time = time * math.exp(noise.time * normal(random)) * slow }
    end
end

local LIMIT <const> = { rss = { metric = "time", share = 0.02 }, time = { metric = "rss", share = 0.02 } }

local function searched(world, objective)
    objective = objective or "rss"
    return search.run { measure = simulated(world), arms = world.arms or space.arms(objective), objective = objective,
        limits = { LIMIT[objective] }, least = world.least or 0.01 }
end

-- ---- the search ----------------------------------------------------------------------------------------------------

--- What the winner's memory is, of the default's 1.
local function memory_of(found, effects)
    local rss = 1
    for _, setting in ipairs(found.winner and found.winner.settings or {}) do
        rss = rss * ((effects[setting[1] .. ":" .. setting[2]] or {}).rss or 1)
    end
    return rss
end

test("settings that help are found, combined, and confirmed", function()
    local effects = { ["dirty_decay_ms:0"] = { rss = 0.8, time = 1.1 }, ["slab_sizes:1-2048:1"] = { rss = 0.9 },
        ["dirty_max:4M"] = { rss = 0.85, time = 1.005 }, ["tcache_bytes:4096"] = { rss = 0.95 } }
    local best = 0
    for seed = 1, 20 do
        local found = searched { effects = effects, seed = seed }
        test.equal(found.verdict, "better", ("seed %d: %s"):format(seed, tostring(found.reason)))
        test.equal(memory_of(found, effects) <= 0.9, true, "seed " .. seed)
        best = best + (found.winner.conf == "dirty_max:4M,slab_sizes:1-2048:1,tcache_bytes:4096" and 1 or 0)
    end
    test.equal(best >= 9, true, best .. " of 20")
end)

test("a figure that runs with the defaults do not have is shown without a change", function()
    local measure = simulated {}
    local function timeless(entry)
        local figures = measure(entry)
        figures.time = entry.conf ~= "" and figures.time or nil
        return figures
    end
    local plan = { subject = "command", name = "x", objective = "rss", limits = {}, least = 0.01, warnings = {},
        seconds = 1, job = { rss = "peak" } }
    local state = search.run { measure = timeless, arms = space.arms "rss", objective = "rss", limits = {},
        least = 0.01 }
    local row = result.new(plan, state, {}).entries[2]
    test.equal(row.time ~= nil and row.ratio.time == nil, true)
    local found = result.new(plan, state, {})
    found.pareto = { row }
    test.match(tostring(found), "\n" .. row.conf .. " [^\n]+ %% ±[%d.]+%%  +[%d.]+ s +±")
end)

test("at least 18 of 20 searches come within 2 % of the best, in at most 40 runs", function()
    local effects = { ["dirty_decay_ms:0"] = { rss = 0.9, time = 1.04 }, ["dirty_max:4M"] = { rss = 0.89 },
        ["dirty_max:1M"] = { rss = 0.88 }, ["narenas:1"] = { rss = 0.97 } }
    local good = 0
    for seed = 1, 20 do
        local found = searched { effects = effects, seed = seed, noise = { rss = 0.002, time = 0.005 } }
        good = good + (memory_of(found, effects) <= 1.02 * 0.88 * 0.97 and 1 or 0)
        test.equal(found.searched <= 40, true, "runs of the search")
    end
    test.equal(good >= 18, true, good .. " of 20")
end)

test("two searches of small and large effects agree within 2 %, in noise of the time", function()
    local effects = { ["dirty_max:4M"] = { rss = 0.712, time = 1.003 }, ["tcache_max:1024"] = { rss = 0.985 },
        ["tcache_bytes:4096"] = { rss = 0.988, time = 1.002 }, ["dirty_decay_ms:0"] = { rss = 0.7, time = 1.14 } }
    local agree, most = 0, 0
    for pair = 1, 20 do
        local found = {}
        for i = 1, 2 do
            local state = searched { effects = effects, seed = 2 * pair + i, noise = { rss = 0.0004, time = 0.01 } }
            found[i], most = memory_of({ winner = state.candidate }, effects), math.max(most, state.searched)
        end
        local ratio = found[1] / found[2]
        agree = agree + (ratio < 1.02 and ratio > 1 / 1.02 and 1 or 0)
    end
    test.equal(agree >= 15 and most <= 40, true, ("%d of 20 pairs, %d runs"):format(agree, most))
end)

test("what costs as much as a limit allows does not win over what costs nothing", function()
    local effects = { ["dirty_decay_ms:0"] = { rss = 0.2, time = 1.035 }, ["dirty_max:4M"] = { rss = 0.22 } }
    local good = 0
    for seed = 1, 20 do
        local found = searched { effects = effects, seed = seed, noise = { rss = 0.001, time = 0.012 } }
        good = good + (found.winner and not found.winner.conf:find "dirty_decay_ms:0" and 1 or 0)
    end
    test.equal(good >= 16, true, good .. " of 20")
end)

for objective, noises in pairs { rss = { { rss = 0.002, time = 0.01 }, { rss = 0.03, time = 0.03 } },
    time = { { rss = 0.002, time = 0.01 }, { rss = 0.002, time = 0.04 } } } do
    test("A/A: " .. objective .. " keeps the defaults in at least 19 of 20 searches", function()
        for _, noise in ipairs(noises) do
            local kept = 0
            for seed = 1, 100 do
                kept = kept + (searched({ seed = seed, noise = noise }, objective).verdict == search.KEEP and 1 or 0)
            end
            test.equal(kept >= 95, true, ("noise %g and %g: %d of 100"):format(noise.rss, noise.time, kept))
        end
    end)
end

test("time: a difference of 5 % is found in noise of 1 %", function()
    local found = 0
    for seed = 1, 20 do
        local result = searched({ effects = { ["thp:always"] = { time = 0.95, rss = 1.005 } }, seed = seed }, "time")
        found = found + (result.verdict == "better" and result.winner.conf:find "thp:always" and 1 or 0)
    end
    test.equal(found >= 17, true, found .. " of 20")
end)

test("a limit is honoured", function()
    local effects = { ["dirty_decay_ms:0"] = { rss = 0.5, time = 1.10 }, ["dirty_max:4M"] = { rss = 0.9 } }
    for seed = 1, 20 do
        local found = searched { effects = effects, seed = seed }
        test.equal(found.winner and found.winner.conf:find("dirty_decay_ms:0", 1, true) or nil, nil, "seed " .. seed)
    end
end)

test("noise that hides whether a limit is kept is no proof that it is", function()
    local random = generator(5)
    local function runs(rss, noise)
        local list = {}
        for i = 1, 10 do
            list[i] = { rss = rss, time = math.exp(noise * normal(random)) }
        end
        return list
    end
    local plan = { objective = "rss", limits = { LIMIT.rss }, least = 0.01, alpha = 0.025 }
    local loud = judge.confirm(runs(100, 0.05), runs(80, 0.05), plan)
    test.equal(loud.metrics.time.low < 1 and not loud.accepted and loud.missed, true)
    test.match(loud.reason, "time may be worse than the limit allows")
    test.equal(judge.confirm(runs(100, 0.001), runs(80, 0.001), plan).accepted, true)
end)

test("of a limit only the upper end counts: it errs with all of what is allowed", function()
    local base, runs = {}, {}
    for i = 1, 12 do
        base[i] = { rss = 100, time = 1.0 + i / 1000 }
        runs[i] = { rss = 80, time = 1.0 + (i * 7 % 12) / 1000 }
    end
    local function judged(share)
        local plan = { objective = "rss", limits = { { metric = "time", share = share } }, least = 0.01, alpha = 0.05 }
        return judge.confirm(base, runs, plan)
    end
    local both = judged(1.0).metrics.time.high - 1 -- the upper end of an interval with two ends
    local _, _, one = statistics.paired(judge.values(base, "time"), judge.values(runs, "time"), 0.1)
    test.equal(one - 1 < both, true)
    test.equal(judged((one - 1 + both) / 2).accepted, true)
    test.equal(judged((one - 1) * 0.99).missed, true)
end)

-- A confirmation of runs that take a second each: what search.run() finds, and how many rounds each finalist had.
local function confirmed(seconds, noise)
    local random, at = generator(3), 0
    local effects = { ["dirty_max:4M"] = 1.0, ["narenas:1"] = 0.995 } -- the second one costs less, and saves less
    local function measure(entry)
        at = at + 1
        local rss = entry.conf == "" and 100 or entry.conf:find "dirty" and 70 or 80
        return { rss = rss, time = (effects[entry.conf] or 1.0) * math.exp(noise * normal(random)) }
    end
    local found = search.run { measure = measure, objective = "rss", limits = { LIMIT.rss }, least = 0.01,
        arms = { { { "dirty_max", "4M" } }, { { "narenas", "1" } } }, most_runs = 20,
        left = function() return seconds - at end }
    local rounds = {}
    for i, confirmation in ipairs(found.confirmations) do
        rounds[i] = confirmation.rounds
    end
    return found, rounds
end

test("a larger budget gives a confirmation more rounds, until the noise needs no more", function()
    local _, few = confirmed(120, 0.03)
    local _, more = confirmed(420, 0.03)
    local _, quiet = confirmed(420, 0.002)
    test.equal(few[1] < more[1] and more[1] > 60, true, few[1] .. " and " .. more[1])
    test.equal(quiet[1], 10)
end)

test("a finalist that misses a limit leaves half of the time: a second of three has half of that", function()
    local seen = 0
    for seconds = 200, 400, 100 do
        local found, rounds = confirmed(seconds, 0.06)
        local second = found.confirmations[2]
        local plan = { objective = "rss", limits = { LIMIT.rss }, least = 0.01 }
        if second and not judge.is_futile(second.base_runs, second.runs, plan) then
            seen = seen + 1
            test.equal(found.confirmations[1].missed, true)
            test.equal(rounds[2] >= rounds[1] * 0.45, true, rounds[1] .. " and " .. rounds[2])
        end
    end
    test.equal(seen > 0, true)
end)

test("a setting without effect is dropped", function()
    -- Both help, but the second one nothing beside the first.
    local measure = simulated { effects = { ["dirty_max:4M"] = { rss = 0.8 } } }
    local found = search.run { measure = measure, objective = "rss", limits = {}, least = 0.01,
        arms = { { { "dirty_max", "4M" }, { "narenas", "1" }, { "retain", "false" } } } }
    test.equal(found.winner.conf, "dirty_max:4M")
    test.equal(#found.dropped, 2)
end)

-- What the ablation leaves of the settings. figures: settings -> { rss, time }, of any run.
local function left_of(settings, figures)
    local state = { objective = "rss", limits = { LIMIT.rss }, least = 0.01, noise = { rss = 0.001, time = 0.004 },
        dropped = {}, base = { runs = { { rss = 100, time = 1 } } } }
    function state.entry(_, list)
        return { conf = space.text(list), settings = list, runs = {} }
    end
    function state.repeated(_, entry, n)
        local found = figures[entry.conf]
        while entry ~= state.base and #entry.runs < n do
            table.insert(entry.runs, { rss = found[1], time = found[2] })
        end
        return true
    end
    function state.score(_, entry)
        return judge.effect(entry, state.base, "rss") * judge.chance(entry, state.base, LIMIT.rss, state.noise)
    end
    function state.enough() return 1 end
    function state.refresh() end
    return require("lunalloc.tune.ablation").run(state, state:entry(space.parse(settings))).conf
end

test("of equals the cheaper one is kept", function()
    local both <const> = "background_thread:false,dirty_max:4M"
    local worse = { 99, 1.0 }
    for wanted, figures in pairs {
        ["dirty_max:4M"] = { [both] = { 80, 1.005 }, ["dirty_max:4M"] = { 80, 1.005 } }, -- no effect
        [both] = { [both] = { 80, 0.975 }, ["dirty_max:4M"] = { 80, 1.005 } },           -- time is better with it
    } do
        figures["background_thread:false"] = worse
        test.equal(left_of(both, figures), wanted)
    end
    test.equal(left_of(both, { [both] = { 78, 1.019 }, ["dirty_max:4M"] = { 80, 1.004 },
        ["background_thread:false"] = worse }), "dirty_max:4M", "it costs the limit, and saves little")
    test.equal(left_of(both, { [both] = { 60, 1.006 }, ["dirty_max:4M"] = { 80, 1.0 },
        ["background_thread:false"] = worse }), both, "it costs some time, and saves much")
end)

test("a run is compared with the default's runs beside it if the machine drifts", function()
    local base, entry = { runs = {} }, { runs = { { at = 27, time = 1.3 } } }
    for i = 0, 5 do
        base.runs[i + 1] = { at = 1 + 5 * i, time = 1 + 0.06 * i + (i % 2) * 0.001 }
    end
    test.equal(math.abs(judge.effect(entry, base, "time")) < 0.08, true, "drift")
    for i, figures in ipairs(base.runs) do
        figures.time = i % 2 == 0 and 1.0 or 1.02
    end
    entry.runs[1].time = 1.01
    test.equal(math.abs(judge.effect(entry, base, "time")) < 1e-4, true, "no drift: all are used")
    test.equal(judge.effect(base, base, "time"), 0.0)
end)

test("settings that fail are rejected, and told", function()
    local found = searched { effects = { ["dirty_decay_ms:0"] = { fails = "exit status 1" },
        ["dirty_max:4M"] = { rss = 0.8 } } }
    test.equal(found.by_conf["dirty_decay_ms:0"].rejected, "exit status 1")
    test.equal(found.winner.conf, "dirty_max:4M")
end)

test("a winner that fails in the confirmation is none", function()
    local measure, failing = simulated { effects = { ["dirty_max:4M"] = { rss = 0.8 } } }, nil
    local found = search.run { measure = function(entry, phase)
        failing = phase == "confirm" and #entry.settings > 0
        if failing then
            return nil, "exit status 139"
        end
        return measure(entry, phase)
    end, objective = "rss", limits = {}, least = 0.01, arms = space.arms "rss" }
    test.equal(found.verdict, search.KEEP)
    test.match(found.reason, "exit status 139")
end)

test("what cannot be judged", function()
    local _, message, code = searched { seconds = 0.01 }
    test.match(message, "too short to judge")
    test.equal(code, "ERANGE")
    _, message = search.run { measure = function() return nil, "exit status 3" end, arms = {}, objective = "rss",
        limits = {}, least = 0.01 }
    test.match(message, "with the defaults: exit status 3")
end)

test("a budget ends the search, and the confirmation has its own", function()
    local measure, left = simulated { effects = { ["dirty_decay_ms:0"] = { rss = 0.8 } } }, 12
    local found = search.run { arms = space.arms "rss", objective = "rss", limits = {}, least = 0.01,
        left = function(part) return part == "search" and left or 1 end,
        measure = function(...)
            left = left - 1
            return measure(...)
        end }
    test.equal(found.winner and found.winner.conf, "dirty_decay_ms:0")
    test.equal(found.count < 40, true)
end)

-- ---- the space -----------------------------------------------------------------------------------------------------

-- ---- hosts ---------------------------------------------------------------------------------------------------------

-- Hosts of which each has its own speed and memory; the first one loses the block of that number.
local function fake_pool(world, speeds, lost)
    local measure, block = simulated(world), 0
    local pool = {}
    function pool.run(_, jobs, on_answer)
        for i, job in ipairs(jobs) do
            block = block + 1
            local at = (block - 1) % #speeds + 1
            local runs = {}
            for k, conf in ipairs(job.confs) do
                local figures, why = measure { settings = space.parse(conf) }
                runs[k] = figures and { time = figures.time * speeds[at], rss = figures.rss * speeds[at], seconds = 1 }
                    or { rejected = why }
            end
            if block ~= lost then
                on_answer(i, { host = "h" .. at, runs = runs })
            end
        end
        return true
    end
    function pool.count() return #speeds end
    function pool.complaint() return "a host was lost" end
    return pool
end

local function searched_on(world, speeds, lost)
    local job = require("lunalloc.tune.hosts").job { pool = fake_pool(world, speeds, lost), subject = "command",
        values = {}, bases = {}, ready = {} }
    return search.run { measure = function(entry) return job.run(entry.conf) end, ahead = job.ahead,
        arms = space.arms "rss", objective = "rss", limits = { LIMIT.rss }, least = 0.01 }
end

test("hosts of different speed: the best setting is found and confirmed, within each host", function()
    local effects = { ["dirty_max:4M"] = { rss = 0.9, time = 1.005 } }
    local good = 0
    for seed = 1, 10 do
        local world = { effects = effects, seed = seed, noise = { rss = 0.002, time = 0.005 } }
        local found = searched_on(world, { 1.0, 3.7, 0.4 })
        good = good + (found.verdict == "better" and found.winner.conf == "dirty_max:4M" and 1 or 0)
        for i, figures in ipairs(found.confirmations[1] and found.confirmations[1].runs or {}) do
            test.equal(figures.host, found.confirmations[1].base_runs[i].host)
        end
    end
    test.equal(good >= 9, true, good .. " of 10")
end)

test("hosts without a difference: keep the defaults", function()
    for seed = 1, 10 do
        test.equal(searched_on({ seed = seed }, { 1.0, 2.0 }).verdict, search.KEEP)
    end
end)

test("a block that is lost loses its runs only", function()
    local world = { effects = { ["dirty_max:4M"] = { rss = 0.8 } } }
    for lost = 3, 14 do
        local found = searched_on(world, { 1.0, 2.0 }, lost)
        local fresh = found.confirmations[1] and #(found.confirmations[1].runs or {}) or 0
        test.equal(fresh >= 10 or found.by_conf["dirty_max:4M"].rejected ~= nil, true, "block " .. lost)
    end
end)

-- ---- the settings --------------------------------------------------------------------------------------------------

test("each option of the schema is either tunable or not, with a reason", function()
    local la = require "lunalloc"
    local seen = {}
    for name in la.names "^opt%." do
        local option = name:match "^opt%.(.*)$"
        local row = la.describe(name)
        seen[option] = true
        if row.access ~= "--" and row.applies ~= "unsupported" then
            local tunable, fixed = space.tunable[option], space.fixed[option]
            test.equal(not tunable, fixed ~= nil, option .. " is in one of the two tables")
            if tunable and option ~= "narenas" then
                local default = row.default == nil and "" or tostring(row.default)
                test.equal(default, tunable.default, option .. ": its default")
            end
            if tunable and tunable.live then
                test.equal(la.describe(tunable.live) ~= nil, true, tunable.live)
            end
        end
    end
    for _, set in ipairs { space.tunable, space.fixed } do
        for option in pairs(set) do
            test.equal(seen[option], true, option .. " is an option")
        end
    end
end)

test("every candidate is of tunable options, and has a value that is listed", function()
    for _, objective in ipairs { "rss", "time", "p99", "balanced" } do
        for _, settings in ipairs(space.arms(objective)) do
            for _, setting in ipairs(settings) do
                local known, listed = space.tunable[setting[1]], false
                for _, value in ipairs(known and known.values or {}) do
                    listed = listed or value == setting[2]
                end
                test.equal(listed, true, setting[1] .. ":" .. setting[2])
            end
        end
    end
    test.equal(#space.arms("rss", true) > 3, true)
end)

-- ---- la.tune itself ------------------------------------------------------------------------------------------------

local la = require "lunalloc"

test("mistakes raise at the caller's line", function()
    for pattern, options in pairs {
        ["what is to be tuned%?"] = {},
        ["unknown key 'comand'"] = { comand = "true" },
        ["either command or scenario"] = { command = "true", scenario = "nursery" },
        ["budget = 0: a time above 0"] = { command = "true", budget = 0 },
        ["runs = 3: a whole number from 8"] = { command = "true", runs = 3 },
        ["limit = 'fun%+1%%': METRIC%+SHARE"] = { command = "true", limit = "fun+1%" },
        ["space%[1%] = 'dirty_max': settings"] = { command = "true", space = { "dirty_max" } },
        ["command: a text for the shell"] = { command = { 1 } },
        ["trace = 7: the path of a trace"] = { trace = 7 },
    } do
        test.raises("tune_test.lua:%d+: tune: .*" .. pattern, function() la.tune(options) end)
    end
    test.raises("bad argument #1 to 'tune'", la.tune)
end)

local function is_tuned(name, what)
    local found = assert(la.tune { [name] = what, space = { "tcache_bytes:4096" }, runs = 8, limit = "none" })
    test.equal(found.baseline.runs >= 4, true)
    test.equal(found.baseline.rss.median > 1e5 and found.baseline.time.median < 1e-3, true, name)
    test.equal(found.entries[2].conf, "tcache_bytes:4096")
    test.match(tostring(found), "^tune: less rss, limit: none; ")
    test.match(found:tojson(), '"verdict"')
end

test("a workload is tuned", function()
    is_tuned("scenario", { threads = 1, ops = 30000, seed = 1, mix = { { size = "lognormal(256,1,4096)",
        lifetime = "exp(1000)" } } })
end)

test("a trace is tuned", function()
    local maker = "build/tests/replay/make_trace"
    local built <close> = io.open(maker)
    if not built then
        test.skip(maker .. " is not built")
    end
    local path = os.tmpname()
    local removed <close> = setmetatable({}, { __close = function() os.remove(path) end })
    assert(os.execute(maker .. " " .. path .. " 20000 2"))
    is_tuned("trace", path)
end)

test("processor time is counted finely", function()
    local core = require "lunalloc.core"
    local own = core.child.identity()
    local _, _, start = core.tree(own)
    local now = start
    repeat
        _, _, now = core.tree(own)
    until now > start
    test.equal(now - start < 0.005, true, now - start)
    test.equal(math.abs(now - core.cpu(own)) < 0.1, true, "core.cpu")
    test.equal(core.cpu(4194304), nil)
end)

test("what a run tells: of the whole tree, or of processes of one name", function()
    local library = os.getenv "LUNALLOC_SO" or "build/liblunalloc.so"
    local job = require("lunalloc.tune.trial").command { library = library, timeout = 60, settle = 0.05,
        argv = { "sh", "-c", "echo time 7 >$LUNALLOC_FIGURES; echo p99 0.5 >$LUNALLOC_FIGURES; sleep 0.1; sleep 0.1" } }
    local figures = assert(job.run "")
    test.equal(figures.time .. " " .. figures.p99, "7 0.5")
    test.equal(figures.seconds >= 0.2 and figures.seconds < 30, true, "seconds")
    test.equal(figures.rss == figures.settled and figures.rss <= figures.peak and figures.mean <= figures.peak, true)
    job.measure = "sleep"
    local one = assert(job.run "narenas:1")
    test.equal(one.rss < figures.rss, true, "sleep alone")
    test.equal(select(2, job.run "no_such_option:1"), "refused: LUNALLOC_CONF: 'no_such_option' is no option")
end)
