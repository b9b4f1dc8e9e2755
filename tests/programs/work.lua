-- Deterministic work for lua.sh: the same output whatever malloc is.

local state = 1
local function random(limit) -- a small generator of our own: the same numbers everywhere
    state = (state * 1103515245 + 12345) % 2147483648
    return state // 65536 % limit
end

local function tree(depth)
    if depth == 0 then
        return { value = random(1000) }
    end
    return { tree(depth - 1), tree(depth - 1), name = "node " .. depth }
end

local function sum(node)
    return (node.value or 0) + (node[1] and sum(node[1]) + sum(node[2]) or 0)
end

for round = 1, 5 do
    print("tree", round, sum(tree(14)))
    if round == 3 then
        collectgarbage("generational")
    end
end

local words, seen = {}, {}
for i = 1, 100000 do
    words[i] = ("w%d"):format(random(5000))
    seen[words[i]] = (seen[words[i]] or 0) + 1
end
table.sort(words)
print("words", words[1], words[50000], words[100000], seen.w17)

local text = table.concat(words, " ")
print("text", #text, #text:gsub("w", "word "), select(2, text:gsub("%d+", "")))
print("rep", #string.rep("0123456789", 10000000))

local threads, total = {}, 0
for i = 1, 2000 do
    threads[i] = coroutine.wrap(function()
        local buffer = {}
        for turn = 1, 20 do
            buffer[#buffer + 1] = ("x"):rep(i % 100 + turn)
            coroutine.yield(#table.concat(buffer))
        end
    end)
end
for _ = 1, 20 do
    for i = 1, #threads do
        total = total + threads[i]()
    end
end
print("coroutines", total)

threads, words, seen, text = nil, nil, nil, nil
collectgarbage()
print("left", collectgarbage("count") < 1000)
