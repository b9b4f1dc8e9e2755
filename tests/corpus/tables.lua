-- Large tables: arrays and hashes that grow, shrink and are rehashed, holes, moves, many results, keys of each type.

local array = {}
for i = 1, 200000 do
    array[i] = i
end
local sum = 0
for i = #array, 1, -3 do
    sum = sum + array[i]
    array[i] = i * 0.5
end
print("array", #array, sum)
for i = #array, 101, -1 do
    array[i] = nil
end
array.x = 1 -- rehashed
print("shrunk", #array, array[100], array[101])

local hash = {}
for i = 1, 50000 do
    hash["key " .. i] = i
end
for i = 1, 50000, 2 do
    hash["key " .. i] = nil
end
for i = 1, 20000 do
    hash[i * 1.5] = -i
end
local n, total = 0, 0
for _, value in pairs(hash) do
    n, total = n + 1, total + value
end
print("hash", n, total)

local marks = {}
for _, key in ipairs { 1, 1.5, "1", true, false, print, marks, coroutine.create(print), 2 ^ 53, math.mininteger } do
    marks[key] = tostring(type(key))
end
print("keys", marks[1], marks[1.0], marks["1"], marks[true], marks[false], marks[print], marks[marks], marks[2 ^ 53])
print("bad keys", pcall(function() marks[nil] = 1 end), pcall(function() marks[0 / 0] = 1 end))

local sparse = {}
for i = 1, 1 << 20, 1 << 10 do
    sparse[i] = i
end
for i = -1000, 0 do
    sparse[i] = i
end
local count = 0
for _ in pairs(sparse) do
    count = count + 1
end
print("sparse", count)

local queue, first, last = {}, 1, 0
local popped = 0
for i = 1, 100000 do
    last = last + 1
    queue[last] = { i }
    if i % 3 ~= 0 then
        popped = popped + queue[first][1]
        queue[first], first = nil, first + 1
    end
end
print("queue", last - first + 1, popped)

local list = {}
for i = 1, 3000 do
    table.insert(list, i % 50 + 1 <= #list and i % 50 + 1 or #list + 1, i)
end
local removed = 0
while #list > 100 do
    removed = removed + table.remove(list, #list // 2)
end
print("inserted and removed", removed, #list, table.concat(list, " ", 1, 10))

local moved = table.move(list, 1, #list, 50, {})
print("moved", moved[49], moved[50], #table.move(moved, 50, 149, 1), select("#", table.unpack(list)))
print("many results", select("#", table.unpack({}, 1, 5000)), pcall(table.unpack, {}, 1, 1e8))

local matrix = {}
for i = 1, 100 do
    matrix[i] = {}
    for j = 1, 100 do
        matrix[i][j] = (i * j) % 7
    end
end
local function multiply(a, b)
    local c = {}
    for i = 1, #a do
        local row, from = {}, a[i]
        for j = 1, #b[1] do
            local value = 0
            for k = 1, #b do
                value = value + from[k] * b[k][j]
            end
            row[j] = value
        end
        c[i] = row
    end
    return c
end
local product = multiply(matrix, matrix)
print("matrix", product[1][1], product[50][50], product[100][99])

local during = {}
for i = 1, 1000 do during[i] = i end
for key in pairs(during) do during[key] = nil end
print("cleared in a loop", next(during))
