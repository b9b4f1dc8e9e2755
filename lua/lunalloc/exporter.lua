--- Figures of processes for Prometheus and pprof, as answers to HTTP requests. `lunalloc serve` puts it on a socket.
---
---     local e = exporter.new {
---         words = { "4242", "redis-server" },   -- pids and names
---         attach = la.attach,                   -- word -> target
---         ps = la.ps,                           -- for `all`: every process that can be attached
---         clock = http.clock, gzip = http.gzip,
---         all = false, interval = 1,            -- seconds for which figures are used again
---     }
---     status, type, body, header, value = e:answer(method, path, accept, pid)
---
--- The targets are read when a request asks, at most once an interval, however many ask. A process that has ended has
--- lunalloc_up 0 for GONE seconds, and no other figure. A process that a name means, and with `all` any process, is
--- attached when it appears. A process that was named is asked for an agent; one that was not is only read.

local core = require "lunalloc.core"

local GONE <const> = 300 -- seconds

local TEXT <const> = "text/plain; charset=utf-8"
local OLDER <const> = "text/plain; version=0.0.4; charset=utf-8"
local OPENMETRICS <const> = "application/openmetrics-text; version=1.0.0; charset=utf-8"

local gauges = {
    { "up", "count", "1: the process was read; 0: it has ended, or cannot be read" },
    { "process_resident_memory", "bytes", "resident memory of the whole process, as the system counts it" },
}

local Exporter = {}
Exporter.__index = Exporter

local exporter = {}

function exporter.new(options)
    local self = setmetatable({ targets = {}, read_at = -math.huge, texts = {} }, Exporter)
    for name, value in pairs(options) do
        self[name] = value
    end
    return self
end

-- ---- which targets -------------------------------------------------------------------------------------------------

--- The target of that pid that lives; nil if there is none.
function Exporter:find(pid)
    for _, entry in ipairs(self.targets) do
        if entry.t and entry.pid == pid then
            return entry
        end
    end
end

--- True if one of the targets that live was attached for the word.
function Exporter:serves(word)
    for _, entry in ipairs(self.targets) do
        if entry.word == word and (entry.t or tonumber(word)) then
            return true
        end
    end
    return false
end

local function forget_pid(targets, pid)
    for i = #targets, 1, -1 do
        if targets[i].pid == pid then
            table.remove(targets, i)
        end
    end
end

