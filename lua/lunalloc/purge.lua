--- Gives back all memory that a process can do without: la.purge{...}.
---
---     1. every thread is asked to empty its cache, and those that hold something are waited for, at most `timeout`
---     2. free pages of slabs that are in part use, then all dirty and muzzy pages, are given back
---     3. with `all`: address ranges that hold nothing, too
---
--- A thread that sleeps keeps its cache until its next call; the result names it, with the bytes that it keeps.

local check = require "lunalloc.check"
local threads = require "lunalloc.threads"
local units = require "lunalloc.units"
local io = require("lunalloc.host").io

local KEYS <const> = { all = true, timeout = true }
local ALL_ARENAS <const> = { "arena.4096.purge_slabs", "arena.4096.purge" }

local Result = { __name = "lunalloc.purge" }

local function list_silent(lines, silent)
    for _, thread in ipairs(silent) do
        lines[#lines + 1] = ("  thread %d (%s) sleeps and keeps %s in its cache"):format(thread.tid, thread.name,
            units.human(thread.cached))
    end
end

function Result:__tostring()
    local lines = {}
    if self.freed then
        lines[1] = ("RSS %s before, %s after: %s %s"):format(units.human(self.before.rss), units.human(self.after.rss),
            units.human(math.abs(self.freed)), self.freed >= 0 and "given back" or "more than before")
    else
        lines[1] = "purged; the system does not tell RSS"
    end
    list_silent(lines, self.threads_silent)
    return table.concat(lines, "\n")
end

--- RSS of the process in bytes; nil if the system does not tell.
local function read_rss(api, backend)
    local file <close> = io.open(("/proc/%s/statm"):format(api.pid or "self"))
    local pages = file and select(2, file:read("n", "n"))
    local page = pages and backend.get "arenas.page"
    page = check.sent(page, nil, 1 << 20)
    return page and pages * page
end

--- Threads that still have to empty a cache.
local function silent_of(list)
    local silent = {}
    for _, thread in ipairs(list) do
        if thread.behind and thread.cached > 0 then
            silent[#silent + 1] = { tid = thread.tid, name = thread.name, cached = thread.cached }
        end
    end
    table.sort(silent, function(a, b) return a.cached > b.cached end)
    return silent
end

--- Those that do not answer, and the seconds that were waited; nil, message, code.
local function flush_all(backend, seconds)
    local done, message, code = backend.set "arenas.tcache_flush"
    if not done then
        return nil, message, code
    end
    local list, waited
    list, waited, code = threads.wait(backend, seconds, function(now) return #silent_of(now) > 0 end)
    if not list then
        return nil, waited, code
    end
    return silent_of(list), waited
end

local function act(backend, names)
    for _, name in ipairs(names) do
        local done, message, code = backend.set(name)
        if not done then
            return nil, message, code
        end
    end
    return true
end

local function purge(api, backend, seconds, all)
    local result = { before = { rss = read_rss(api, backend) }, after = {} }
    local waited, done, message, code
    result.threads_silent, waited, code = flush_all(backend, seconds)
    if not result.threads_silent then
        return nil, waited, code
    end
    result.waited = waited
    done, message, code = act(backend, ALL_ARENAS)
    if done and all then
        done, message, code = act(backend, { "arenas.release" })
    end
    if not done then
        return nil, message, code
    end
    result.after.rss = read_rss(api, backend)
    result.freed = result.before.rss and result.after.rss and result.before.rss - result.after.rss
    return setmetatable(result, Result)
end

local part = {}

function part.install(api, backend)
    function api.purge(options)
        check.that(options == nil or type(options) == "table", "purge", 1, "{all=, timeout=} expected")
        options = options or {}
        for key in pairs(options) do
            check.that(KEYS[key], "purge", 1, ("unknown option %s; known: all timeout"):format(check.shown(key)))
        end
        local seconds = threads.seconds(options.timeout, 1)
        check.that(seconds, "purge", 1, "timeout: a time expected: " .. units.ACCEPTED.time)
        return purge(api, backend, seconds, options.all)
    end
end

return part
