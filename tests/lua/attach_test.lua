-- la.attach and la.ps on real processes, which this starts with the library preloaded: every function of a target gives
-- what the same function of `la` gives, and each obstacle is one line with its code.

local test = ...
local la = require "lunalloc"
local core = require "lunalloc.core"

local library = os.getenv "LUNALLOC_SO" or "build/liblunalloc.so"

local function sh(command)
    local pipe <close> = assert(io.popen(command))
    return pipe:read "a"
end

if not la.loaded or not io.open "/proc/self/maps" then
    return
end

-- ---- processes ----

-- Reads lines of Lua and runs them. It writes its number to the file first, and a line of `done` after each.
local SCRIPT <const> = [[
local out = assert(io.open(arg[1], "w"))
out:setvbuf "line"
local stat <close> = io.open "/proc/self/stat"
out:write(stat:read "n", "\n")
keep = {}
for line in io.lines() do
    assert(load(line))()
    out:write "done\n"
end
]]

local script = os.tmpname()
do
    local file <close> = assert(io.open(script, "w"))
    file:write(SCRIPT)
end

local function wait_until(condition)
    for _ = 1, 2000 do
        local value = condition()
        if value then
            return value
        end
        sh "sleep 0.01"
    end
    error "it never happened"
end

local Process = {}
Process.__index = Process

--- Runs a line of Lua in the process, and returns when that is done.
function Process:run(line)
    self.lines = self.lines + 1
    self.pipe:write(line, "\n")
    self.pipe:flush()
    wait_until(function()
        return select(2, self:output():gsub("done\n", "")) == self.lines
    end)
end

--- As run, but does not wait.
function Process:begin(line)
    self.lines = self.lines + 1
    self.pipe:write(line, "\n")
    self.pipe:flush()
end

function Process:output()
    local file <close> = io.open(self.path)
    return file and file:read "a" or ""
end

function Process:__close()
    sh(("kill -KILL %d 2>&1"):format(self.pid))
    self.pipe:close()
    os.remove(self.path)
end

--- A process with the library, configured by `conf`; a shell command in place of lua5.4 writes its number to $0.
local function start(conf, command)
    local path = os.tmpname()
    command = command and ("sh -c '%s'"):format(command) or "lua5.4 " .. script
    local pipe = assert(io.popen(("LD_PRELOAD='%s' LUNALLOC_CONF='%s' exec %s %s"):format(library, conf, command, path),
        "w"))
    local process = setmetatable({ pipe = pipe, path = path, lines = 0 }, Process)
    process.pid = wait_until(function()
        return process:output():match "^(%d+)\n" and tonumber(process:output():match "^%d+")
    end)
    return process
end

--- Its target, once the agent listens.
local function attached(process, options)
    return wait_until(function()
        local t = la.attach(process.pid, options or { way = "agent" })
        return t
    end)
end

local FILL <const> = "for i = 1, 3000 do keep[i] = ('x'):rep(100 + i) end"
-- Some seconds of allocating.
local BUSY <const> = "local e = os.time() + 5 while os.time() < e do keep[1] = ('y'):rep(os.time() % 5000 + 64) end"

-- ---- what a target gives ----

-- Where the library is not this process's malloc, its heap would be empty.
local own = {}
for i = 1, 20 do
    own[i] = la.buffer(i * 1000)
end

local EXTENT <const> = "addr:integer size:integer state:string arena:integer szind:integer? slab:boolean " ..
    "nfree:integer nregs:integer discarded:integer sn:integer is_head:boolean committed:boolean " ..
    "zeroed:boolean lru:integer"
local CLASS <const> = "index:integer size:integer slab_size:integer nregs:integer lg_group:integer lg_delta:integer " ..
    "ndelta:integer cached_max:integer max_waste:float"

-- Each gets a target, or `la`, and checks that a function gives what it has to.
local functions = {}

function functions.get(t)
    test.equal(math.type(t.get "arenas.narenas"), "integer")
    test.equal(type(t.get "opt.thp"), "string")
    test.equal(type(t.get "opt.retain"), "boolean")
    test.fails("ENOENT", "no control 'arenas.narena'; did you mean 'arenas.narenas'?", t.get "arenas.narena")
    test.raises("string expected", t.get, nil)
end

function functions.set(t)
    local old = t.get "arena.0.muzzy_decay_ms"
    test.equal(t.set("arena.0.muzzy_decay_ms", "3s"), true)
    test.equal(t.get "arena.0.muzzy_decay_ms", 3000)
    test.equal(t.set("arena.0.muzzy_decay_ms", old), true)
    test.fails("EPERM", "arenas.narenas", t.set("arenas.narenas", 3))
    test.fails("EINVAL", "muzzy_decay_ms", t.set("arena.0.muzzy_decay_ms", "soon"))
    test.equal(t.set "arena.0.decay", true)