--- Adds the target of a pid or name, in the place of one that had its pid before. Returns nil, message if there is
--- none. options: of la.attach.
function Exporter:add(word, options)
    local t, message = self.attach(math.tointeger(tonumber(word)) or word, options)
    if not t then
        return nil, message
    elseif self:find(t.pid) then
        t.close()
        return true
    end
    forget_pid(self.targets, t.pid)
    self.targets[#self.targets + 1] = { word = word, t = t, pid = t.pid, name = t.name }
    return true
end

--- Closes a target that was lost. Its entry remains for a while.
function Exporter:lose(entry)
    entry.t.close()
    entry.t, entry.snapshot, entry.gone_at = nil, nil, self.clock()
end

local function forget_old(targets, now)
    for i = #targets, 1, -1 do
        if targets[i].gone_at and now - targets[i].gone_at > GONE then
            table.remove(targets, i)
        end
    end
end

--- Attaches what has appeared: names, and with `all` every process.
function Exporter:look_for_new()
    for _, word in ipairs(self.words) do
        if not self:serves(word) then
            self:add(word)
        end
    end
    for _, process in ipairs(self.all and self.ps() or {}) do
        if process.way and not self:find(process.pid) then
            self:add(process.pid, { way = process.way == "agent" and "agent" or "memory" })
        end
    end
end

-- ---- reading -------------------------------------------------------------------------------------------------------

--- Resident memory of a process, in bytes; false if the system does not say.
local function resident(pid)
    local file <close> = io.open(("/proc/%d/status"):format(pid))
    local kib = file and file:read("a"):match "\nVmRSS:%s*(%d+) kB"
    return kib and math.tointeger(kib) * 1024 or false
end

--- Takes another way to a target whose agent does not answer: its memory. Returns nil if there is none.
function Exporter:read_memory(entry)
    local t = entry.t.way ~= "memory" and entry.t.alive() and self.attach(entry.pid, { way = "memory" })
    if not t then
        return nil
    end
    entry.t.close()
    entry.t = t
    return t.stats()
end

--- Reads one target. One that is lost is left for dead; one that cannot be read has no figures this time.
function Exporter:read(entry)
    if not entry.t then
        return
    end
    local snapshot, _, code = entry.t.stats()
    entry.snapshot = snapshot
    if not snapshot and code == "ESRCH" then
        self:lose(entry)
    elseif not snapshot then
        entry.snapshot = self:read_memory(entry)
    end
end

--- Reads all targets, unless they were just read.
function Exporter:refresh()
    local now = self.clock()
    if now - self.read_at < self.interval then
        return
    end
    forget_old(self.targets, now)
    self:look_for_new()
    for _, entry in ipairs(self.targets) do
        self:read(entry)
    end
    self.read_at, self.texts = self.clock(), {}
end

-- ---- pages ---------------------------------------------------------------------------------------------------------

local function process_of(entry)
    local labels = { "pid", tostring(entry.pid), "command", entry.name }
    return { labels, { entry.snapshot and 1 or 0, entry.snapshot and resident(entry.pid) }, entry.snapshot }
end

local function metrics(self, accept)
    local older = not (accept and accept:find("application/openmetrics-text", 1, true))
    self:refresh()
    if not self.texts[older] then
        local processes = {}
        for i, entry in ipairs(self.targets) do
            processes[i] = process_of(entry)
        end
        local text, message = core.metrics(processes, gauges, older)
        if not text then
            return 503, TEXT, message .. "\n"
        end
        self.texts[older] = text
    end
    return 200, older and OLDER or OPENMETRICS, self.texts[older]
end

--- The target that a request for one means; nil, status, message.
local function one(self, pid)
    local alive = {}
    for _, entry in ipairs(self.targets) do
        alive[#alive + 1] = entry.t and entry
    end
    if pid then
        local entry = self:find(math.tointeger(tonumber(pid)))
        return entry, 404, ("no process %s is served"):format(pid:gsub("%c", "?"))
    elseif #alive ~= 1 then
        return nil, #alive == 0 and 404 or 400, ("%d processes are served: choose one with ?pid="):format(#alive)
    end
    return alive[1]
end

--- The heap profile of one target.
local function heap(self, _, pid)
    self:refresh()
    local entry, status, message = one(self, pid)
    if not entry then
        return status, TEXT, message .. "\n"
    end
    local profile, why, code = entry.t.prof.pprof()
    if not profile then
        return code == "EAGAIN" and 409 or 503, TEXT, why .. "\n"
    end
    return 200, "application/octet-stream", self.gzip(profile)
end

local ESCAPES <const> = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function html(text)
    return (text:gsub('[&<>"]', ESCAPES))
end

local PAGE <const> = [[
<!DOCTYPE html>
<title>lunalloc</title>
<h1>lunalloc serve</h1>
<p><a href="metrics">/metrics</a>: the counters of all processes below, for Prometheus</p>
<ul>
%s</ul>
]]

local function index(self)
    local items = {}
    self:refresh()
    for i, entry in ipairs(self.targets) do
        local profile = entry.t and (': <a href="debug/pprof/heap?pid=%d">heap profile</a>'):format(entry.pid)
        items[i] = ("<li>%d %s%s</li>\n"):format(entry.pid, html(entry.name), profile or " (has ended)")
    end
    return 200, "text/html; charset=utf-8", PAGE:format(table.concat(items))
end

local pages = {
    ["/"] = index,
    ["/metrics"] = metrics,
    ["/debug/pprof/heap"] = heap,
    ["/healthz"] = function() return 200, TEXT, "ok\n" end,
}

--- Answers a request: the status, the type and the text, and the name and value of a header, or nil.
function Exporter:answer(method, path, accept, pid)
    local page = pages[path]
    if not page then
        return 404, TEXT, "there are: / /metrics /debug/pprof/heap?pid= /healthz\n"
    elseif method ~= "GET" and method ~= "HEAD" then
        return 405, TEXT, "only GET and HEAD: nothing can be changed here\n", "Allow", "GET, HEAD"
    end
    return page(self, accept, pid)
end

return exporter
