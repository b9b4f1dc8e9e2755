-- To-be-closed variables: their order, on each way out of a block, with errors in them, in loops and in coroutines.

local log = {}
local function scoped(name, problem)
    return setmetatable({ name = name }, { __close = function(self, err)
        log[#log + 1] = self.name .. (err and "(" .. tostring(err) .. ")" or "")
        if problem then
            error(problem, 0)
        end
    end })
end

local function flush(what, ...)
    print(what, table.concat(log, " "), ...)
    log = {}
end

do
    local _a <close> = scoped "a"
    local _b <close> = nil
    local _c <close> = scoped "c"
    local _d <close> = false
end
flush "a block"

local function leave(way)
    local _outer <close> = scoped "outer"
    for i = 1, 3 do
        local _inner <close> = scoped("inner" .. i)
        if way == "break" and i == 2 then break end
        if way == "return" and i == 2 then return "returned", i end
        if way == "error" and i == 2 then error("raised", 0) end
    end
    return "ended"
end
for _, way in ipairs { "through", "break", "return", "error" } do
    flush(way, pcall(leave, way))
end

flush("errors replace errors", pcall(function()
    local _a <close> = scoped("a", "from a")
    local _b <close> = scoped "b"
    local _c <close> = scoped("c", "from c")
    error("first", 0)
end))

local function iterate(n)
    local i = 0
    return function()
        i = i + 1
        return i <= n and i or nil
    end, nil, nil, scoped "iterator"
end
for i in iterate(3) do log[#log + 1] = i end
flush "a loop to its end"
for i in iterate(3) do
    log[#log + 1] = i
    if i == 2 then break end
end
flush "a loop that ends early"
flush("not closable", pcall(function() local _x <close> = 42 end))

local worker = coroutine.wrap(function()
    local _a <close> = scoped "a"
    coroutine.yield "one"
    do
        local _b <close> = setmetatable({}, { __close = function()
            coroutine.yield "yielded while closing"
            log[#log + 1] = "b"
        end })
        coroutine.yield "two"
    end
    return "end"
end)
flush("a coroutine", worker(), worker(), worker(), worker())

local depth = 0
local function nest(n)
    local _ <close> = setmetatable({}, { __close = function() depth = depth + 1 end })
    if n > 0 then
        return (nest(n - 1))
    end
    return "bottom"
end
print("nested", nest(150), depth)

local opened, total = 0, 0
local function resource(size)
    opened = opened + 1
    return setmetatable({ data = ("x"):rep(size) }, { __close = function(self)
        opened, total = opened - 1, total + #self.data
        self.data = nil
    end })
end
for i = 1, 5000 do
    pcall(function()
        local a <close> = resource(i % 100)
        local _b <close> = resource(#a.data * 2)
        if i % 3 == 0 then error { i } end
    end)
end
print("resources", opened, total)

local function with(object, body)
    local held <close> = object
    return body(held)
end
print("tail", with(scoped "t", function(o) return o.name, #log end), #log)
