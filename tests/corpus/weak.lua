-- Weak tables of each kind, ephemerons, caches, and weak references to things that finalizers revive.

local function size(t)
    local n = 0
    for _ in pairs(t) do
        n = n + 1
    end
    return n
end

local function weak(mode)
    return setmetatable({}, { __mode = mode })
end

local keep = {}
local values, keys, both = weak "v", weak "k", weak "kv"
for i = 1, 1000 do
    local object = { i }
    values[i], keys[object], both[object] = object, i, { object }
    if i % 10 == 0 then
        keep[#keep + 1] = object
    end
end
collectgarbage()
print("values", size(values), "keys", size(keys), "both", size(both))
values.text, values.number, values.f = ("long text "):rep(100), 5, print
collectgarbage()
print("what is no object stays", #values.text, values.number, values.f == print)

local ephemeron = weak "k"
for _, object in ipairs(keep) do
    ephemeron[object] = { of = object, list = { object, object } }
end
local chain = {}
do
    local first = {}
    local link = first
    for i = 1, 500 do
        local following = { i }
        ephemeron[link] = following
        link = following
    end
    chain[1] = first
end
collectgarbage()
print("ephemerons", size(ephemeron))
chain[1] = nil
collectgarbage()
print("without the chain", size(ephemeron))
keep = nil
collectgarbage()
print("without the keys", size(ephemeron), size(values), size(keys))

local cache, misses = weak "v", 0
local function compute(n)
    local hit = cache[n]
    if not hit then
        misses = misses + 1
        hit = { n * n }
        cache[n] = hit
    end
    return hit
end
local held = {}
for round = 1, 3 do
    for n = 1, 200 do
        held[n] = compute(n)
    end
    if round == 2 then
        held = {}
        collectgarbage()
    end
end
print("cache", misses)

local last_seen = weak "v"
local revived
do
    local object = setmetatable({ "alive" }, { __gc = function(self) revived = self end })
    last_seen.value = object
    cache.value = nil
end
collectgarbage()
print("revived", revived[1], last_seen.value)

collectgarbage "generational"
local churn = weak "v"
for i = 1, 20000 do
    churn[i % 100] = { i, { i } }
end
collectgarbage()
print("churned", size(churn))

local function interned()
    local known = weak "k"
    return function(object)
        known[object] = known[object] or ("id %d"):format(size(known))
        return known[object]
    end
end
local id = interned()
local a, b = {}, {}
print("ids", id(a), id(b), id(a))
