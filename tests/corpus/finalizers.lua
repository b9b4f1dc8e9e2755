-- Finalizers: their order, objects that are revived, finalizers that allocate, that raise, and that make new ones.

local function finalized(f)
    return setmetatable({}, { __gc = f })
end

--- Calls f without a collection meanwhile, and then collects all: so finalizers run in an order that is known.
local function in_peace(f)
    collectgarbage "stop"
    f()
    collectgarbage "restart"
    collectgarbage()
end

local order = {}
in_peace(function()
    for i = 1, 20 do
        finalized(function() order[#order + 1] = i end)
    end
end)
print("order", table.concat(order, " "))

local revived
do
    local object = finalized(function(self) revived = self end)
    object.payload = { "kept", { 1, 2, 3 } }
end
collectgarbage()
print("revived", revived.payload[1], #revived.payload[2])
setmetatable(revived, { __gc = function(self) print("again", self.payload[1]) end })
revived = nil
collectgarbage()

local made = 0
for _ = 1, 100 do
    finalized(function()
        local list = {}
        for i = 1, 100 do
            list[i] = { ("%d"):format(i), function() return list end }
        end
        made = made + #list
    end)
end
collectgarbage()
print("made", made)

warn "@on"
in_peace(function()
    finalized(function() error "raised in a finalizer" end)
    finalized(function() error { "no text" } end)
end)
warn "@off"

local generations = 0
local function again()
    generations = generations + 1
    if generations < 50 then
        finalized(again)
    end
end
finalized(again)
for _ = 1, 60 do
    collectgarbage()
end
print("generations", generations)

-- A cycle of objects with finalizers, each of which sees the others whole.
local seen = {}
in_peace(function()
    local ring = {}
    for i = 1, 10 do
        ring[i] = finalized(function(self) seen[#seen + 1] = ("%d>%d"):format(self.id, self.next.id) end)
        ring[i].id = i
    end
    for i = 1, 10 do
        ring[i].next = ring[i % 10 + 1]
    end
end)
print("ring", table.concat(seen, " "))

-- They run amid other work, at whatever allocation.
local ran = 0
for i = 1, 20000 do
    local object = finalized(function() ran = ran + 1 end)
    object[1] = { i, tostring(i) }
end
collectgarbage()
collectgarbage()
print("ran", ran)

-- These run when the state is closed.
Late = {}
for i = 1, 5 do
    Late[i] = finalized(function(self)
        local text = {}
        for j = 1, 100 do
            text[j] = ("%d.%d"):format(i, j)
        end
        print("at the end", self.name, #table.concat(text))
    end)
    Late[i].name = "object " .. i
end
