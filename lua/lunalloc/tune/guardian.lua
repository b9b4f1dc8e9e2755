--- The program that la.tune starts beside a process that it tunes: if the tuner is killed, it gives the process its
--- settings back. The tuner ends it when it has restored them itself.
---
---     lua5.4 lunalloc/tune/guardian.lua     standard input: {"parent": PID, "pid": PID, "settings": [[name, value]]}

local core = require "lunalloc.core"
local json = require "lunalloc.json"
local la = require "lunalloc"

local POLL <const> = 0.2 -- seconds

local order = assert(json.decode(io.read "a"))

local function parent()
    local file <close> = io.open "/proc/self/stat"
    return file and tonumber(file:read("a"):match "%) %S (%d+)")
end

while parent() == order.parent do
    core.pause(POLL)
end
local t <close> = la.attach(order.pid)
for _, setting in ipairs(t and order.settings or {}) do
    t.set(setting[1], setting[2])
end
