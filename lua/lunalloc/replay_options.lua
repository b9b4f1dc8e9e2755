--- The options of la.replay, read and checked.
---
---     local wanted, variant = options.read(table)     raises one line for a mistake
---
--- wanted: trace, speed (0: as fast as possible), touch, lossy, sample, interval and timeout (seconds, or nil),
--- on_progress. variant: as compare_variants.lua has them.

local check = require "lunalloc.check"
local units = require "lunalloc.units"
local variants = require "lunalloc.compare_variants"

local shown = check.shown

local options_of = {}

local KEYS <const> = { trace = true, allocator = true, conf = true, env = true, speed = true, lossy = true,
    touch = true, sample = true, interval = true, timeout = true, on_progress = true }
local TOUCHES <const> = { pages = true, all = true, none = true, verify = true }

local function fail(format, ...)
    error("replay: " .. format:format(...), 0)
end

local function read_speed(value)
    if value == nil or value == "real" then
        return 1
    elseif value == "max" then
        return 0
    end
    local number = tonumber(value)
    return number and number > 0 and number <= 1e6 and number
        or fail("speed = %s: \"real\", \"max\", or how many times as fast, expected", shown(value))
end

local function read_time(value, name, default)
    if value == nil then
        return default
    end
    local ns = units.time(value)
    return ns and ns > 0 and ns / 1e9 or fail("%s = %s: a time above 0 expected: %s", name, shown(value),
        units.ACCEPTED.time)
end

--- The library's path, if the allocator is one.
local function variant_of(options)
    local name = options.allocator
    if name ~= nil and type(name) ~= "string" then
        fail("allocator = %s: the name of one, or the path of its library, expected", shown(name))
    elseif options.conf ~= nil and name ~= nil and name ~= "lunalloc" then
        fail("conf: settings are lunalloc's; the allocator is %s (env sets variables for others)", shown(name))
    end
    local path = name and name:find("/", 1, true) and name or nil
    return { allocator = not path and (name or "lunalloc") or nil, preload = path, conf = options.conf,
        env = options.env, name = name or "lunalloc" }
end

local function check_options(options)
    for key in pairs(options) do
        if not KEYS[key] then
            fail("unknown key %s; allowed: %s", shown(key), table.concat(check.names(KEYS), ", "))
        end
    end
    if type(options.trace) ~= "string" or options.trace:find("\0", 1, true) then
        fail("trace = %s: the path of a trace expected", shown(options.trace))
    elseif options.touch ~= nil and not TOUCHES[options.touch] then
        fail("touch = %s: \"pages\", \"all\", \"none\" or \"verify\" expected", shown(options.touch))
    elseif options.lossy ~= nil and type(options.lossy) ~= "boolean" then
        fail("lossy = %s: true or false expected", shown(options.lossy))
    elseif options.on_progress ~= nil and type(options.on_progress) ~= "function" then
        fail("on_progress = %s: a function expected", shown(options.on_progress))
    end
end

local function read_sample(value)
    local n = units.count(value == nil and 16 or value)
    return n and n >= 1 and n <= 1e9 and n or fail("sample = %s: a whole number from 1 expected", shown(value))
end

--- The options with their defaults; raises one line for a mistake.
local function read_options(options)
    check_options(options)
    return { trace = options.trace, speed = read_speed(options.speed), touch = options.touch or "pages",
        lossy = options.lossy, sample = read_sample(options.sample),
        interval = read_time(options.interval, "interval", nil), timeout = read_time(options.timeout, "timeout", nil),
        on_progress = options.on_progress }
end

--- What is asked for, and the variant of an allocator.
function options_of.read(options)
    local plain = check.plain(options)
    local wanted = read_options(plain)
    local ok, variant = pcall(variants.checked, variant_of(plain))
    if not ok then
        error((tostring(variant):gsub("^compare: ", "replay: ")), 0)
    end
    return wanted, variant
end

return options_of
