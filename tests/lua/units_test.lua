-- One grammar of quantities: each spelled value means the same wherever one of its kind is taken, and what is no
-- quantity is refused everywhere, with a message that says what is accepted.

local test = ...
local la = require "lunalloc"
local core = require "lunalloc.core"
local units = require "lunalloc.units"
local spec = require "lunalloc.workload_spec"

local DECAY <const>, DIRTY_MAX <const> = "arena.0.dirty_decay_ms", "arena.0.dirty_max"

local function description(changes)
    local whole = { ops = 1, mix = { { size = 64, lifetime = 1 } } }
    for key, value in pairs(changes) do
        whole[key] = value
    end
    return whole
end

--- What the control is once it was set to the value; it is put back.
local function set_and_get(name, value)
    local old = assert(la.get(name))
    assert(la.set(name, value))
    local new = la.get(name)
    assert(la.set(name, old))
    return new
end

local function with_and_get(name, value)
    local _ <close> = assert(la.with { [name] = value })
    return la.get(name)
end

--- What an arena that is created with the setting has.
local function create_and_get(key, value)
    local arena = assert(la.arena.create { [key] = value })
    local new = la.get(("arena.%d.%s"):format(arena.index, key))
    assert(arena:destroy())
    return new
end

local function limit_of(name, value)
    local _, _, limits = spec.compile(description { limits = { [name] = value } })
    return limits[1].limit
end

--- What a process has that starts with the setting.
local function conf_and_get(name, value)
    local script = ([[io.write(tostring(require "lunalloc".get "opt.%s"))]]):format(name)
    local command = ("LUNALLOC_CONF='%s:%s' LD_PRELOAD='%s' lua5.4 -e '%s' 2>&1"):format(name, value,
        os.getenv "LUNALLOC_SO", script)
    local pipe <close> = assert(io.popen(command))
    return math.tointeger(pipe:read "a")
end

-- Each takes a text and gives the quantity in bytes.
local SIZES <const> = {
    ["la.set"] = function(text) return set_and_get(DIRTY_MAX, text) end,
    ["la.with"] = function(text) return with_and_get(DIRTY_MAX, text) end,
    ["la.arena.create"] = function(text) return create_and_get("dirty_max", text) end,
    configuration = function(text) return conf_and_get("dirty_max", text) end,
    ["core.bytes"] = function(text) return assert(core.bytes(text)) end,
    ["la.buffer"] = function(text)
        local buffer <close> = assert(la.buffer(text))
        return buffer:size()
    end,
    ["units.size"] = function(text) return assert(units.size(text), "refused") end,
    ["workload's live_max"] = function(text) return spec.compile(description { live_max = text }).live_max end,
    ["workload's limit of peak_rss"] = function(text) return limit_of("peak_rss", text) end,
    ["workload's size"] = function(text)
        local w = assert(la.workload(description { mix = { { size = text, lifetime = 1 } } }))
        local fixed = assert(la.workload(description { mix = { { size = core.bytes(text), lifetime = 1 } } }))
        assert(w:info().expected_live == fixed:info().expected_live, "another size")
        return core.bytes(text)
    end,
}

-- Each takes a text and gives the quantity in ns.
local TIMES <const> = {
    ["la.set"] = function(text) return set_and_get(DECAY, text) * 1000000 end,
    ["la.with"] = function(text) return with_and_get(DECAY, text) * 1000000 end,
    ["la.arena.create"] = function(text) return create_and_get("dirty_decay_ms", text) * 1000000 end,
    configuration = function(text) return conf_and_get("dirty_decay_ms", text) * 1000000 end,
    ["units.time"] = function(text) return assert(units.time(text), "refused") end,
    ["workload's duration"] = function(text) return spec.compile(description { duration = text }).duration end,
    ["workload's interval"] = function(text) return spec.compile(description { interval = text }).interval end,
    ["workload's phase"] = function(text)
        return spec.compile(description { phases = { { at = text } } }).phases[1].at
    end,
    ["workload's limit"] = function(text) return limit_of("malloc.p99.9", text) end,
}

-- Each takes a text and gives a count.
local COUNTS <const> = {
    ["la.set"] = function(text) return set_and_get("arenas.tcache_nslots", text) end,
    ["units.count"] = function(text) return assert(units.count(text), "refused") end,
    ["workload's ops"] = function(text) return spec.compile(description { ops = text }).ops end,
    ["workload's sample"] = function(text) return spec.compile(description { sample = text }).sample end,
    ["workload's limit of failures"] = function(text) return limit_of("failures", text) end,
}

local RATES <const> = {
    ["units.rate"] = function(text) return assert(units.rate(text), "refused") end,
    ["workload's rate"] = function(text) return spec.compile(description { rate = text }).rate end,
    ["workload's phase"] = function(text)
        return spec.compile(description { phases = { { at = 1, rate = text } } }).phases[1].rate
    end,
    ["w:set"] = function(text) return spec.change({ rate = text }).rate end,
    ["workload's limit of ops_per_s"] = function(text) return limit_of("ops_per_s", text) end,
}

local function row_value(key)
    return function(text)
        return spec.compile(description { mix = { { size = 64, lifetime = 1, [key] = text } } }).mix[1][key]
    end
end

local RATIOS <const> = {
    ["units.ratio"] = function(text) return assert(units.ratio(text), "refused") end,
    ["workload's touch"] = row_value "touch",
    ["workload's zero"] = row_value "zero",
    ["workload's realloc"] = row_value "realloc",
    ["w:set's scale"] = function(text) return spec.change({ scale = text }).scale end,
    ["workload's limit of rss/live"] = function(text) return limit_of("rss/live", text) end,
}

