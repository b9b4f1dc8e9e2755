-- scenario.lua FILE OPS [TIMES] -- runs a script of scripts/scenarios/ with a fixed number of operations in place of
-- its duration, on the malloc of this process, so that its time can be compared.
--
-- The script meets a module whose workload{} is this file's: without duration, rate and phases (which are given in
-- times), OPS operations long unless the script counts them itself; where all blocks have one size above a page, as
-- many fewer, so that as many bytes are written. A workload that the script starts by run() is run TIMES times.

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
