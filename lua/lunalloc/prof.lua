--- The sampling heap profiler: which code allocated the blocks that are live.
---
---     la.prof.start{ lg_sample = 19 }    la.prof.stop()
---     la.prof.top{ by = "stack", min_age = "10s", n = 10 }
---     la.prof.dump "heap.pb.gz"          la.prof.pprof()     la.prof.reset()

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local collapsed = require "lunalloc.collapsed"
local samples = require "lunalloc.samples"
local units = require "lunalloc.units"
local naming = require "lunalloc.naming"
local host = require "lunalloc.host"

local io, os = host.io, host.os

--- Nanoseconds, from seconds or a text such as "500ms", "10s", "2m".
local function check_age(age)
    local ns = units.time(age)
    if not ns then
        error(("prof.top: min_age is a number of %s, not %s"):format(units.ACCEPTED.time, check.shown(age)), 3)
    end
    return ns
end

--- The names of the functions of a stack.
local function symbols(backend, stack)
    local names = {}
    for i, address in ipairs(stack) do
        names[i] = backend.symbol(address)
    end
    return names
end

--- The names of the stacks of all groups. Names are looked up for these only: with line numbers that takes long.
local function named(groups)
    for _, group in ipairs(groups) do
        local _ = group.stack
    end
    return groups
end

local function check_options(options, allowed, what)
    if type(options) ~= "table" then
        error(("prof.%s: a table of options expected, got %s"):format(what, type(options)), 3)
    end
    for name in pairs(options) do
        if not allowed[name] then
            error(("prof.%s: no option %s"):format(what, check.shown(name)), 3)
        end
    end
end

--- True of nil, and of a value that can be a binary logarithm of bytes. The allocator checks its range.
local function is_rate(lg_sample)
    return lg_sample == nil or type(lg_sample) ~= "boolean" and check.is_value(lg_sample)
end

local function check_rate(lg_sample)
    if not is_rate(lg_sample) then
        error(("prof.start: lg_sample is a whole number, not %s"):format(check.shown(lg_sample)), 3)
    end
end

local function check_lua(lua, backend)
    if lua ~= nil and type(lua) ~= "boolean" then
        error(("prof.start: lua is true or false, not %s"):format(check.shown(lua)), 3)
    elseif lua and not backend.frames_start then
        error("prof.start: lua = true is for the Lua state that calls it: call it in the process itself", 3)
    end
end

local function check_count(n)
    if n ~= nil and not (math.type(n) == "integer" and n >= 0) then
        error(("prof.top: n is a whole number, 0 or more, not %s"):format(check.shown(n)), 3)
    end
end

local function check_grouping(by)
    if not samples.is_grouping(by) then
        error(("prof.top: by is one of %s, not %s"):format(table.concat(samples.GROUPINGS, ", "),
            check.shown(by)), 3)
    end
end

--- The names of the interpreter's functions in the stacks, by their words; addresses of code are named by pprof.
local function interpreted(stacks, backend)
    local names = {}
    for _, stack in ipairs(stacks) do
        for _, address in ipairs(stack[1]) do
            if address < 0 and not names[address] then
                names[address] = backend.symbol(address)
            end
        end
    end
    return names
end

--- The mappings of a process, "self" or a pid, as the system lists them; "" if it does not.
local function mappings_of(process)
    local file <close> = io.open(("/proc/%s/maps"):format(process))
    return file and file:read("a") or ""
end

local prof = {}

