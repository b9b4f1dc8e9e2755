-- Every public function, with each argument of its example (tests/lua/examples.lua) replaced by each wrong value, and
-- each field of an argument that is a table; and each method on each wrong object. It accepts the value, or returns
-- nil, a message and a code, or raises one line that begins at the caller's line and says which function or argument it
-- is. misuse_test.lua says in more detail what is wrong; this one leaves no function out.

local test = ...
local la = require "lunalloc"
local examples = dofile "tests/lua/examples.lua"

-- A tree of its own: walker:fill() writes fields into it.
local CTL <const> = require "lunalloc.api".new(require "lunalloc.core").ctl
local CYCLE <const> = {}
CYCLE.x, CYCLE[1] = CYCLE, CYCLE

local WRONG <const> = { false, true, 0, -1, 1.5, 1e300, 10 ^ 12, 0 / 0, math.huge, -math.huge, math.mininteger,
    math.maxinteger, "", "x", "\0", "1\0", "two\nlines", ("long"):rep(100), {}, { 1 }, { x = 1 }, { [{}] = 1 }, CYCLE,
    { { {} } }, print, coroutine.create(print), io.stdout, CTL, la.stats(),
    setmetatable({}, { __index = function() error("from __index", 0) end, __name = "odd", __len = function()
        return -1
    end }) }

-- What an error of the library must not show: its files, its primitives, its own variables.
local INTERNAL <const> = { "lunalloc/[%w_/]+%.lua", "%.core", "'%?'", "upvalue", "local '", "method '", "global '",
    "attempt to ", "stack traceback" }

--- The call; not a tail call, so that it has a line.
local function call(f, ...)
    local results = table.pack(f(...))
    return table.unpack(results, 1, results.n)
end

local problems -- of the function in work: text -> true

local function complain(format, ...)
    problems[format:format(...)] = true
end

local function assert_raised(name, message)
    if message == "from __index" then
        return
    elseif type(message) ~= "string" or message:find "\n" or not message:find "^%S*wrong_test%.lua:%d+: " then
        return complain("%s raised '%s'", name, tostring(message))
    end
    local text = message:gsub("^%S+ ", ""):gsub("'[^']*long[^']*'", "")
    for _, pattern in ipairs(INTERNAL) do
        if text:find(pattern) then
            complain("%s raised '%s'", name, text)
        end
    end
end

local function assert_failed(name, message, code)
    if type(message) ~= "string" or message == "" or message:find "\n" or not tostring(code):find "^E%u+$" or
        message:find("lunalloc/%a+%.lua") then
        complain("%s returned nil, %s, %s", name, tostring(message), tostring(code))
    end
end

--- Gives back what a call that was accepted has made.
local function give_back(example, ...)
    if example.after and (...) ~= nil then
        pcall(example.after, ...)
    end
end

local function try(name, example, f, arguments)
    local results = table.pack(pcall(call, f, table.unpack(arguments, 1, arguments.n)))
    if not results[1] then
        assert_raised(name, results[2])
    elseif results[2] == nil and results[3] ~= nil then
        assert_failed(name, results[3], results[4])
    else
        give_back(example, table.unpack(results, 2, results.n))
    end
end

--- Every wrong value in the place of the argument at i.
local function try_argument(name, example, i)
    for _, value in ipairs(WRONG) do
        local prepared <close> = examples.prepare(name, example)
        local arguments = table.move(prepared.arguments, 1, #prepared.arguments, 1, {})
        arguments[i], arguments.n = value, math.max(i, #prepared.arguments)
        try(name, example, prepared.f, arguments)
    end
end

local function keys_of(t)
    local keys = { "x", 1, 1.5 }
    for key in pairs(t) do
        keys[#keys + 1] = key
    end
    return keys
end

--- Every wrong value in the place of each field of the argument at i, which is a table.
local function try_fields(name, example, i, fields)
    for _, key in ipairs(keys_of(fields)) do
        for _, value in ipairs(WRONG) do
            local prepared <close> = examples.prepare(name, example)
            local arguments, copy = prepared.arguments, {}
            for field, right in pairs(fields) do
                copy[field] = right
            end
            copy[key] = value
            arguments[i], arguments.n = copy, #arguments
            try(name, example, prepared.f, arguments)
        end
    end
end

local function try_all(name, example)
    local first <close> = examples.prepare(name, example)
    for i = 1, #first.arguments + 1 do
        try_argument(name, example, i)
        if type(first.arguments[i]) == "table" and not (i == 1 and example.self) then
            try_fields(name, example, i, first.arguments[i])
        end
    end
end

test("limits of a meter", function()
    local m = la.adopt {}
    for _, value in ipairs { true, -1, 0 / 0, "", "x", {}, print, math.huge } do
        for _, key in ipairs { "limit", "soft", "on_soft", "arena", "x" } do
            for name, f in pairs { ["la.adopt"] = la.adopt, ["m:set"] = m.set } do
                local arguments = name == "m:set" and { m, { [key] = value } } or { { [key] = value } }
                local ok, message, _, code = pcall(call, f, table.unpack(arguments))
                problems = {}
                if not ok then
                    assert_raised(name, message)
                elseif not (key == "on_soft" and value == print) then
                    test.equal(message, nil, ("%s{%s = %s}"):format(name, key, tostring(value)))
                    test.equal(code, "EAGAIN")
                end
                test.equal(next(problems), nil)
            end
        end
    end
    m:close()
end)

io.output "/dev/null"

for name, example in examples.each() do
    if not example.lone then
        test(name, function()
            problems = {}
            try_all(name, example)
            local list = {}
            for problem in pairs(problems) do
                list[#list + 1] = problem
            end
            table.sort(list)
            test.equal(table.concat(list, "\n"), "")
        end)
    end
end

test("the runner's state is not adopted", function()
    if package.preload["lunalloc.exec"] then
        test.skip "the console moves its state to an arena of its own"
    end
    test.equal(la.loaded and la.meter() or nil, nil)
end)

io.output(io.stdout)
