--- The workloads of this Lua state that were started and are not over. Whoever shows the state of the process asks it.

local running = {}

local started = setmetatable({}, { __mode = "k" })

--- Remembers a workload that has started.
function running.add(workload)
    started[workload] = true
end

--- The workloads that run now, as an array; in no order.
function running.list()
    local list = {}
    for workload in pairs(started) do
        if workload:status().state == "done" then
            started[workload] = nil
        else
            list[#list + 1] = workload
        end
    end
    return list
end

return running
