-- Coroutines: generators, a pipeline, a scheduler, thousands at once, errors, and unfinished ones that are closed.

local function count(first, last)
    return coroutine.wrap(function()
        for i = first, last do
            coroutine.yield(i)
        end
    end)
end

local function filter(keep, source)
    return coroutine.wrap(function()
        for value in source do
            if keep(value) then
                coroutine.yield(value)
            end
        end
    end)
end

local primes, source = {}, count(2, 400)
for _ = 1, 30 do
    local prime = source()
    primes[#primes + 1] = prime
    source = filter(function(n) return n % prime ~= 0 end, source)
end
print("sieve", table.concat(primes, " "))

local function permutations(list, n)
    if n == 0 then
        coroutine.yield(table.concat(list))
    end
    for i = 1, n do
        list[i], list[n] = list[n], list[i]
        permutations(list, n - 1)
        list[i], list[n] = list[n], list[i]
    end
end

local words = {}
for word in coroutine.wrap(function() permutations({ "a", "b", "c", "d" }, 4) end) do
    words[#words + 1] = word
end
print("permutations", #words, words[1], words[24])

local log = {}
local tasks = {}
for id = 1, 2000 do
    tasks[id] = coroutine.create(function(step)
        local mine = { id }
        for i = 1, id % 7 + 1 do
            mine[#mine + 1] = ("%d:%d"):format(step, i)
            step = coroutine.yield()
        end
        log[id] = #mine
        return table.concat(mine, ",")
    end)
end
local step, alive, bytes = 0, #tasks, 0
while alive > 0 do
    step = step + 1
    for id, task in pairs(tasks) do
        local _, text = coroutine.resume(task, step)
        if coroutine.status(task) == "dead" then
            bytes, alive, tasks[id] = bytes + #text, alive - 1, nil
        end
    end
end
print("scheduler", step, bytes, #log)

local failing = coroutine.create(function()
    local ok, message = pcall(function()
        coroutine.yield "inside of pcall"
        error({ code = 7 })
    end)
    coroutine.yield(ok, message.code)
    error "at the end"
end)
print(coroutine.resume(failing))
print(coroutine.resume(failing))
print(coroutine.resume(failing))
print(coroutine.status(failing), coroutine.resume(failing))

for i = 1, 300 do
    local closed = 0
    local unfinished = coroutine.create(function()
        local _ <close> = setmetatable({}, { __close = function() closed = closed + 1 end })
        local inner <close> = setmetatable({}, { __close = function() error("close " .. i, 0) end })
        coroutine.yield(inner)
    end)
    coroutine.resume(unfinished)
    local ok, message = coroutine.close(unfinished)
    if i % 100 == 0 then
        print("closed", ok, message, closed, coroutine.status(unfinished))
    end
end

local function deep(n)
    return n == 0 and 0 or 1 + coroutine.wrap(deep)(n - 1)
end
print("nested", deep(100), select(2, pcall(deep, 250)):match "C stack overflow")
