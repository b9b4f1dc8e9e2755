-- Closures: shared and private upvalues, loops, memoization, currying, Church numerals, continuation-passing style.

local function counter()
    local n = 0
    return function() n = n + 1 return n end, function() n = 0 end, function() return n end
end

local up, reset, get = counter()
for _ = 1, 5 do up() end
local before = get()
reset()
print("shared", before, get(), up())

local each = {}
for i = 1, 1000 do
    local j = i * 2
    each[i] = function(k) j = j + k return i + j end
end
local total = 0
for round = 1, 3 do
    for _, f in ipairs(each) do
        total = total + f(round)
    end
end
print("private", total)

local function memoize(f)
    local known = {}
    return function(n)
        local value = known[n]
        if value == nil then
            value = f(n)
            known[n] = value
        end
        return value
    end
end

local fibonacci
fibonacci = memoize(function(n) return n < 2 and n or fibonacci(n - 1) + fibonacci(n - 2) end)
print("memoized", fibonacci(80))

local function curry(f, n)
    local function collect(count, arguments)
        return function(x)
            local all = table.move(arguments, 1, #arguments, 1, {})
            all[#all + 1] = x
            if count == 1 then
                return f(table.unpack(all))
            end
            return collect(count - 1, all)
        end
    end
    return collect(n, {})
end
print("curried", curry(function(a, b, c, d) return a * 1000 + b * 100 + c * 10 + d end, 4)(1)(2)(3)(4))

local function church(n)
    return function(f)
        return function(x)
            for _ = 1, n do x = f(x) end
            return x
        end
    end
end
local function times(a, b) return function(f) return a(b(f)) end end
local function power(a, b) return b(a) end
local function number(a) return a(function(x) return x + 1 end)(0) end
print("church", number(times(church(6), church(7))), number(power(church(2), church(10))))

local function compose(...)
    local functions = table.pack(...)
    return function(x)
        for i = functions.n, 1, -1 do x = functions[i](x) end
        return x
    end
end
local pipeline = compose(math.sqrt, function(x) return x * x * 16 end, function(x) return x + 1 end)
print("composed", pipeline(4))

-- Continuations: each call makes a closure that outlives its frame.
local function factorial(n, continue)
    if n == 0 then
        return continue(1)
    end
    return factorial(n - 1, function(value) return continue(value * n % 1000000007) end)
end
print("continuations", factorial(5000, function(value) return value end))

local objects = {}
for i = 1, 2000 do
    local balance = i
    objects[i] = {
        deposit = function(n) balance = balance + n end,
        balance = function() return balance end,
    }
end
for i, object in ipairs(objects) do object.deposit(i) end
print("objects", objects[1].balance(), objects[2000].balance())

local function y(f)
    return (function(x) return x(x) end)(function(x)
        return f(function(n) return x(x)(n) end)
    end)
end
print("fixed point", y(function(self) return function(n) return n == 0 and 1 or n * self(n - 1) end end)(15))
