--- Runs a Lua script in a child process, with an allocator preloaded and settings of its own, and gets its result.
---
---     local child = require "lunalloc.child"
---     local done, message, code = child.run{ script = "load.lua", preload = "/usr/lib/.../libjemalloc.so.2" }
---     print(done.ok, done.value, done.seconds, done.max_rss)
---
--- The parts of a comparison and of a test run so: each starts on a fresh heap, and one that crashes or hangs ends
--- alone. No process and no descriptor is left, also after an error or Ctrl-C.
---
--- The child runs lunalloc/child_main.lua, which runs the script. The script's first value goes back as JSON, or what
--- it passes to child.reply(): tables, numbers, booleans, and texts (in UTF-8; a control character becomes a
--- blank). Its output goes to the result, not to the terminal.

local core = require "lunalloc.core"
local json = require "lunalloc.json"

local child = {}

-- C waits in slices of so many seconds. Between them Lua code runs, and with it the hook that Ctrl-C sets.
local SLICE <const> = 0.05
local MOST <const> = 1 << 20    -- bytes of output and of messages that are kept: the last ones
local LONGEST <const> = 1 << 26 -- bytes of a reply

--- In a child that run() has started: true. reply() then reaches the parent.
child.is_child = false

-- ---- the interpreter -----------------------------------------------------------------------------------------------

local function base_name(path)
    return path:match "[^/]*$"
end

local function is_readable(path)
    local file <close> = io.open(path)
    return file ~= nil
end

--- The path of a program of that name in PATH; nil if there is none.
function child.in_path(name)
    for folder in (os.getenv "PATH" or "/usr/bin:/bin"):gmatch "[^:]+" do
        if is_readable(folder .. "/" .. name) then
            return folder .. "/" .. name
        end
    end
end

--- The program that runs scripts: this process's, if it is Lua's own interpreter, else the one of this version in
--- PATH, else the console, if this is it. Returns its path, and true if it is the console, which is linked with the
--- allocator; nil, message, code if there is none.
function child.interpreter()
    local _, own = core.child.identity()
    local stock = _VERSION:lower():gsub(" ", "") -- "lua5.4"
    if own and base_name(own):find "^lua%d*%.?%d*$" then
        return own, false
    end
    local found = child.in_path(stock)
    if found then
        return found, false
    elseif own and base_name(own) == "lunalloc" then
        return own, true
    end
    return nil, ("no interpreter to run scripts with: %s is not in PATH (Debian: package %s)"):format(stock, stock),
        "ENOENT"
end

-- ---- the start -----------------------------------------------------------------------------------------------------

-- What the child finds in its environment besides the caller's changes: the module from where it is in this process, no
-- other preloaded library, and nothing that runs before the script.
local function environment(options)
    local parent = core.child.identity()
    local changes = {
        LUA_PATH = package.path, LUA_CPATH = package.cpath, LUA_PATH_5_4 = false, LUA_CPATH_5_4 = false,
        LUA_PATH_5_5 = false, LUA_CPATH_5_5 = false, LUA_INIT = false, LUA_INIT_5_4 = false, LUA_INIT_5_5 = false,
        LUNALLOC_CHILD = tostring(parent), LD_PRELOAD = options.preload or false,
    }
    if options.conf ~= nil then
        changes.LUNALLOC_CONF = options.conf
    end
    for name, value in pairs(options.env or {}) do
        changes[name] = value
    end
    return changes
end

-- The child's process; nil, message, code.
local function start(options)
    local interpreter, message, code = options.interpreter, nil, nil
    if not interpreter then
        interpreter, message, code = child.interpreter()
    end
    local main = package.searchpath("lunalloc.child_main", package.path)
    if not interpreter or not main then
        return nil, message or "lunalloc/child_main.lua is not in package.path", code or "ENOENT"
    end
    local argv = { interpreter, main, options.script, table.unpack(options.args or {}) }
    return core.child.spawn(argv, environment(options), options.input)
end

-- ---- what it says --------------------------------------------------------------------------------------------------

