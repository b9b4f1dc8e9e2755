-- An interpreter of a small Lisp, written in Lua: lists of pairs, environments as chains of tables, closures.

local Nil = {}
local function cons(a, b) return { a, b } end
local function is_pair(x) return type(x) == "table" and x ~= Nil and x.body == nil end

local function parse(text)
    local tokens = {}
    for token in text:gsub("[()']", " %0 "):gmatch "%S+" do tokens[#tokens + 1] = token end
    local at = 0
    local read
    local function read_list()
        if tokens[at + 1] == ")" then
            at = at + 1
            return Nil
        end
        local head = read()
        return cons(head, read_list())
    end
    function read()
        at = at + 1
        local token = tokens[at]
        if token == "(" then
            return read_list()
        elseif token == "'" then
            return cons("quote", cons(read(), Nil))
        end
        return tonumber(token) or token
    end
    local program = {}
    while at < #tokens do program[#program + 1] = read() end
    return program
end

local function show(x)
    if x == Nil then
        return "()"
    elseif not is_pair(x) then
        return type(x) == "table" and "<lambda>" or tostring(x)
    end
    local parts = {}
    while is_pair(x) do
        parts[#parts + 1] = show(x[1])
        x = x[2]
    end
    return "(" .. table.concat(parts, " ") .. (x ~= Nil and " . " .. show(x) or "") .. ")"
end

local function extend(env, names, values)
    local new = setmetatable({}, { __index = env })
    while names ~= Nil do
        new[names[1]], names, values = values[1], names[2], values[2]
    end
    return new
end

local eval

local function eval_list(list, env)
    if list == Nil then
        return Nil
    end
    local head = eval(list[1], env)
    return cons(head, eval_list(list[2], env))
end

local special = {
    quote = function(x) return x[1] end,
    ["if"] = function(x, env)
        return eval(eval(x[1], env) and x[2][1] or x[2][2][1], env)
    end,
    lambda = function(x, env) return { names = x[1], body = x[2][1], env = env } end,
    define = function(x, env)
        env[x[1]] = eval(x[2][1], env)
        return x[1]
    end,
}

function eval(x, env)
    if type(x) == "string" then
        local value = env[x]
        if value == nil then error("unbound: " .. x, 0) end
        return value
    elseif not is_pair(x) then
        return x
    end
    local form = special[x[1]]
    if form then
        return form(x[2], env)
    end
    local f, arguments = eval(x[1], env), eval_list(x[2], env)
    if type(f) == "function" then
        return f(arguments[1], arguments[2] ~= Nil and arguments[2] and arguments[2][1])
    elseif type(f) ~= "table" or not f.body then
        error("not a function: " .. show(f), 0)
    end
    return eval(f.body, extend(f.env, f.names, arguments))
end

local global = {
    ["+"] = function(a, b) return a + b end, ["-"] = function(a, b) return a - b end,
    ["*"] = function(a, b) return a * b end, ["<"] = function(a, b) return a < b end,
    ["="] = function(a, b) return a == b end, mod = function(a, b) return a % b end,
    cons = cons, car = function(a) return a[1] end, cdr = function(a) return a[2] end,
    ["null?"] = function(a) return a == Nil end, nil_ = Nil,
}

local program = [[
(define fib (lambda (n) (if (< n 2) n (+ (fib (- n 1)) (fib (- n 2))))))
(fib 16)
(define map (lambda (f l) (if (null? l) l (cons (f (car l)) (map f (cdr l))))))
(define range (lambda (a b) (if (< b a) '() (cons a (range (+ a 1) b)))))
(map (lambda (x) (* x x)) (range 1 15))
(define filter (lambda (p l) (if (null? l) l (if (p (car l)) (cons (car l) (filter p (cdr l))) (filter p (cdr l))))))
(define sieve (lambda (l) (if (null? l) l (cons (car l)
    (sieve (filter (lambda (n) (if (= (mod n (car l)) 0) (null? 0) (null? '()))) (cdr l)))))))
(sieve (range 2 60))
(define fold (lambda (f a l) (if (null? l) a (fold f (f a (car l)) (cdr l)))))
(fold + 0 (range 1 40))
(define twice (lambda (f) (lambda (x) (f (f x)))))
(((twice twice) (lambda (x) (* x 3))) 1)
'(a (b . c) () (d e))
twice
(undefined 1)
(1 2)
]]
for _ = 1, 3 do
    for _, form in ipairs(parse(program)) do
        local ok, value = pcall(eval, form, global)
        print(ok, show(value))
    end
end
