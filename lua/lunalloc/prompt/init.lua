--- The prompt of the console: its text, its results and its commands. console/repl.c reads inputs and calls the rest.
---
---     require("lunalloc.prompt").use(target)
---
--- makes the target the global `t`, and what the commands and the text before the cursor are about; use(nil) returns to
--- this process.
---
--- The parts: dot.lua has the commands, locals.lua carries local variables over, pager.lua shows long texts.

local errors = require "lunalloc.errors"
local locals = require "lunalloc.prompt.locals"
local show = require "lunalloc.show"
local suggest = require "lunalloc.suggest"

show.pager = require "lunalloc.prompt.pager"

local prompt = {}

suggest.is_lost = locals.is_lost

local number = 0    -- of the present input
local input = ""    -- its text
local target        -- what commands act on; nil: this process

-- ---- targets -------------------------------------------------------------------------------------------------------

--- Makes the target the global `t`, and the object of commands; nil: this process again.
function prompt.use(new)
    target = new
    rawset(_G, "t", new)
end

--- The table of functions that commands call: that of the target, or `la`.
function prompt.target()
    return target or require "lunalloc"
end

--- Is a target in use that is not this process?
function prompt.is_attached()
    return target ~= nil
end

--- Has the process that is attached to ended? A target that was closed is none.
function prompt.is_lost()
    if not target or target.closed then
        return false
    end
    local ok, alive, _, code = pcall(target.alive)
    return ok and alive == nil and code == "ESRCH"
end

-- ---- the text before the cursor ------------------------------------------------------------------------------------

--- "71M", "1.2G" from bytes.
local function short_size(bytes)
    local units = { "K", "M", "G", "T" }
    local size, i = bytes / 1024, 1
    while size >= 1000 and i < #units do
        size, i = size / 1024, i + 1
    end
    return (size < 9.95 and i > 2 and "%.1f%s" or "%.0f%s"):format(size, units[i])
end

--- The resident memory of a process in bytes; nil if it cannot be read.
local function resident(pid)
    local file = io.open(("/proc/%s/status"):format(pid))
    local kib = file and file:read "a":match "\nVmRSS:%s*(%d+)"
    if file then
        file:close()
    end
    return kib and tonumber(kib) * 1024
end

--- " 71M", or " lost" of a target that has ended; a core file has its way only.
local function target_state()
    if target.way == "core" then
        return " core"
    end
    local ok, alive = pcall(target.alive)
    if not ok or not alive then
        return " lost"
    end
    local bytes = resident(target.pid)
    return bytes and " " .. short_size(bytes) or ""
end

local function own_state()
    if not package.loaded["lunalloc.workload"] then
        return ""
    end
    local count = #require("lunalloc.running").list()
    local bytes = count > 0 and resident "self"
    return bytes and ("[%dw %s]"):format(count, short_size(bytes)) or ""
end

--- The text before the cursor: "lunalloc> ", "lunalloc[2w 69M]> " while two workloads run, "redis-server:4242 71M> "
--- attached to that process.
function prompt.text()
    if not target then
        return "lunalloc" .. own_state() .. "> "
    end
    local name = tostring(target.name or "?"):gsub("[^%g]", "?"):sub(1, 32)
    return ("%s:%s%s> "):format(name, target.pid or "?", target_state())
end

-- ---- an input ------------------------------------------------------------------------------------------------------

local function chunk_name()
    return ("=input %d"):format(number)
end

--- Begins an input of this text, which may be a part of the one that was typed.
function prompt.begin(text)
    number, input = number + 1, text
    errors.current = ("input %d"):format(number)
    errors.remember(chunk_name(), text)
end

--- Compiles a piece of the input: a function; nil and a message. The local variables that the piece sees are found when
--- the function is called: the pieces before it may declare them.
function prompt.load(text)
    local good, message = load(text, chunk_name(), "t")
    if not good then
        return nil, message
    end
    local name = chunk_name()
    return function()
        local chunk, complaint = locals.load(text, name)
        if not chunk then
            error(complaint, 0)
        end
        return chunk()
    end
end

--- The message about an input that does not compile, with its line.
function prompt.explain(message)
    return errors.syntax(message)
end

local MAX_ITERATED <const> = 40 -- extents of a loop that was not written

--- The extents of la.extents(), whose values are an iterator and its walker, as an array, and whether there are more;
--- nil of other values.
local function iterated(iterator, walker)
    local meta = type(iterator) == "function" and type(walker) == "userdata" and getmetatable(walker)
    if not meta or meta.__name ~= "lunalloc.walker" then
        return nil
    end
    local rows, extent = {}, {}
    local more = walker:fill(extent)
    while more and #rows < MAX_ITERATED do
        rows[#rows + 1], extent = extent, {}
        more = walker:fill(extent)
    end
    walker:close()
    return rows, more
end

local function remark(text)
    io.stdout:flush()
    io.stderr:write("(", text, ")\n")
end

--- Prints the results of an expression. The first one becomes the global `_`.
function prompt.print(...)
    local first, second = ...
    local rows, more = iterated(first, second)
    if rows then
        prompt.print(rows)
        return more and remark "there are more: write a loop, or la.extents_summary{}"
    end
    if first ~= nil then
        rawset(_G, "_", first)
    end
    show.print(...)
    if first == nil and select("#", ...) == 1 then
        local hint = suggest.for_nil(input, locals.scope())
        if hint then
            remark(hint)
        end
    end
end

-- ---- commands ------------------------------------------------------------------------------------------------------

--- Evaluates a text as an input: an expression, statements or a command. Returns its values; raises its errors.
function prompt.evaluate(text)
    if text:find "^%.%a" then
        return require("lunalloc.prompt.dot").call(text)
    end
    if text ~= input then
        prompt.begin(text)
    end
    text = text:gsub("^%s*=", "")
    local chunk, unfinished = prompt.load("return " .. text)
    local message
    if not chunk then
        chunk, message = prompt.load(text)
    end
    if not chunk then
        error(errors.syntax(unfinished:find "<eof>$" and unfinished or message), 0)
    end
    return chunk()
end

--- Runs a command line, such as ".stats", "?word" or "quit". Returns whether it succeeded, and whether the prompt ends.
function prompt.command(line)
    return require("lunalloc.prompt.dot").run(line)
end

return prompt
