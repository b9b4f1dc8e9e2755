-- Sorting: five algorithms against each other, comparators that are closures, stability, sorting of records and texts.

local seed = 42
local function random(n)
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed // 65536 % n + 1
end

local function copy(list)
    return table.move(list, 1, #list, 1, {})
end

local function merge_sort(list, less)
    if #list < 2 then
        return list
    end
    local middle = #list // 2
    local a = merge_sort(table.move(list, 1, middle, 1, {}), less)
    local b = merge_sort(table.move(list, middle + 1, #list, 1, {}), less)
    local merged, i, j = {}, 1, 1
    while a[i] or b[j] do
        if b[j] == nil or a[i] ~= nil and not less(b[j], a[i]) then
            merged[#merged + 1], i = a[i], i + 1
        else
            merged[#merged + 1], j = b[j], j + 1
        end
    end
    return merged
end

local function quick_sort(list, less)
    if #list < 2 then
        return list
    end
    local pivot, before, equal, after = list[#list // 2 + 1], {}, {}, {}
    for _, value in ipairs(list) do
        local place = less(value, pivot) and before or less(pivot, value) and after or equal
        place[#place + 1] = value
    end
    local sorted = quick_sort(before, less)
    table.move(equal, 1, #equal, #sorted + 1, sorted)
    after = quick_sort(after, less)
    return table.move(after, 1, #after, #sorted + 1, sorted)
end

local function sift(list, from, to, less)
    while from * 2 <= to do
        local child = from * 2
        if child < to and less(list[child], list[child + 1]) then
            child = child + 1
        end
        if not less(list[from], list[child]) then
            return
        end
        list[from], list[child], from = list[child], list[from], child
    end
end

local function heap_sort(list, less)
    list = copy(list)
    for i = #list // 2, 1, -1 do
        sift(list, i, #list, less)
    end
    for last = #list, 2, -1 do
        list[1], list[last] = list[last], list[1]
        sift(list, 1, last - 1, less)
    end
    return list
end

local function insertion_sort(list, less)
    local sorted = {}
    for _, value in ipairs(list) do
        local place = #sorted + 1
        while place > 1 and less(value, sorted[place - 1]) do
            place = place - 1
        end
        table.insert(sorted, place, value)
    end
    return sorted
end

local function library_sort(list, less)
    list = copy(list)
    table.sort(list, less)
    return list
end

local function ascending(a, b) return a < b end
local function descending(a, b) return a > b end
local algorithms = { merge_sort, quick_sort, heap_sort, insertion_sort, library_sort }

for _, n in ipairs { 0, 1, 2, 10, 300 } do
    for _, less in ipairs { ascending, descending } do
        local list = {}
        for i = 1, n do list[i] = random(n) end
        local texts = {}
        for i, sort in ipairs(algorithms) do texts[i] = table.concat(sort(list, less), " ") end
        for i = 2, #texts do assert(texts[i] == texts[1], i) end
        print(n, #texts[1], texts[1]:sub(1, 40))
    end
end

local large = {}
for i = 1, 20000 do large[i] = random(30000) end
local sorted = library_sort(large, ascending)
assert(table.concat(merge_sort(large, ascending), " ") == table.concat(sorted, " "))
print("large", sorted[1], sorted[10000], sorted[20000])

local people = {}
for i = 1, 1000 do people[i] = { name = ("name %03d"):format(random(100)), age = random(50), place = i } end
local by_age = merge_sort(merge_sort(people, function(a, b) return a.name < b.name end),
    function(a, b) return a.age < b.age end)
local stable = 0
for i = 2, #by_age do
    local a, b = by_age[i - 1], by_age[i]
    if a.age == b.age and (a.name < b.name or a.name == b.name and a.place < b.place) then stable = stable + 1 end
end
print("stable", stable, by_age[1].name, by_age[1000].name)
print("errors", pcall(table.sort, { 1, "x", 3 }), pcall(table.sort, { {}, {} }))
