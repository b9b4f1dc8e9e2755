--- The program that child.run() starts: runs a script, and sends what it returns to the parent.
---
---     lua5.4 lunalloc/child_main.lua SCRIPT [ARGUMENT...]

local core = require "lunalloc.core"
local child = require "lunalloc.child"

child.is_child = core.child.enter(math.tointeger(tonumber(os.getenv "LUNALLOC_CHILD")) or 0)

local words = _G.arg
local script = words[1]

--- Reports the error, ends the process.
local function give_up(message)
    child.fail((tostring(message):match "^[^\n]*"))
    io.stderr:write(tostring(message), "\n")
    os.exit(1)
end

local chunk, message = loadfile(script)
if not chunk then
    give_up(message)
end
_G.arg = table.move(words, 2, #words, 1, { [0] = script })

local ok, value = xpcall(chunk, function(problem)
    return debug.traceback(tostring(problem), 2)
end, table.unpack(_G.arg))
child.report_peak()
if not ok then
    give_up(value)
elseif value ~= nil then
    child.reply(value)
end
