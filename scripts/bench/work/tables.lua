-- Tables, strings, closures: argument = rounds.
local total = 0

local function tree(depth)
    return depth > 0 and { tree(depth - 1), tree(depth - 1) } or {}
end

local function count(t)
    return t[1] and 1 + count(t[1]) + count(t[2]) or 1
end

local function words(n)
    local list, seen = {}, {}
    for i = 1, n do
        local word = ("w%d"):format(i * 7919 % 10007):rep(i % 5 + 1, "-")
        list[i] = word
        seen[word] = (seen[word] or 0) + 1
    end
    table.sort(list)
    return #table.concat(list, " "), seen
end

local function closures(n)
    local chain = function(x) return x end
    for i = 1, n do
        local inner = i % 100 == 0 and math.abs or chain
        chain = function(x) return inner(x + i) end
    end
    return chain(1)
end

for round = 1, tonumber(arg[1]) do
    total = total + count(tree(14))
    local length, seen = words(30000)
    total = total + length + (seen["w" .. round] or 0) + closures(5000)
    local rows = {} -- luacheck: ignore 241
    for i = 1, 20000 do
        rows[i] = { id = i, name = "row " .. i, at = { x = i, y = -i } }
    end
    for i = 1, 20000, 3 do
        rows[i] = nil
    end
    total = total + select(2, (("x,y,z;"):rep(3000)):gsub("[^;]+", string.upper))
end
print(total)
