-- Graphs and caches: shortest paths with a heap, strongly connected components, an LRU cache, a union of sets.

local seed = 7
local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed // 65536 % n + 1
end

local N <const> = 1500
local graph = {}
for v = 1, N do
    graph[v] = {}
    for i = 1, 6 do
        graph[v][i] = { to = random(N), cost = random(100) }
    end
end

local function heap()
    local list = {}
    local function push(key, value)
        local at = #list + 1
        while at > 1 and list[at // 2].key > key do
            list[at], at = list[at // 2], at // 2
        end
        list[at] = { key = key, value = value }
    end
    local function pop()
        local top, last = list[1], table.remove(list)
        if #list > 0 then
            local at = 1
            while at * 2 <= #list do
                local child = at * 2
                if child < #list and list[child + 1].key < list[child].key then child = child + 1 end
                if list[child].key >= last.key then break end
                list[at], at = list[child], child
            end
            list[at] = last
        end
        return top
    end
    return push, pop, function() return #list == 0 end
end

local function dijkstra(from)
    local distance, done = { [from] = 0 }, {}
    local push, pop, empty = heap()
    push(0, from)
    while not empty() do
        local v = pop().value
        if not done[v] then
            done[v] = true
            for _, edge in ipairs(graph[v]) do
                local d = distance[v] + edge.cost
                if d < (distance[edge.to] or math.huge) then
                    distance[edge.to] = d
                    push(d, edge.to)
                end
            end
        end
    end
    return distance
end

for from = 1, 5 do
    local reached, farthest, sum = 0, 0, 0
    for _, d in pairs(dijkstra(from)) do
        reached, farthest, sum = reached + 1, math.max(farthest, d), sum + d
    end
    print("paths", from, reached, farthest, sum)
end

local function components()
    local index, low, on, stack, n, sizes = {}, {}, {}, {}, 0, {}
    local function visit(v)
        n = n + 1
        index[v], low[v], on[v] = n, n, true
        stack[#stack + 1] = v
        for i = 1, 2 do
            local w = graph[v][i].to
            if not index[w] then
                visit(w)
                low[v] = math.min(low[v], low[w])
            elseif on[w] then
                low[v] = math.min(low[v], index[w])
            end
        end
        if low[v] == index[v] then
            local size, w = 0, nil
            repeat
                w = table.remove(stack)
                on[w], size = nil, size + 1
            until w == v
            sizes[#sizes + 1] = size
        end
    end
    for v = 1, N do
        if not index[v] then visit(v) end
    end
    table.sort(sizes)
    return sizes
end
local sizes = components()
print("components", #sizes, sizes[#sizes])

local function lru(limit)
    local entries, n = {}, 0
    local ring = {}
    ring.next, ring.last = ring, ring
    local function unlink(e) e.last.next, e.next.last = e.next, e.last end
    local function front(e)
        e.next, e.last = ring.next, ring
        ring.next.last, ring.next = e, e
    end
    return function(key, make)
        local e = entries[key]
        if e then
            unlink(e)
            front(e)
            return e.value, true
        end
        if n == limit then
            local old = ring.last
            unlink(old)
            entries[old.key], n = nil, n - 1
        end
        e = { key = key, value = make(key) }
        entries[key], n = e, n + 1
        front(e)
        return e.value, false
    end
end
local get, hits = lru(200), 0
for _ = 1, 30000 do
    local key = "key " .. random(20) * random(20)
    local _, hit = get(key, function(k) return { k, k:rep(3) } end)
    hits = hits + (hit and 1 or 0)
end
print("cache hits", hits)

local parent = {}
local function find(v)
    while parent[v] do
        v = parent[v]
    end
    return v
end
local sets = N
for v = 1, N do
    local a, b = find(v), find(graph[v][1].to)
    if a ~= b then
        parent[a], sets = b, sets - 1
    end
end
print("sets", sets)
