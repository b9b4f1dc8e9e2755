-- scenario.lua FILE OPS [TIMES] -- runs the scenarios of a file of scripts/scenarios/ with a fixed number of operations
-- instead of a duration, on the malloc of this process, so that its time can be compared.
--
-- Duration, rate, phases and limits, which depend on time, are dropped, and each workload is OPS operations long,
-- unless the scenario sets `ops`. If all blocks have one size above a page, there are fewer operations in proportion,
-- so that as many bytes are written. Each workload runs TIMES times.

local scenario = require "lunalloc.scenario"

local file, ops, times = arg[1], math.tointeger(tonumber(arg[2])), math.tointeger(tonumber(arg[3] or "1"))
local PAGE <const> = 4096

local function fixed(description)
    local mix = description.mix or {}
    local size = #mix == 1 and math.type(mix[1].size) == "integer" and mix[1].size or 0
    description.duration, description.rate, description.phases, description.limits = nil, nil, nil, nil
    description.ops = math.max(1, (description.ops or ops) // math.max(1, size // PAGE))
    description.allocator, description.interval = "process", "1h"
    return description
end

for _, definition in ipairs(assert(scenario.load(file))) do
    print(scenario.run(definition, { duration = 0, adjust = fixed, times = times }))
end