-- Appends a piece, and keeps the last `most` bytes or more.
local function append(parts, piece, most)
    if piece then
        parts[#parts + 1], parts.size = piece, parts.size + #piece
        if parts.size > 2 * most then
            local text = table.concat(parts):sub(-most)
            for i = #parts, 2, -1 do
                parts[i] = nil
            end
            parts[1], parts.size = text, #text
        end
    end
end

-- One message of the child; what is no JSON is dropped.
local function take_message(state, text, on_message)
    local message = json.decode(text)
    if type(message) == "table" then
        if message.progress ~= nil and on_message then
            on_message(message.progress)
        end
        state.value = message.value ~= nil and message.value or state.value
        state.error = message.error or state.error
        state.peak = math.type(message.peak) and message.peak or state.peak
    end
end

-- Takes the messages that a piece completes; a zero byte ends each.
local function take_messages(state, piece, on_message)
    local at = 1
    for stop in piece:gmatch "()\0" do
        append(state.pending, piece:sub(at, stop - 1), LONGEST)
        take_message(state, table.concat(state.pending), on_message)
        state.pending, at = { size = 0 }, stop + 1
    end
    append(state.pending, piece:sub(at), LONGEST)
end

-- Reads until the child has ended, or `timeout` seconds are over: true if it has ended.
local function follow(process, state, timeout, options)
    local deadline = core.child.clock() + timeout
    while true do
        local over, out, err, reply = process:step(SLICE)
        append(state.out, out, MOST)
        append(state.err, err, MOST)
        if reply then
            take_messages(state, reply, options.on_message)
        end
        if options.on_wait then
            options.on_wait()
        end
        state.seen = math.max(state.seen, process:pid() and select(2, core.tree(process:pid())) or 0)
        if over or core.child.clock() > deadline then
            return over
        end
    end
end

-- ---- its memory ----------------------------------------------------------------------------------------------------

--- The most that this process has had resident since it runs its program: bytes, 0 if unknown.
function child.own_peak()
    local file <close> = io.open "/proc/self/status"
    local text = file and file:read "a" or ""
    return (tonumber(text:match "VmHWM:%s*(%d+)") or 0) * 1024
end

--- The peak of one process of those that wait4 tells of. A child inherits its parent's peak as the least value of its
--- own ru_maxrss, so a value up to `floor`, the parent's, says nothing: then it is the largest of the others.
function child.peak_of(max_rss, floor, ...)
    local others = math.max(0, ...)
    return max_rss and max_rss > floor and math.max(max_rss, others) or others
end

-- ---- the result ----------------------------------------------------------------------------------------------------

local function last_line(text)
    return text:match "([^\n]*%S[^\n]*)%s*$"
end

-- One line on why the child failed; nil if it did not.
local function problem_of(done, state, timeout)
    if done.timed_out then
        return ("no end within %g s: it was stopped"):format(timeout)
    elseif state.error then
        return state.error
    elseif done.signal then
        return ("ended by signal %d (%s)"):format(done.signal, done.reason)
    elseif done.status and done.status ~= 0 then
        local said = last_line(done.err)
        return ("exit status %d%s"):format(done.status, said and ": " .. said or "")
    end
end

local function text_of(parts)
    return table.concat(parts):sub(-MOST)
end

--- Runs a script to its end. Options:
---   script       its path                        args     an array of texts, its arguments
---   preload      LD_PRELOAD of the child: the path of an allocator's library; left out, nothing is preloaded
---   conf         LUNALLOC_CONF, else this process's
---   env          further changes: { NAME = text, or false to remove it }
---   timeout      seconds (an hour)               input    text for its standard input, which is else empty
---   interpreter  a path (child.interpreter())    on_message  function(value): called for each child.progress(value)
---   on_wait      function(): called several times a second
---
--- Returns a table: ok (it ended by itself with status 0), problem (else, one line), value (what it returned or
--- replied), out, err (texts), status or signal, timed_out, and what wait4 tells of it and what it has waited for:
--- seconds, user, system (seconds), max_rss (bytes, the largest peak of one process), minor_faults, major_faults.
--- Returns nil, message, code if the child cannot be started.
function child.run(options)
    local process, message, code = start(options)
    if not process then
        return nil, message, code
    end
    local guard <close> = process
    local timeout = options.timeout or 3600
    local state = { out = { size = 0 }, err = { size = 0 }, pending = { size = 0 }, seen = 0 }
    local floor = child.own_peak()
    local ended = follow(process, state, timeout, options)
    process:kill()
    local done = process:finish()
    done.timed_out = not ended
    done.max_rss = done.max_rss and child.peak_of(done.max_rss, floor, state.seen, state.peak or 0)
    done.out, done.err, done.value = text_of(state.out), text_of(state.err), state.value
    done.problem = problem_of(done, state, timeout)
    done.ok = done.problem == nil
    return done
end

-- ---- in the child --------------------------------------------------------------------------------------------------

-- A copy that JSON can hold: objects that enumerate themselves become tables; functions and the like, and numbers that
-- JSON lacks, are left out; keys become texts, except those of an array.
local function plain(value, depth)
    local kind = type(value)
    if kind == "number" then
        return value == value and value > -math.huge and value < math.huge and value or nil
    elseif kind == "string" or kind == "boolean" then
        return value
    elseif kind ~= "table" and not (kind == "userdata" and (getmetatable(value) or {}).__pairs) or depth > 20 then
        return nil
    end
    local copy, array = {}, kind == "table" and #value > 0 and next(value, #value) == nil
    for key, field in pairs(value) do
        copy[array and key or tostring(key)] = plain(field, depth + 1)
    end
    return copy
end

--- A copy of a value that core.json() can write.
function child.plain(value)
    return plain(value, 0)
end

local function send(message)
    if child.is_child then
        return core.child.reply(core.json(plain(message, 0)) .. "\0")
    end
    return false
end

--- Sends a value to the parent, of which it is the result; the last one counts. False if this is no child.
function child.reply(value)
    return send { value = value }
end

--- Sends a value to the parent, which passes it to its on_message.
function child.progress(value)
    return send { progress = value }
end

--- Tells the parent the peak of this process.
function child.report_peak()
    return send { peak = child.own_peak() }
end

--- Tells the parent why this process fails: one line.
function child.fail(why)
    return send { error = why }
end

return child