--- Adds the functions to `api`.
function prof.install(api, backend)
    api.prof = {}
    if backend == core then
        backend = setmetatable({ symbol = naming.own(core.symbol) }, { __index = core })
    end

    --- Forgets all samples; lg_sample sets the rate: one in 2^lg_sample bytes.
    function api.prof.reset(lg_sample)
        check.that(is_rate(lg_sample), "prof.reset", 1, ("a whole number expected, got %s"):format(
            check.shown(lg_sample)))
        return backend.set("prof.reset", lg_sample)
    end

    --- Forgets all samples and begins to sample. lua = true: the functions and lines of this Lua state are seen in the
    --- stacks of what it allocates, until stop() is called in it.
    function api.prof.start(options)
        options = options == nil and {} or check.plain(options)
        check_options(options, { lg_sample = true, lua = true }, "start")
        check_lua(options.lua, backend)
        check_rate(options.lg_sample)
        local ok, message, code = backend.set("prof.reset", options.lg_sample)
        if not ok then
            return nil, message, code
        end
        if options.lua then
            ok, message, code = core.frames_start()
            if not ok then
                return nil, message, code
            end
        end
        return backend.set("prof.active", true)
    end

    --- Stops sampling. Blocks that were sampled are still tracked until they are freed.
    function api.prof.stop()
        if backend.frames_stop then
            backend.frames_stop()
        end
        return backend.set("prof.active", false)
    end

    --- Writes a profile: text, or a protocol buffer if the path ends in ".pb"; a further ".gz" compresses it. Without a
    --- path the file gets a name with a number that counts up. The process whose profile it is writes it. But if the
    --- path ends in ".collapsed", the caller does: a line for each stack, as flame graphs are made of.
    function api.prof.dump(path)
        if path ~= nil then
            check.text(path, "prof.dump", 1, "a path")
            if path:find "%.collapsed$" then
                return collapsed.dump(samples.new(api, backend), backend.symbol, path)
            end
        end
        return backend.set("prof.dump", path)
    end

    --- What each stack has allocated since the last reset, and what of it lives: an array, most bytes first, of
    --- { stack = names, innermost first, count =, bytes =, live_count =, live_bytes = }, estimates.
    function api.prof.stacks()
        return require("lunalloc.prof_stacks").of(backend)
    end

    --- The samples of live blocks: a query (lunalloc/samples.lua), which a `for` iterates over as tables: addr, size,
    --- szind, arena, tid, thread, time (ns), weight (how many blocks it stands for), stack (addresses, innermost
    --- first).
    function api.prof.samples()
        return samples.new(api, backend)
    end

    --- The names of the functions at these addresses, as an array.
    function api.prof.symbols(addresses)
        check.table(addresses, "prof.symbols", 1, "an array of addresses")
        local list = check.plain(addresses)
        for i, address in ipairs(list) do
            check.that(math.type(address) == "integer", "prof.symbols", 1,
                ("addresses are integers; [%d] is %s"):format(i, check.shown(address)))
        end
        return symbols(backend, list)
    end

    --- Groups of live blocks, most bytes first: { samples=, objects=, bytes=, oldest= }, and the field that they share.
    function api.prof.top(options)
        options = options == nil and {} or check.plain(options)
        check_options(options, { by = true, min_age = true, n = true }, "top")
        local by = options.by == nil and "stack" or options.by
        check_grouping(by)
        check_count(options.n)
        local min_age = options.min_age ~= nil and check_age(options.min_age) or 0
        local query = samples.new(api, backend)
        local groups, message, code = (min_age > 0 and query:old(min_age / 1e9) or query):by(by)
        if not groups then
            return nil, message, code
        end
        return named(groups:top(options.n))
    end

    --- The profile of live blocks as pprof's protocol buffer: a string. Unlike dump(), it writes no file.
    function api.prof.pprof()
        local active, message, code = backend.get "prof.active"
        if active == nil then
            return nil, message, code
        end
        local stacks
        stacks, message, code = samples.stacks(samples.new(api, backend))
        if not stacks then
            return nil, message, code
        end
        if not active and #stacks == 0 then
            return nil, "prof.pprof: nothing is sampled: the profiler is off, and prof.start() switches it on", "EAGAIN"
        end
        local lg_sample = check.sent(backend.get "prof.lg_sample", 0, 62)
        return core.pprof(stacks, mappings_of(api.pid or "self"), 1 << lg_sample, os.time() * 1000000000,
            interpreted(stacks, backend))
    end
end

return prof
