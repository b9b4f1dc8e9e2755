-- Metatables: classes, inheritance, operators, proxies, default values, and metamethods that are called amid others.

local Class = {}

function Class.new(parent)
    local class = setmetatable({}, { __index = parent, __call = function(self, ...)
        local object = setmetatable({}, self)
        object:init(...)
        return object
    end })
    class.__index = class
    class.super = parent
    if parent then
        for _, name in ipairs { "__tostring", "__eq", "__lt", "__le", "__add", "__len", "__concat" } do
            class[name] = parent[name]
        end
    end
    return class
end

local Shape = Class.new()
function Shape:init(name) self.name = name end
function Shape.__tostring(self) return ("%s of %g"):format(self.name, self:area()) end
function Shape.__lt(a, b) return a:area() < b:area() end
function Shape.__le(a, b) return a:area() <= b:area() end
function Shape.__eq(a, b) return a:area() == b:area() end
function Shape.__concat(a, b) return tostring(a) .. " and " .. tostring(b) end
function Shape.area() return 0 end

local Circle, Box = Class.new(Shape), Class.new(Shape)
function Circle:init(r) self.super.init(self, "circle") self.r = r end
function Circle:area() return 3 * self.r ^ 2 end
function Box:init(a, b) self.super.init(self, "box") self.a, self.b = a, b end
function Box:area() return self.a * self.b end

local shapes = {}
for i = 1, 500 do
    shapes[i] = i % 2 == 0 and Circle(i % 17) or Box(i % 13, i % 11 + 1)
end
table.sort(shapes, function(a, b) return a < b end)
print(shapes[1], shapes[250], shapes[500])
print(Circle(2) == Box(3, 4), Circle(1) <= Box(1, 1), Circle(2) .. Box(1, 2))

local Vector = {}
Vector.__index = Vector
local function vector(...) return setmetatable({ ... }, Vector) end
local function each(f, a, b)
    local result = {}
    for i = 1, #a do result[i] = f(a[i], b[i]) end
    return vector(table.unpack(result))
end
function Vector.__add(a, b) return each(function(x, y) return x + y end, a, b) end
function Vector.__sub(a, b) return each(function(x, y) return x - y end, a, b) end
function Vector.__mul(a, b)
    if type(a) == "number" then return each(function(x) return a * x end, b, b) end
    local sum = 0
    for i = 1, #a do sum = sum + a[i] * b[i] end
    return sum
end
function Vector.__unm(a) return -1 * a end
function Vector.__idiv(a, n) return each(function(x) return x // n end, a, a) end
function Vector.__shl(a, n) return each(function(x) return x << n end, a, a) end
function Vector.__tostring(a) return "<" .. table.concat(a, ", ") .. ">" end
local sum = vector(0, 0, 0)
for i = 1, 3000 do sum = sum + 2 * vector(i, -i, 1) - vector(1, 0, 1) end
print(sum, -sum, sum * vector(1, 1, 1), sum // 10, sum << 1)

local function proxy(target, log)
    return setmetatable({}, {
        __index = function(_, key) log[#log + 1] = "get " .. tostring(key) return target[key] end,
        __newindex = function(_, key, value) log[#log + 1] = "set " .. tostring(key) target[key] = value end,
        __len = function() return #target end,
        __call = function(_, ...) return select("#", ...) end,
        __pairs = function() return next, target, nil end,
    })
end
local log = {}
local p = proxy({ 1, 2, 3 }, log)
p.x, p[4] = 5, p[1] + p[3]
print(#p, p(1, nil, nil), p[4], table.concat(log, "; "))
local seen = {}
for key, value in pairs(p) do seen[#seen + 1] = tostring(key) .. "=" .. tostring(value) end
table.sort(seen)
print(table.concat(seen, " "))

local chain = {}
for i = 1, 90 do chain = setmetatable({ ["k" .. i] = i }, { __index = chain }) end
print("chain", chain.k1, chain.k90, chain.k0)
local loop = {}
setmetatable(loop, { __index = loop })
print("loop", pcall(function() return loop.x end))
local defaults = setmetatable({}, { __index = function(t, key)
    local new = setmetatable({}, getmetatable(t))
    rawset(t, key, new)
    return new
end })
for i = 1, 300 do defaults[i % 10][i % 7].value = i end
print("defaults", defaults[3][3].value, rawlen(defaults), rawget(defaults, "none"))
print("protected", getmetatable(setmetatable({}, { __metatable = "locked" })),
    pcall(setmetatable, setmetatable({}, { __metatable = 1 }), {}))
print("names", (tostring(setmetatable({}, { __name = "Thing" })):gsub("0x%x+", "ADDRESS")))
print("no metamethod", pcall(function() return {} + 1 end), pcall(function() return {} < {} end))
