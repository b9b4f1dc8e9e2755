-- goto: state machines, continue, leaving nested loops, and loops that make a new upvalue in each round.

local function tokens(text)
    local list, at, from = {}, 1, 1
    local c
    ::start::
    c = text:sub(at, at)
    if c == "" then goto finish end
    if c:find "%s" then at = at + 1 goto start end
    from = at
    if c:find "%d" then goto number end
    if c:find "[%a_]" then goto word end
    list[#list + 1], at = "op " .. c, at + 1
    goto start
    ::number::
    at = at + 1
    if text:find("^[%d.]", at) then goto number end
    list[#list + 1] = "number " .. text:sub(from, at - 1)
    goto start
    ::word::
    at = at + 1
    if text:find("^[%w_]", at) then goto word end
    list[#list + 1] = "word " .. text:sub(from, at - 1)
    goto start
    ::finish::
    return list
end
print(table.concat(tokens "area_1 = 3.14 * (r+20)", ", "))

local found
for a = 1, 100 do
    for b = a, 100 do
        for c = b, 100 do
            if a * a + b * b == c * c and a + b + c == 180 then
                found = ("%d %d %d"):format(a, b, c)
                goto done
            end
        end
    end
end
::done::
print("triple", found)

local odd = {}
for i = 1, 40 do
    if i % 2 == 0 then goto continue end
    if i % 5 == 0 then goto continue end
    odd[#odd + 1] = i
    ::continue::
end
print("odd", table.concat(odd, " "))

local closures = {}
do
    local i = 1
    ::again::
    local mine = i * i
    closures[i] = function() mine = mine + 1 return mine end
    i = i + 1
    if i <= 200 then goto again end
end
local total = 0
for round = 1, 3 do
    for _, f in ipairs(closures) do total = total + f() * round end
end
print("upvalues", total)

--- Collatz, by jumps alone.
local function collatz(n)
    local steps = 0
    ::top::
    if n == 1 then return steps end
    steps = steps + 1
    if n % 2 == 0 then
        n = n // 2
        goto top
    end
    n = 3 * n + 1
    goto top
end
local best, at = 0, 0
for n = 1, 5000 do
    local steps = collatz(n)
    if steps > best then best, at = steps, n end
end
print("collatz", best, at)

-- A to-be-closed variable is closed by a jump out of its block.
local closed = {}
do
    local n = 0
    ::more::
    n = n + 1
    do
        local _ <close> = setmetatable({}, { __close = function() closed[#closed + 1] = n end })
        if n < 5 then goto more end
    end
end
print("closed by jumps", table.concat(closed, " "))
print("errors", load "goto nowhere", load "do ::a:: end goto a", load "::a:: ::a::")
