--- `lunalloc top`: where the memory of processes is, live; and la.top() of the console.
---
---     top({ t, ... }, { interval = 1, once = false, json = false, count = nil, plain = false })    an exit status
---
--- Each target is a table such as `la`. On a terminal it is a full screen; elsewhere, on a dumb terminal, and where the
--- console was built without ncurses, a line for each target every interval. The parts are in lunalloc/top/: sample
--- reads a target, model keeps figures and rates, view makes the picture, keys changes it, screen and plain show it.

local model = require "lunalloc.top.model"
local plain = require "lunalloc.top.plain"

local ALL <const> = { threads = true, stacks = true }
local HEAD_EVERY <const> = 20 -- lines
local ONCE_SECONDS <const> = 0.25 -- between the two samples that rates need

local function console()
    return require "lunalloc.console"
end

local function lost_message(m)
    for _, row in ipairs(m.rows) do
        if row.state == "lost" then
            io.stderr:write(("lunalloc: %s has ended\n"):format(row.pid and row.name .. ":" .. row.pid or row.name))
        end
    end
end

--- Prints what `text` makes of a sample, every interval, `count` times or until all targets are lost.
local function repeated(m, options, wanted, text)
    local due, n = console().clock(), 0
    repeat
        m:sample(console().clock(), wanted)
        n = n + 1
        print(text(m, n))
        io.stdout:flush()
        if m:all_lost() then
            return 2
        end
        due = due + options.interval
        console().sleep(n ~= options.count and math.max(0, due - console().clock()) or 0)
    until n == options.count
    return 0
end

local function lines(m, options)
    local every = math.max(1, HEAD_EVERY // #m.rows)
    return repeated(m, options, {}, function(_, n)
        return plain.line(m, console().width(), n % every == 1 or every == 1)
    end)
end

local function objects(m, options)
    local json = require("lunalloc.command").json
    return repeated(m, options, ALL, function()
        return json(plain.object(m, os.time()))
    end)
end

--- One table, or one object. The first sample is only for the rates.
local function once(m, options)
    m:sample(console().clock(), ALL)
    if not m:all_lost() then
        console().sleep(ONCE_SECONDS)
    end
    if options.json then
        return objects(m, { interval = 0, count = 1 })
    end
    m:sample(console().clock(), ALL)
    print(plain.whole(m, console().width()))
    return m:all_lost() and 2 or 0
end

--- The full screen; nil, message, code if there can be none.
local function on_screen(m, options)
    local full = require "lunalloc.top.screen"
    local status, message, code = full.run(m, options.interval)
    if status == 2 then
        print(plain.whole(m, console().width()))
    end
    return status, message, code
end

--- On a terminal the reason why there is no full screen is said, unless it is dumb.
local function fallback(m, options, message, code)
    if code == "ENOSYS" then
        io.stderr:write("lunalloc: ", message, "; a table instead\n")
    end
    return lines(m, options)
end

local function run(m, options)
    if options.once then
        return once(m, options)
    elseif options.json then
        return objects(m, options)
    elseif options.plain or options.count then
        return lines(m, options)
    end
    local status, message, code = on_screen(m, options)
    return status or fallback(m, options, message, code)
end

return function(targets, options)
    options = options or {}
    options.interval = options.interval or 1
    local m = model.new(targets, { interval = options.interval })
    local status = run(m, options)
    lost_message(m)
    return status
end
