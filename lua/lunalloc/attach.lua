--- Other processes: la.ps() lists those that run lunalloc, and la.attach(process) gives the public functions on one.
---
---     local t <close> = assert(la.attach "redis-server")
---     print(t.stats().active, t.ctl.arena[0].dirty_decay_ms)
---     t.set("arena.4096.purge")
---
--- A target has the functions of `la`, with the same results and errors, and besides:
---
---     t.pid  t.name    of the process;   t.way    how it is reached: "agent", "memory" (reading alone), "core", "self"
---     t.why            one line, if it is not the agent: why not;   t._VERSION    of its lunalloc
---     t.alive()        true; or nil, message, code once the process is gone
---     t.close()        also at the end of a scope: local t <close> = ...;   t.closed    true after that
---     t.consistent     false if the latest result is of a process that changed while it was read, also when it was
---                      read again; reading alone can meet that, an agent never does
---
--- Once the process is gone, each function fails with the code "ESRCH".

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local host = require "lunalloc.host"
local naming = require "lunalloc.naming"
local units = require "lunalloc.units"

local io = host.io

local ways = { "agent", "request", "memory" }
local way_exists = { agent = true, request = true, memory = true }
local MS <const> = 1000000 -- nanoseconds

-- ---- finding the process ----

--- The first line or bytes of a file of /proc; nil if it cannot be read.
local function read_proc(pid, name)
    local file <close> = io.open(("/proc/%d/%s"):format(pid, name))
    return file and file:read "a"
end

local function own_pid()
    local file <close> = io.open "/proc/self/stat"
    return file and file:read "n"
end

--- Its name as ps shows it, and as it was started, which may be longer.
local function names_of(pid)
    local comm, arguments = read_proc(pid, "comm"), read_proc(pid, "cmdline")
    return comm and comm:match "^[^\n]*", arguments and arguments:match("^[^\0]*"):match "[^/]*$"
end

