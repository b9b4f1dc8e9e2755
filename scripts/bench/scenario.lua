-- scenario.lua FILE OPS [TIMES] -- runs a script of scripts/scenarios/ with a fixed number of operations instead of a
-- duration, on the malloc of this process, so that its time can be compared.
--
-- It replaces workload{} of the module that the script loads. Duration, rate and phases, which depend on time, are
-- dropped, and the workload is OPS operations long, unless the script sets `ops`. If all blocks have one size above a
-- page, there are fewer operations in proportion, so that as many bytes are written. run() runs a workload TIMES times.

local la = require "lunalloc"

local file, ops, times = arg[1], math.tointeger(tonumber(arg[2])), math.tointeger(tonumber(arg[3] or "1"))
local PAGE <const> = 4096

local function fixed(description)
    local copy = {}
    for key, value in pairs(description) do
        copy[key] = value
    end
    local size = copy.mix and #copy.mix == 1 and math.type(copy.mix[1].size) == "integer" and copy.mix[1].size or 0
    copy.duration, copy.rate, copy.phases = nil, nil, nil
    copy.ops = math.max(1, (copy.ops or ops) // math.max(1, size // PAGE))
    copy.allocator, copy.interval = "process", "1h"
    return copy
end

local Repeated = {}
Repeated.__index = Repeated

function Repeated:run()
    for _ = 2, times do
        assert(self.workload:run())
    end
    return self.workload:run()
end

Repeated.__call = Repeated.run

package.loaded.lunalloc = setmetatable({
    workload = function(description)
        return setmetatable({ workload = assert(la.workload(fixed(description))) }, Repeated)
    end,
}, { __index = la })

arg = { [0] = file, "0s" }
dofile(file)
