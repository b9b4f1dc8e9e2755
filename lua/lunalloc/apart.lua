--- The console's own Lua state on an arena of its own, apart from the load that runs beside the prompt. Else the
--- figures of the load would have the prompt's tables and texts in them.
---
---     apart.begin()      before a workload is made; nothing outside of the console, or where its malloc is another one
---     apart.take(limit)  for la.adopt: the meter that begin() made, once; nil without one, or if more is in use than
---                        the limit (bytes; 0: none)
---
--- Blocks from before stay where they are until they are freed.

local core = require "lunalloc.core"

local apart = {}

local meter

--- Only the console has a module that starts programs in its place.
local function in_console()
    return package.preload["lunalloc.exec"] ~= nil
end

function apart.begin()
    if core.replaced and in_console() and not core.meter() then
        meter = core.adopt(core.arena_create({}, {}, false) or "new", 0, 0)
    end
end

function apart.take(limit)
    local taken = core.meter() and meter -- without a meter, this one was closed
    if limit == 0 or collectgarbage "count" * 1024 <= limit then
        meter = nil
        return taken
    end
end

return apart