--- The numbers of the other processes of that name, and all names.
local function named(name)
    local found, known = {}, {}
    local pids, message, code = core.processes()
    if not pids then
        return nil, message, code
    elseif not own_pid() then
        return nil, host.NO_IO .. ": give the number of the process", "ENOTSUP"
    end
    local own = own_pid()
    for _, pid in ipairs(pids) do
        local short, long = names_of(pid)
        if pid ~= own and (short == name or long == name) then
            found[#found + 1] = pid
        end
        known[#known + 1] = short
    end
    return found, known
end

--- Those of the processes that run lunalloc.
local function with_lunalloc(pids)
    local list = {}
    for _, pid in ipairs(pids) do
        local survey = core.survey(pid)
        if survey and survey.lunalloc then
            list[#list + 1] = pid
        end
    end
    return list
end

--- The process of that name; of several, the one that runs lunalloc.
local function find_named(name)
    local pids, known, code = named(name)
    if not pids then
        return nil, known, code
    elseif #pids == 0 then
        local near = core.nearest(name, known)
        return nil, ("no process is called %s%s"):format(check.shown(name),
            near and ("; did you mean '%s'?"):format(near) or ""), "ESRCH"
    end
    local candidates = #pids > 1 and with_lunalloc(pids) or pids
    if #candidates == 1 then
        return candidates[1]
    end
    table.sort(pids)
    return nil, ("%d processes are called %s, %d of them with lunalloc: give a number, of %s"):format(#pids,
        check.shown(name), #candidates, table.concat(#candidates > 0 and candidates or pids, ", ")), "EINVAL"
end

--- The number of the process that is meant; nil, message, code.
local function find_pid(what)
    local pid = math.tointeger(what) or what:match "^%d+$" and math.tointeger(tonumber(what))
    if not pid then
        return find_named(what)
    elseif pid <= 0 or pid > 0x7fffffff then
        return nil, ("there is no process %s"):format(what), "ESRCH"
    end
    return pid
end

-- ---- targets ----

local Target = { __name = "lunalloc.target" }

-- Target -> its handle.
local handles = setmetatable({}, { __mode = "k" })

function Target.__index(self, key)
    if key == "consistent" then
        return core.consistent(handles[self])
    end
end

function Target:__tostring()
    return ("%s:%s (%s)"):format(self.name, self.pid or "", self.way)
end

function Target:__close()
    self.close()
end

--- The public functions over a target of the core. `path`: that of a core file.
local function new_target(handle, known, path)
    local backend = core.backend(handle)
    backend.symbol = naming.new(backend.symbol, known.pid, path, backend.get)
    local t = require("lunalloc.api").new(backend)
    t.way = handle:way()
    for key, value in pairs(known) do
        t[key] = value
    end

    function t.alive()
        return handle:check()
    end

    function t.close()
        handle:close()
        t.closed = true
        return true
    end

    handles[t] = handle
    return setmetatable(t, Target)
end

--- This process itself.
local function new_self(pid)
    return new_target(core.target, { pid = pid, name = names_of(pid), _VERSION = "lunalloc " .. core.version })
end

--- Attaches to what has been found; `options` are checked.
local function attach(pid, options)
    if pid == own_pid() then
        return new_self(pid)
    end
    local survey, message, code = core.survey(pid)
    if not survey then
        return nil, message, code
    end
    local handle, why
    handle, why, code = core.attach(pid, options.way, options.timeout, options.wait, survey.start, options.force)
    if not handle then
        return nil, why, code
    end
    return new_target(handle, {
        pid = pid,
        name = survey.name,
        why = why ~= "" and why or nil,
        _VERSION = survey.version and "lunalloc " .. survey.version,
    })
end

--- True if there is a core file of that name: an ELF file (byte 17 is the type, 4).
local function is_core(path)
    if core.file_kind(path) ~= "file" then
        return false
    end
    local file <close> = io.open(path, "rb")
    local head = file and file:read(18)
    return head ~= nil and #head == 18 and head:sub(1, 4) == "\x7fELF" and head:byte(17) == 4
end

--- True if the text names a file, and not a process.
local function is_path(what)
    return type(what) == "string" and (what:find("/", 1, true) ~= nil or is_core(what))
end

local function attach_core(path)
    local handle, known, code = core.attach_core(path)
    if not handle then
        return nil, known, code
    end
    local t = new_target(handle, known, path)
    t._VERSION = "lunalloc " .. tostring(t.get "version")
    return t
end

-- ---- options ----

local function list(words)
    return "'" .. table.concat(words, "', '") .. "'"
end

--- Milliseconds of an option that is a time; raises at the caller of the public function.
local function milliseconds(options, name)
    local value = options[name]
    if value == nil then
        return nil
    end
    local ns = units.time(value)
    if not ns or ns < MS or ns > 3600 * 1000 * MS then
        error(("attach: %s is a number of %s, from a millisecond to an hour, not %s"):format(name,
            units.ACCEPTED.time, check.shown(value)), 4)
    end
    return ns // MS
end

--- The options as the core takes them.
local function check_options(options)
    local known = { way = true, timeout = true, wait = true, force = true }
    for name in pairs(options) do
        if not known[name] then
            error(("attach: no option %s (there are: way, timeout, wait, force)"):format(check.shown(name)), 3)
        end
    end
    if options.force ~= nil and type(options.force) ~= "boolean" then
        error(("attach: force is true or false, not %s"):format(check.shown(options.force)), 3)
    end
    if options.way ~= nil and not way_exists[options.way] then
        error(("attach: no way %s (there are: %s)"):format(check.shown(options.way), list(ways)), 3)
    end
    return {
        way = options.way,
        timeout = milliseconds(options, "timeout"),
        wait = milliseconds(options, "wait"),
        force = options.force,
    }
end

-- ---- the list ----

--- What la.ps() tells of a process; nil if it does not run lunalloc, or nobody can tell.
local function entry(pid)
    local survey = core.survey(pid)
    if not (survey and survey.lunalloc) then
        return nil
    end
    survey.lunalloc, survey.start = nil, nil
    return survey
end

local part = {}

--- Adds the functions to `api`, once: they concern no allocator, so only `la` has them.
function part.install(api, backend)
    if backend ~= core then
        return
    end

    --- A target for a process, by its number or name, or for a core file, by its path. Options: way:
    --- "agent", "request" or "memory", where the best that is possible is not wanted; timeout: for an answer of the
    --- agent (2 s); wait: for an agent to start (1 s); force: ask for an agent also where system calls are filtered.
    function api.attach(what, options)
        check.that(math.type(what) == "integer" or type(what) == "string", "attach", 1,
            ("the number or the name of a process, or the path of a core file expected, got %s"):format(
                check.shown(what)))
        check.that(type(what) ~= "string" or not what:find("\0", 1, true), "attach", 1,
            "a name without zero bytes expected")
        options = options == nil and {} or check.plain(options)
        check.table(options, "attach", 2, "a table of options")
        options = check_options(options)
        if is_path(what) then
            return attach_core(what)
        end
        local pid, message, code = find_pid(what)
        if not pid then
            return nil, message, code
        end
        return attach(pid, options)
    end

    --- The processes that run lunalloc, an array of { pid=, name=, uid=, rss=, state=, version=, way=, why= }: `way` is
    --- the best that is possible now, "agent", "request" or "memory"; `why` says why it is not the agent.
    function api.ps()
        local pids, message, code = core.processes()
        if not pids then
            return nil, message, code
        end
        local own, found = own_pid(), {}
        for _, pid in ipairs(pids) do
            found[#found + 1] = pid ~= own and entry(pid) or nil
        end
        table.sort(found, function(a, b) return a.pid < b.pid end)
        return found
    end
end

return part