end

function functions.ctl(t)
    t.ctl.arena[0].muzzy_decay_ms = 9
    test.equal(t.ctl.arena[0].muzzy_decay_ms, 9)
    t.ctl.arena[0].muzzy_decay_ms = 0
    t.ctl.arena[0].purge()
    test.match(tostring(t.ctl.arena[0]), "^arena%.0 {decay%(%)")
    test.raises("did you mean 'arenas.narenas'", function() return t.ctl.arenas.narena end)
    test.equal(#t.ctl.arena >= 1, true)
end

function functions.describe(t)
    local d = t.describe "arena.0.muzzy_decay_ms"
    test.equal(d.pattern .. " " .. d.type .. " " .. d.access .. " " .. d.unit, "arena.<i>.muzzy_decay_ms ssize rw ms")
    test.equal(d.value, 0)
    test.equal(t.describe "opt.narenas".source, "default")
    test.equal(t.describe "stats.bogus", nil)
end

function functions.names(t)
    local n = 0
    for name in t.names() do
        n = n + 1
        test.equal(type(name), "string")
    end
    test.equal(n, #core.rows())
    test.equal(t.names "muzzy_decay_ms"() ~= nil, true)
end

function functions.with(t)
    do
        local _ <close> = assert(t.with { ["arena.0.muzzy_decay_ms"] = 5, ["arenas.muzzy_decay_ms"] = 6 })
        test.equal(t.get "arena.0.muzzy_decay_ms", 5)
    end
    test.equal(t.get "arena.0.muzzy_decay_ms", 0)
    test.raises("no control", t.with, { ["arena.0.muzzy_decay_ms"] = 5, ["arena.0.nothing"] = 6 })
    test.equal(t.get "arena.0.muzzy_decay_ms", 0)
end

function functions.extents(t)
    local n = 0
    for extent in t.extents { state = "active" } do
        n = n + 1
        test.shape(extent, EXTENT)
        test.equal(extent.state, "active")
    end
    test.equal(n > 0, true)
    test.raises("no arena 4000: an index is 0 to %d+", t.extents, { arena = 4000 })
end

function functions.extents_summary(t)
    local by = t.extents_summary()
    test.equal(by.active.count > 0 and by.active.bytes >= by.active.count * 4096, true)
end

function functions.find(t)
    local extent = t.extents { state = "active", slab = true }
    local _, walker = t.extents { state = "active", slab = true }
    extent = walker:next()
    local at = t.find(extent.addr)
    test.equal(at.extent.addr, extent.addr)
    test.equal(at.class.index, at.szind)
    test.shape(at.class, CLASS)
    test.fails("ENOENT", "0x10 is no memory of this allocator", t.find(16))
end

function functions.sizeclasses(t)
    local classes = t.sizeclasses()
    test.shape(classes[1], CLASS)
    test.equal(classes[#classes].index, #classes - 1)
    local index, size = t.sizeclass "3000"
    test.equal(classes[index + 1].size, size)
    test.fails("ENOENT", "no size class for %d+ bytes; the largest holds %d+", t.sizeclass(math.maxinteger))
end

function functions.arenas(t)
    local arenas = t.arenas()
    test.equal(arenas[1], t.arena(0))
    test.equal(arenas[1]:stats().narenas, 1)
    test.equal(t.arena(0):purge(), true)
    test.equal(t.arena(0):extents_summary().active.count > 0, true)
    test.fails("ENOENT", "no arena 4000", t.arena(4000))
    local made = assert(t.arena.create { muzzy_decay_ms = 7 })
    test.equal(t.get(("arena.%d.muzzy_decay_ms"):format(made.index)), 7)
    test.equal(made:destroy(), true)
end

function functions.stats(t)
    local a = t.stats()
    local b = t.stats()
    test.equal(b.allocated > 0 and b.allocated <= b.active and b.active <= b.resident, true)
    test.equal((b - a).seconds >= 0, true)
    test.equal(#b.arenas >= 1 and b.arenas[0].active > 0, true)
    test.equal(#b.classes, #t.sizeclasses())
    test.equal(b.classes[#b.classes - 1].nmalloc, 0)
    local used = 0
    for i = 0, #b.classes - 1 do
        used = used + (b.classes[i].nmalloc > 0 and 1 or 0)
    end
    test.equal(used > 5, true, "classes that are used")
    test.equal(b.classes[#b.classes - 1].size, t.sizeclasses()[#b.classes].size)
    test.match(b:tojson(), '^{"time":%d+')
end

function functions.stats_print(t)
    local path, old = os.tmpname(), io.output()
    io.output(path)
    local ok = t.stats_print "J"
    io.close()
    io.output(old)
    local file <close> = io.open(path)
    local text = file:read "a"
    os.remove(path)
    test.equal(ok, true)
    test.match(text, '^{.*"jemalloc".*}%s*$')
end

function functions.reconcile(t)
    local r = t.reconcile()
    test.equal(r.rss > r.active.resident and r.active.counted > 0, true)
end

function functions.prof(t)
    local path = os.tmpname()
    test.equal(t.prof.start { lg_sample = 9 }, true)
    test.equal(type(t.prof.top { by = "class" }), "table")
    test.equal(t.prof.dump(path), true)
    test.equal(t.prof.stop(), true)
    local file <close> = io.open(path)
    test.match(file:read "a", "^heap")
    os.remove(path)
end

function functions.waste(t)
    test.equal(type(t.waste { by = "arena" }.total), "number")
end

do
    local process <close> = start "agent:true"
    process:run(FILL)
    for name, check in pairs(functions) do
        test("the same on la and on a process with an agent: " .. name, function()
            local t <close> = attached(process)
            test.equal(t.way, "agent")
            check(la)
            check(t)
        end)
    end
end

test("every function of a part that la has, a target has", function()
    local process <close> = start "agent:true"
    local t <close> = attached(process)
    local only_here = { attach = true, ps = true, buffer = true, workload = true, plot = true, loaded = true,
        replaced = true, adopt = true, meter = true, allocators = true, compare = true, replay = true,
        test = true, trace = true, tune = true, bars = true }
    for name in pairs(la) do
        test.equal(t[name] ~= nil or only_here[name] == true, true, name)
    end
    test.match(tostring(t), "^lua5%.4:" .. process.pid .. " %(agent%)$")
    test.equal(t.name .. " " .. t._VERSION, "lua5.4 " .. la._VERSION)
end)

test("samples of another process: stacks name its files", function()
    local process <close> = start "agent:true"
    local t <close> = attached(process)
    assert(t.prof.start { lg_sample = 9 })
    process:run(FILL)
    local top = t.prof.top { n = 3 }
    test.equal(#top > 0 and top[1].bytes > 0, true)
    local text = table.concat(top[1].stack, "\n")
    test.match(text, "l[iu][ba][^\n]*%+0x%x+")
end)

local PLANTER <const> = [[
#include <stdlib.h>
#include <unistd.h>
static void *kept[1000];
void plant(int i) { free(kept[i]); *(char *)(kept[i] = malloc(1000)) = 1; }
int main(void) { for (int i = 0; i < 100000; i++) { plant(i % 1000); usleep(200); } return 0; }
]]

--- A program that allocates in a function called plant, over and over.
local function build_planter()
    local path = os.tmpname()
    local program = setmetatable({ path = path }, { __close = function()
        os.remove(path)
        os.remove(path .. ".c")
    end })
    local file <close> = assert(io.open(path .. ".c", "w"))
    file:write(PLANTER)
    file:flush()
    program.built = sh(("cc -g -O0 -o %s %s.c 2>&1 && echo done"):format(path, path)):find "done" ~= nil
    return program
end

--- All stacks of the top, as text, once there are samples.
local function stacks_of(t)
    return wait_until(function()
        local lines = {}
        for _, group in ipairs(t.prof.top { n = 20 }) do
            lines[#lines + 1] = table.concat(group.stack, "\n")
        end
        return #lines > 0 and table.concat(lines, "\n\n")
    end)
end

test("samples of another process: stacks name its functions, with file and line", function()
    if not pcall(require, "lunalloc.symbols") then
        test.skip "lunalloc was built without libdw"
    end
    local program <close> = build_planter()
    if not program.built then
        test.skip "there is no cc"
    end
    local process <close> = start("agent:true", "echo $$ >$0; exec " .. program.path)
    local t <close> = attached(process)
    assert(t.prof.start { lg_sample = 9 })
    test.match(stacks_of(t), "plant%+0x%x+ %([^\n]*%.c:4%)\nmain%+0x%x+ %([^\n]*%.c:5%)\n")
end)

-- ---- ways ----

test("a process that did not ask for an agent starts one when asked", function()
    local process <close> = start ""
    process:begin(BUSY)
    test.fails("EAGAIN", "has no agent that listens: way = 'request' starts one",
        la.attach(process.pid, { way = "agent" }))
    local t <close> = assert(la.attach(process.pid, { way = "request", wait = 20 }))
    test.equal(t.way, "agent")
    test.equal(t.get "arenas.narenas" >= 1, true)
    local again <close> = assert(la.attach(process.pid))
    test.equal(again.way .. tostring(again.why), "agentnil")
end)

test("an idle process does not serve a request: it is said why", function()
    local process <close> = start ""
    test.fails("ETIMEDOUT", "has not started an agent within 50 ms.*idle",
        la.attach(process.pid, { way = "request", wait = 0.05 }))
end)

test("agent:never forbids it", function()
    local process <close> = start "agent:never"
    process:begin(BUSY)
    test.fails("EPERM", "allows no agent", la.attach(process.pid, { way = "request" }))
end)

test("an agent that refuses writes", function()
    local process <close> = start "agent:read-only"
    local t <close> = attached(process)
    test.fails("EPERM", "read%-only", t.set("arena.0.muzzy_decay_ms", 5))
    test.equal(t.get "arena.0.muzzy_decay_ms", 0)
    test.raises("read%-only", t.with, { ["arena.0.muzzy_decay_ms"] = 5 })
end)

test("by name, when one process of it runs lunalloc", function()
    local process <close> = start "agent:true"
    attached(process):close()
    local mine = 0
    for _, p in ipairs(la.ps()) do
        mine = mine + (p.name == "lua5.4" and 1 or 0)
    end
    local t, message, code = la.attach "lua5.4"
    if mine == 1 then
        test.equal(t.pid, process.pid)
    else
        test.fails("EINVAL", "processes are called 'lua5.4'.* give a number, of .*%d+", t, message, code)
    end
    test.equal(la.attach(tostring(process.pid)).pid, process.pid)
end)

test("the list of processes has it, and the way", function()
    local process <close> = start "agent:true"
    local never <close> = start "agent:never"
    attached(process):close()
    local found = {}
    for _, p in ipairs(la.ps()) do
        found[p.pid] = p
    end
    test.shape(found[process.pid],
        "pid:integer name:string state:string uid:integer rss:integer version:string way:string")
    test.equal(found[process.pid].way, "agent")
    test.equal(found[never.pid].way, "memory")
    test.match(found[never.pid].why, "allows no agent")
end)

-- ---- obstacles ----

test("what is no process", function()
    test.fails("ESRCH", "there is no process 4194999", la.attach(4194999))
    test.fails("ESRCH", "there is no process 0", la.attach(0))
    test.fails("ESRCH", "there is no process %-5", la.attach(-5))
    test.fails("ESRCH", "no process is called 'nobody%-is%-called%-so'", la.attach "nobody-is-called-so")
    test.raises("a process, or the path of a core file expected, got nil", la.attach)
    test.raises("got 1.5", la.attach, 1.5)
    test.raises("no way 'agents' %(there are: 'agent', 'request', 'memory'%)", la.attach, 1, { way = "agents" })
    test.raises("no option 'wy'", la.attach, 1, { wy = "agent" })
    test.raises("timeout is a number of seconds", la.attach, 1, { timeout = "soon" })
end)

test("a number that was given to another process", function()
    local process <close> = start "agent:true"
    attached(process):close()
    local survey = core.survey(process.pid)
    test.equal(core.attach(process.pid, "agent", nil, nil, survey.start) ~= nil, true)
    test.fails("ESRCH", "process %d+ has ended; its number is another process's now %(lua5.4%)",
        core.attach(process.pid, "agent", nil, nil, survey.start + 1))
end)

test("a process without lunalloc", function()
    local pipe <close> = assert(io.popen "echo $$; exec env -u LD_PRELOAD sleep 30")
    local pid = pipe:read "n"
    wait_until(function()
        local survey = core.survey(pid) -- nil while it changes its program
        return survey and survey.name == "sleep"
    end)
    test.fails("ENOENT", "process " .. pid .. " %(sleep%) does not run lunalloc: start it with", la.attach(pid))
    sh("kill " .. pid)
end)

test("a process that ends: ESRCH from every function, and nothing hangs", function()
    local process <close> = start "agent:true"
    local t <close> = attached(process)
    local _, walker = t.extents()
    local before = t.stats()
    sh("kill -KILL " .. process.pid)
    wait_until(function() return not t.alive() end)
    local gone = "process " .. process.pid .. " %(lua5.4%) has ended"
    test.fails("ESRCH", gone, t.alive())
    test.fails("ESRCH", gone, t.get "arenas.narenas")
    test.fails("ESRCH", gone, t.set("arena.0.muzzy_decay_ms", 1))
    test.fails("ESRCH", gone, t.stats())
    test.fails("ESRCH", gone, t.extents_summary())
    test.fails("ESRCH", gone, t.sizeclasses())
    test.fails("ESRCH", gone, t.find(1))
    test.fails("ESRCH", gone, t.reconcile())
    test.fails("ESRCH", gone, t.arena(0))
    test.fails("ESRCH", gone, t.prof.top())
    test.fails("ESRCH", gone, walker:next())
    test.raises(gone, function() return t.ctl.arenas.narenas end)
    test.equal(before.classes[0].size, 8) -- what was taken remains
end)

test("a process that runs another program", function()
    local process <close> = start("agent:true", "echo $$ >$0; read line; exec sleep 30")
    local t <close> = attached(process)
    process.pipe:write "\n"
    process.pipe:flush()
    wait_until(function() return not t.alive() end)
    test.fails("ESRCH", "has ended, or runs another program", t.get "arenas.narenas")
end)

test("a process that is killed is told to have ended, and nothing else", function()
    local codes = {}
    for _, signal in ipairs { "KILL", "TERM", "KILL", "TERM", "KILL", "TERM" } do
        local process <close> = start("agent:true,background_thread:true")
        process:run(FILL)
        local t <close> = attached(process)
        sh(("kill -%s %d"):format(signal, process.pid))
        local got, message, code
        repeat
            got, message, code = t.get "arenas.narenas"
        until not got
        codes[code] = message
    end
    test.match(codes.ESRCH, "has ended")
    codes.ESRCH = nil
    test.equal(next(codes), nil, codes[next(codes)])
end)

test("a stopped process: it is said at once, and it serves again afterwards", function()
    local process <close> = start "agent:true"
    local t <close> = attached(process, { timeout = 0.3 })
    sh("kill -STOP " .. process.pid)
    wait_until(function() return assert(core.survey(process.pid)).state == "T" end)
    test.fails("ETIMEDOUT", "is stopped: continue it, or read it without its help", t.get "arenas.narenas")
    test.fails("EAGAIN", "is stopped by a signal: continue it, or read it",
        la.attach(process.pid, { way = "request" }))
    sh("kill -CONT " .. process.pid)
    test.equal(wait_until(function() return t.get "arenas.narenas" end) >= 1, true)
end)

test("a target that was closed", function()
    local process <close> = start "agent:true"
    local t = attached(process)
    local guard = t.with { ["arena.0.muzzy_decay_ms"] = 5 }
    test.equal(t.close(), true)
    test.equal(t.close(), true)
    test.fails("ESRCH", "this target was closed", t.get "arenas.narenas")
    test.fails("ESRCH", "this target was closed", t.alive())
    test.raises("could not restore: this target was closed", guard.restore, guard)
end)

test("many targets of one process: no descriptor is left", function()
    local process <close> = start "agent:true"
    attached(process):close()
    local stat <close> = io.open "/proc/self/stat"
    local list = ("sleep 0.1; ls /proc/%d/fd"):format(stat:read "n") -- first the pipe's other end is closed
    local function descriptors()
        collectgarbage()
        collectgarbage()
        return select(2, sh(list):gsub("\n", ""))
    end
    local before = descriptors()
    for i = 1, 100 do
        local t = assert(la.attach(process.pid, { way = "agent" }))
        test.equal(t.get "arenas.narenas" >= 1, true)
        if i % 2 == 0 then
            t.close()
        end
        t = nil
        collectgarbage()
    end
    test.equal(descriptors(), before)
end)

test("a connection too many is refused with the reason, each time", function()
    local process <close> = start "agent:true"
    local targets = { attached(process) }
    while #targets < 16 do
        targets[#targets + 1] = assert(la.attach(process.pid, { way = "agent" }))
    end
    for _ = 1, 50 do
        test.fails("EBUSY", "no place for another connection; allowed: 16 at a time",
            la.attach(process.pid, { way = "agent" }))
    end
    for _, t in ipairs(targets) do
        t.close()
    end
    wait_until(function() return la.attach(process.pid, { way = "agent" }) end):close()
end)

test("this process itself", function()
    local stat <close> = io.open "/proc/self/stat"
    local t <close> = la.attach(stat:read "n")
    test.equal(t.way, "self")
    test.equal(t.get "arenas.narenas", la.get "arenas.narenas")
    test.equal(t.alive(), true)
end)

os.remove(script)
