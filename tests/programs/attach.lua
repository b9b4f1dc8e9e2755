-- attach.lua PID CYCLES -- attaches to a process that runs, looks at it, changes it, and attaches and detaches CYCLES
-- times. An agent that the process has not got is requested. Prints "ok", or what went wrong. For attach.sh.

local la = require "lunalloc"

local pid, cycles = math.tointeger(arg[1]), math.tointeger(arg[2])

local function check(condition, what, ...)
    if not condition then
        print("FAILED: " .. what, ...)
        os.exit(1)
    end
    return condition, what, ...
end

local function count(path)
    local pipe <close> = io.popen(("ls /proc/%d/%s | wc -l"):format(pid, path))
    return pipe:read "n"
end

-- The first figures.
local t = check(la.attach(pid, { way = "request", wait = 20, timeout = 20 }))
check(t.way == "agent", "way", t.way)
local stats = check(t.stats())
check(stats.allocated > 0 and stats.allocated <= stats.active, "stats", stats)

-- The same figures from three sides, while it runs. An extent that is being cut is busy for a moment, a retained one of
-- a whole region, too.
local bytes = 0
for state, group in pairs(t.extents_summary()) do
    bytes = bytes + (state == "active" and group.bytes or 0)
end
local active = t.get "stats.active" or 0
check(bytes > active / 2 and bytes < active * 2, "extents and counters differ", bytes, active)
local r = check(t.reconcile())
check(r.rss >= r.active.resident, "reconcile", r.rss, r.active.resident)
check(#t.threads() >= 1, "threads")
check(#t.arenas() >= 1, "arenas")

-- A change is seen by the process and by reading alone.
local name = "arena.0.dirty_decay_ms"
local old = t.get(name)
check(t.set(name, 1234))
local m = check(la.attach(pid, { way = "memory" }))
check(m.get(name) == 1234, "reading alone", m.get(name))
m.close()
check(t.set(name, old))
check(t.set "arena.4096.purge")
check(t.prof.start { lg_sample = 12 })
check(t.prof.top { by = "class" })
check(t.prof.stop())
local before = { count "fd", count "task" }

for _ = 1, cycles do
    local again = check(la.attach(pid, { timeout = 20 }))
    check(again.way == "agent", "way", again.way, again.why)
    check(again.get "arenas.narenas")
    again.close()
end
t.close()
local fd, task = count "fd", count "task"
-- A server has a descriptor for each of its own clients.
check(math.abs(fd - before[1]) <= cycles / 2, "descriptors", before[1], fd)
check(math.abs(task - before[2]) <= 2, "threads", before[2], task)
print "ok"
