-- The same graphs under both collectors, with changes of mode and of parameters amid the work, and single steps.

local function new_list(n)
    local list
    for i = 1, n do
        list = { next = list, value = i, name = "node " .. i }
    end
    return list
end

local function sum(list)
    local total = 0
    while list do
        total = total + list.value + #list.name
        list = list.next
    end
    return total
end

--- Old objects that point to new ones, which generational collection has to notice.
local function churn(rounds)
    local old = {}
    for i = 1, 100 do
        old[i] = { i }
    end
    local check = 0
    for round = 1, rounds do
        local slot = old[round % 100 + 1]
        slot.young = { round, { tostring(round) }, function() return slot[1] + round end }
        slot[#slot % 10 + 1] = round
        check = (check * 31 + slot.young[3]() + #slot.young[2][1]) % 1000003
        local _garbage = { {}, {}, ("x"):rep(round % 50), setmetatable({}, { __index = slot }) }
    end
    return check
end

local function barrier()
    local parent = setmetatable({}, { __mode = "k" })
    local keys = {}
    for i = 1, 500 do
        keys[i] = {}
        parent[keys[i]] = { i }
        if i % 50 == 0 then
            collectgarbage "step"
        end
    end
    local total = 0
    for _, value in pairs(parent) do
        total = total + value[1]
    end
    return total
end

local modes = {
    function() collectgarbage("incremental", 100, 400, 10) end, -- without a pause: as much as there can be
    function() collectgarbage("generational", 10, 50) end,
    function() collectgarbage("incremental", 1000, 100, 20) end,
    function() collectgarbage("generational", 100, 100) end,
    function() collectgarbage("incremental", 200, 100, 13) end,
}

for i, set_mode in ipairs(modes) do
    set_mode()
    local kept = new_list(1000)
    print(i, sum(kept), churn(i == 1 and 100 or 3000), barrier())
    collectgarbage()
    print(i, sum(kept))
end

local held = {}
for i = 1, 5000 do
    held[i % 100 + 1] = { i, new_list(3) }
    if i % 100 == 0 then
        modes[i // 100 % #modes + 1]()
    elseif i % 33 == 0 then
        collectgarbage("step", i % 7)
    end
end
local total = 0
for _, entry in ipairs(held) do
    total = total + entry[1] + sum(entry[2])
end
print("changes of mode", total)

collectgarbage "stop"
local stopped = new_list(5000)
print("stopped", collectgarbage "isrunning", sum(stopped))
collectgarbage "restart"
print("restarted", collectgarbage "isrunning", sum(stopped))