local function each(entries, values)
    for where, read in pairs(entries) do
        for text, expected in pairs(values) do
            local ok, value = pcall(read, text)
            test.equal(ok and value or tostring(value), expected, where .. " of " .. text)
        end
    end
end

local function none(entries, texts)
    for where, read in pairs(entries) do
        for _, text in ipairs(texts) do
            local ok, value = pcall(read, text)
            test.equal(ok and value or nil, nil, where .. " of " .. text)
        end
    end
end

test("a size is spelled the same everywhere", function()
    each(SIZES, { ["65536"] = 65536, ["64K"] = 65536, ["64k"] = 65536, ["64 KiB"] = 65536, ["1.5M"] = 1572864,
        ["0x10000"] = 65536, ["1e6"] = 1000000, ["2MB"] = 2097152, [".5K"] = 512, ["0.1M"] = 104857 })
    none(SIZES, { "64Q", "K", "1s", "1.5", "--1", "1P", "" })
    test.equal(units.size "  64K ", 65536)
    test.equal(core.bytes "  64K ", 65536)
    test.equal(units.size "64K\0", nil)
    test.equal(units.count(1.5), nil)
    test.equal(select("#", core.quantity("rate", "-1")), 0)
end)

test("a time is spelled the same everywhere", function()
    each(TIMES, { ["250ms"] = 250000000, ["0.1s"] = 100000000, ["10s"] = 10000000000, ["2m"] = 120000000000,
        ["1min"] = 60000000000, ["1 h"] = 3600000000000, ["1d"] = 86400000000000, ["5000us"] = 5000000,
        ["7000000ns"] = 7000000, ["1.5S"] = 1500000000 })
    none(TIMES, { "10 parsecs", "s", "1K", "1.2.3s", "-5s", "" })
    test.equal(set_and_get(DECAY, "5us"), 1) -- never shorter than written
    test.equal(units.time "5us", 5000)
end)

test("a count, a rate and a ratio are spelled the same everywhere", function()
    each(COUNTS, { ["1k"] = 1000, ["2.5 K"] = 2500, ["7"] = 7, ["1e3"] = 1000, ["0.05k"] = 50 })
    test.equal(units.count "1.5M", 1500000)
    test.equal(units.count "2T", 2000000000000)
    none(COUNTS, { "50q", "k", "1.5", "1KiB", "1s", "" })
    each(RATES, { ["50k"] = 50000.0, ["1M"] = 1000000.0, ["2.5k/s"] = 2500.0, ["0.5"] = 0.5 })
    none(RATES, { "50q", "/s", "1s", "-1", "" })
    each(RATIOS, { ["75%"] = 0.75, ["0.5"] = 0.5, ["1e-1"] = 0.1 })
    none(RATIOS, { "75K", "%", "-1", "" })
end)

test("w:wait and prof.top take times", function()
    local w = assert(la.workload { duration = "forever", rate = "1k", mix = { { size = 64, lifetime = 1 } } })
    local _ <close> = assert(w:start())
    for _, text in ipairs { "0.01s", "10ms", "500us", "0", "0.001" } do
        test.equal(w:wait(text), false, text)
    end
    test.raises("a time expected: seconds, or a text such as", w.wait, w, "soon")
    test.raises("a time expected", w.wait, w, -1)
    w:stop()
    for _, text in ipairs { "1min", "1d", "5us", "0.1s", "0" } do
        test.equal(type(la.prof.top { min_age = text }), "table", text)
    end
end)

test("a refusal says what is accepted", function()
    test.fails("EINVAL", "allowed: .*, in ms or with ns, us, s, m, h or d", la.set(DECAY, "soon"))
    test.fails("EINVAL", "allowed: .*, with K, M, G or T for bytes", la.set(DIRTY_MAX, "much"))
    test.fails("EINVAL", "text such as 64K, 1.5M, 2G", la.buffer "much")
    for pattern, changes in pairs {
        ['rate = "fast": .*"50k"'] = { rate = "fast" }, ['ops = "many": .*"50k"'] = { ops = "many" },
        ['duration = "long": .*"10s", "250ms"'] = { duration = "long" },
        ['live_max = "much": .*"64K"'] = { live_max = "much" },
        ['mix%[1%]%.touch = "half": .*"75%%"'] = { mix = { { size = 1, lifetime = 1, touch = "half" } } },
    } do
        test.raises(pattern, la.workload, description(changes))
    end
end)

test("what is printed is read as the same", function()
    for _, number in ipairs { 0, 7, 1023, 1024, 65536, 1572864, 5 << 30, 1 << 40 } do
        local text = units.human(number)
        test.equal(math.abs(units.size(text) - number) <= number * 0.005, true, text)
    end
    for _, number in ipairs { 0, 999, 1000, 999700, 123456789, 5000000000, 1500000000000 } do
        local text = units.human_time(number)
        test.equal(text:find("e", 1, true), nil, text)
        test.equal(math.abs(units.time(text) - number) <= number * 0.005, true, text)
    end
    for _, number in ipairs { 0, 999, 1000, 12345, 999960, 123456789, 5000000000 } do
        local text = units.human_count(number)
        test.equal(math.abs(units.count(text) - number) <= number * 0.0005, true, text)
    end
end)
