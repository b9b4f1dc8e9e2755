--- The program that hosts.lua runs on a host: does the job that is on standard input, a line of Lua, and answers on
--- standard output in lines of JSON. Without a job it tells what this host is.
---
---     lunalloc -e 'require "lunalloc.hosts_job"'
---
---     {"version": "0.1.0", "machine": "...", "allocators": ["lunalloc", ...]}          without a job
---     {"host": "a", "seq": 3, "begins": true}   ... "progress": ...   ... "answer": ...
---
--- It writes a blank line each second, so that it ends when the connection does; its children end with it.

local core = require "lunalloc.core"
local child = require "lunalloc.child"

local BEAT <const> = 1.0 -- seconds

local function write(value)
    io.stdout:write(core.json(child.plain(value)), "\n")
    io.stdout:flush()
end

--- A text that is the same for all of one machine, until it boots.
local function machine()
    local file <close> = io.open "/proc/sys/kernel/random/boot_id"
    return file and file:read "l" or ""
end

local function hello()
    local names = {}
    for i, allocator in ipairs(require("lunalloc").allocators()) do
        names[i] = allocator.name
    end
    write { version = core.version, machine = machine(), allocators = names }
end

--- Called between slices of waiting: a lost connection ends this process (SIGPIPE).
local function new_beat()
    local last = core.child.clock()
    return function()
        local now = core.child.clock()
        if now - last >= BEAT then
            last = now
            io.stdout:write "\n"
            io.stdout:flush()
        end
    end
end

-- What does each kind of job.
local KINDS <const> = { compare = "lunalloc.compare_hosts", test = "lunalloc.test.hosts",
    tune = "lunalloc.tune.hosts" }

local function main()
    local text = io.read "a"
    if not text:find "%S" then
        return hello()
    end
    local place = { host = os.getenv "PARALLEL_SSHLOGIN", seq = math.tointeger(tonumber(os.getenv "PARALLEL_SEQ")) }
    write { host = place.host, seq = place.seq, begins = true }
    local given = assert(load(text, "=job", "t", {}))()
    local function progress(value)
        write { host = place.host, seq = place.seq, progress = value }
    end
    local kind = given.version == core.version and KINDS[given.job.kind]
    local ok, answer = false, "this host has another version of lunalloc: " .. core.version
    if kind then
        ok, answer = pcall(require(kind).work, given.job, progress, new_beat())
    end
    write { host = place.host, seq = place.seq,
        answer = ok and answer or { problem = tostring(answer):match "^[^\n]*", code = "EINVAL" } }
end

main()
