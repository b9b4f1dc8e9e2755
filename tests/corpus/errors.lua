-- Errors: of each type, in handlers, in metamethods, in errors of errors, deep stacks, and after each the state works.

print(pcall(error), pcall(error, nil), pcall(error, "text", 0), pcall(error, 42))
print(select(2, pcall(error, { code = 5 })).code, select("#", pcall(error, nil)))
print(pcall(error, setmetatable({}, { __tostring = function() return "object" end })) == false)

local function level(n) error("where", n) end
for n = 0, 3 do
    print(n, (select(2, pcall(function() level(n) end)):gsub("^.*:(%d+):", "LINE:")))
end

print(xpcall(function() error("inner", 0) end, function(e) return "handled " .. e end))
print(xpcall(function() error("inner", 0) end, function(e) error("again " .. #e, 0) end))
print(xpcall(function() return {} .. "x" end, function(e) return (e:gsub("^.-:%d+: ", "")) end))
print(xpcall(function(...) return select("#", ...) end, print, 1, nil, nil))
local depth = 0
local ok, message = xpcall(function() error "x" end, function()
    depth = depth + 1
    error "y"
end)
print("errors in errors", ok, type(message), depth > 1)

local function overflow(n) return 1 + overflow(n + 1) end
for _ = 1, 3 do
    ok, message = pcall(overflow, 1)
    print(ok, message:match "stack overflow")
end
ok, message = xpcall(overflow, function(e) return "handled: " .. (e:match "stack overflow") end, 1)
print(ok, message)
local function through_c(n)
    return (("x"):gsub("x", function() return through_c(n + 1) end))
end
ok, message = pcall(through_c, 1)
print(ok, message:match "C stack overflow" or message:match "stack overflow")
local nested = ("("):rep(300) .. "1" .. (")"):rep(300)
print(load("return " .. nested) == nil, load("return " .. ("{"):rep(150) .. ("}"):rep(150)) ~= nil)

local bad = setmetatable({}, {
    __index = function() error("no index", 0) end,
    __add = function() error({ "no sum" }) end,
    __len = function() error("no length", 0) end,
    __concat = function() return nil end,
    __eq = function() error("no equality", 0) end,
})
print(pcall(function() return bad.x end), pcall(function() return #bad end), pcall(function() return bad .. 1 end))
print(select(2, pcall(function() return bad + 1 end))[1])
print(pcall(function() return bad == setmetatable({}, getmetatable(bad)) end))

local failures, sum = 0, 0
for i = 1, 20000 do
    local fine, result = pcall(function(n)
        local t = { n, tostring(n) }
        if n % 3 == 0 then error { t } end
        if n % 5 == 0 then error(t[2] .. " is bad", 0) end
        return n
    end, i)
    if fine then
        sum = sum + result
    else
        failures = failures + (type(result) == "table" and 1 or #result)
    end
end
print("many", sum, failures)

for _, code in ipairs { "x =", "for i = 1 do end", "return 1 +", "local x <const> = 1; x = 2", "break", "'open",
    "[[open", "0x", "a.b:c = 1", "return ..." .. (" .. x"):rep(10), "\1" } do
    local chunk, problem = load(code, "=code")
    print(chunk and "fine" or problem)
end
print(pcall(load, function() error("reader", 0) end))
print(load(function() error("reader", 0) end))
print(pcall(next, {}, "none"), pcall(ipairs), pcall(setmetatable, 1, {}))
print(pcall(string.rep, "x", 1 << 40, ("y"):rep(1000)))
