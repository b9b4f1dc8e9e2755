-- Code that is made at run time: thousands of chunks from load, templates, an expression compiler, a Brainfuck one.

local total = 0
for i = 1, 3000 do
    local code = ("local x = ... return function(y) return x * %d + y, '%s' end"):format(i, ("s"):rep(i % 60))
    local f = assert(load(code))
    local value, text = f(2)(i)
    total = total + value + #text
end
print("chunks", total)

local function parse(text)
    local at = 1
    local expression
    local function peek() return text:match("^%s*(%S)", at) end
    local function take(pattern)
        local token, after = text:match("^%s*(" .. pattern .. ")()", at)
        at = after or at
        return token
    end
    local function atom()
        local number = take "%d+"
        if number then return { "number", tonumber(number) } end
        local name = take "%a+"
        if name then return { "name", name } end
        assert(take "%(", "a value expected at " .. at)
        local inside = expression()
        assert(take "%)", "')' expected at " .. at)
        return inside
    end
    local function chain(below, pattern)
        return function()
            local left = below()
            while peek() and peek():find(pattern) do
                left = { take(pattern), left, below() }
            end
            return left
        end
    end
    expression = chain(chain(atom, "[*/%%]"), "[+-]")
    local tree = expression()
    assert(not peek(), "the end expected at " .. at)
    return tree
end

local function emit(tree)
    if tree[1] == "number" then return tostring(tree[2]) end
    if tree[1] == "name" then return "v." .. tree[2] end
    return ("(%s %s %s)"):format(emit(tree[2]), tree[1], emit(tree[3]))
end

local function interpret(tree, v)
    if tree[1] == "number" then return tree[2] end
    if tree[1] == "name" then return v[tree[2]] end
    local a, b = interpret(tree[2], v), interpret(tree[3], v)
    return tree[1] == "+" and a + b or tree[1] == "-" and a - b or tree[1] == "*" and a * b
        or tree[1] == "/" and a / b or a % b
end

for _, text in ipairs { "1 + 2 * 3", "(a + b) * (a - b)", "a * a * a - b % 7 + 100 / 4", "((((a))))" } do
    local tree = parse(text)
    local f = assert(load("local v = ... return " .. emit(tree)))
    local v = { a = 12, b = 45 }
    assert(f(v) == interpret(tree, v))
    print(text, emit(tree), f(v))
end
for _, text in ipairs { "1 +", "(1", "1 2", "*" } do
    print(text, (select(2, pcall(parse, text)):gsub("^.-:%d+: ", "")))
end

local function compile(source)
    local code, depth = { "local out, m, p = {}, setmetatable({}, { __index = function() return 0 end }), 1" }, 0
    local forms = {
        [">"] = "p = p + %d", ["<"] = "p = p - %d", ["+"] = "m[p] = (m[p] + %d) %% 256",
        ["-"] = "m[p] = (m[p] - %d) %% 256",
    }
    local at = 1
    while at <= #source do
        local c = source:sub(at, at)
        local run = source:match("^%" .. c .. "+", at)
        if forms[c] then
            code[#code + 1] = forms[c]:format(#run)
            at = at + #run
        else
            code[#code + 1] = c == "[" and "while m[p] ~= 0 do" or c == "]" and "end"
                or "out[#out + 1] = string.char(m[p])"
            depth = depth + (c == "[" and 1 or c == "]" and -1 or 0)
            at = at + 1
        end
    end
    assert(depth == 0)
    return assert(load(table.concat(code, "\n") .. "\nreturn table.concat(out)", "=brainfuck"))
end
local hello = compile("++++++++[>++++[>++>+++>+++>+<<<<-]>+>+>->>+[<]<-]" ..
    ">>.>---.+++++++..+++.>>.<-.<.+++.------.--------.>>+.")
for _ = 1, 5 do print(hello()) end

local function template(text)
    local code, at = { "local e = ... local out = {}" }, 1
    for from, kind, body, after in text:gmatch "()<(.)(.-)>()" do
        code[#code + 1] = ("out[#out + 1] = %q"):format(text:sub(at, from - 1))
        code[#code + 1] = kind == "=" and ("out[#out + 1] = tostring(%s)"):format(body) or body
        at = after
    end
    code[#code + 1] = ("out[#out + 1] = %q return table.concat(out)"):format(text:sub(at))
    return assert(load(table.concat(code, "\n")))
end
local page = template "list:<!for i, n in ipairs(e.names) do > <=i>. <=n:upper()>;<!end > end"
local names = {}
for i = 1, 300 do names[i] = "name" .. i end
print(#page { names = names }, page { names = { "x", "y" } })
