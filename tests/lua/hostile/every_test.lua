-- Every public function, as tests/lua/examples.lua calls it, while Lua's memory runs out at its n-th allocation, for
-- n = 0, 1, 2 ... until there is enough. After each failure the next call gives the right result, and in the end
-- nothing is left: no block of the allocator nor of malloc, no file, no thread, no arena. Run by hostile.c.

local test = ...
local la = require "lunalloc"
local help = require "lunalloc.help"
local examples = dofile "tests/lua/examples.lua"

local FINE <const> = 40 -- up to here each n is tried, then ever fewer

--- All that could be left behind, as one text. Arenas that were destroyed stay, to be used again.
local function left()
    collectgarbage()
    collectgarbage()
    local blocks, files, threads = hostile.resources()
    return ("%d bytes, %d blocks, %d files, %d threads, %s = %s"):format(la.stats().allocated, blocks, files, threads,
        "dirty_decay_ms", la.get "arena.0.dirty_decay_ms")
end

--- What f raises when memory runs out is that, or a message of ours that says so.
local function assert_problem(name, n, ok, value, message)
    local text = tostring(not ok and value or message)
    if not ok and not text:find "not enough memory" and not text:find "error in error handling" then
        error(("%s, after allocation %d, raised '%s'"):format(name, n, text), 0)
    end
end

local function call_in_peace(name, example, call)
    local ok, problem = pcall(function()
        examples.judge(example, call.f(table.unpack(call.arguments)))
    end)
    if not ok then
        error(("%s after it had run out of memory: %s"):format(name, problem), 0)
    end
end

--- Calls one example with n allocations; true if that was enough.
local function call_with(name, example, n, attempt)
    local call <close> = examples.prepare(name, example)
    local results = table.pack(attempt(n, call.f, table.unpack(call.arguments)))
    local refused, ok = results[1], results[2]
    if ok and not refused then
        examples.judge(example, table.unpack(results, 3, results.n))
        return true
    elseif ok and results[3] ~= nil and example.after then
        example.after(table.unpack(results, 3, results.n))
    elseif not ok then
        assert_problem(name, n, ok, results[3])
    end
    return false
end

--- The same; if it was not enough, the next call must give the right result.
local function try_once(name, example, n, attempt)
    if call_with(name, example, n, attempt) then
        return true
    end
    if example.connects then
        collectgarbage() -- an agent takes only so many connections
    end
    if (n < FINE or example.reused) and not example.slow then
        local again <close> = examples.prepare(name, example)
        call_in_peace(name, example, again)
    end
    return false
end

local function sweep(name, example, attempt)
    local n, tries = 0, 0
    while not try_once(name, example, n, attempt) do
        n = n + (example.slow and n + 1 or n < FINE and 1 or n // 5)
        tries = tries + 1
        assert(tries < 300, "it never succeeds")
    end
end

local function is_function(name)
    local value = la
    for key in name:match "^la%.(.*)":gmatch "[%w_]+" do
        value = value[key]
    end
    return type(value) == "function"
end

test("every documented function has an example", function()
    for name in pairs(help.functions) do
        if name:find ":" or name:find "^la%." and is_function(name) then
            test.equal(examples.functions[name] ~= nil, true, "an example of " .. name)
        end
    end
end)

--- Sweeps twice: what the first one has brought to stay is there when the second one begins.
local function assert_sweep(name, example, attempt)
    sweep(name, example, attempt)
    local before = left()
    sweep(name, example, attempt)
    test.equal(left(), before, "what is left")
end

io.output "/dev/null"

for name, example in examples.each() do
    if not example.meter then
        test(name .. " while memory runs out", function()
            assert_sweep(name, example, hostile.attempt)
        end)
        test(name .. " while one allocation fails", function()
            assert_sweep(name, example, hostile.attempt_one)
        end)
    end
end

-- ---- meters --------------------------------------------------------------------------------------------------------

-- In a state of its own. Once it is adopted, it is its meter that refuses memory.
local ON_A_METER <const> = [[
local la = require "lunalloc"
local examples = dofile "tests/lua/examples.lua"
local name, attempt = ...
local example = examples.functions[name]

local function try(n)
    local call <close> = examples.prepare(name, example)
    collectgarbage()
    collectgarbage "stop"
    local results = table.pack(hostile[attempt](n, call.f, table.unpack(call.arguments)))
    collectgarbage "restart"
    local refused, ok, problem = results[1], results[2], results[3]
    if not ok then
        assert(problem == "not enough memory", problem)
        return false
    end
    examples.judge(example, table.unpack(results, 3, results.n))
    return not refused
end

for n = 0, 3000 do
    if try(n) then
        local m = la.meter()
        if m then
            local stats = m:stats()
            local sum = 0
            for _, bytes in pairs(stats.by_type) do
                sum = sum + bytes
            end
            assert(sum == stats.allocated)
        end
        return
    end
end
error "it never succeeds"
]]

for name, example in examples.each() do
    if example.meter then
        test(name .. " while memory runs out", function()
            for _, attempt in ipairs { "attempt", "attempt_one" } do
                local code = ("assert(load(%q, '=meter'))(%q, %q)"):format(ON_A_METER, name, attempt)
                local ok, problem = hostile.state(code)
                test.equal(ok, true, problem)
                local before = left()
                assert(hostile.state(code))
                test.equal(left(), before, "what is left")
            end
        end)
    end
end

-- ---- on another process --------------------------------------------------------------------------------------------

local CHILD <const> = [[
local keep = {}
for i = 1, 2000 do
    keep[i] = ("x"):rep(i)
end
local stat <close> = io.open "/proc/self/stat"
print(stat:read "n")
io.stdout:flush()
io.read()
]]

--- A process that runs lunalloc until the FIFO is closed. Its number, and a function that ends it.
local function start_child()
    local fifo = os.tmpname()
    os.remove(fifo)
    assert(os.execute(("mkfifo '%s'"):format(fifo)))
    local pipe = assert(io.popen(("LD_PRELOAD='%s' LUNALLOC_CONF=agent:true exec lua5.4 -e '%s' <'%s'"):format(
        os.getenv "LUNALLOC_SO", CHILD, fifo)))
    local writer <const> = assert(io.open(fifo, "w"))
    os.remove(fifo)
    return pipe:read "n", function()
        writer:close()
        pipe:close()
    end
end

for _, way in ipairs { "agent", "memory" } do
    local pid, stop = start_child()
    test("attaching by way of " .. way, function()
        local example = { connects = true, args = { pid, { way = way, timeout = "20s" } }, after = function(t)
            t.close()
        end }
        for _, attempt in ipairs { hostile.attempt, hostile.attempt_one } do
            assert_sweep("la.attach", example, attempt)
        end
    end)
    local target = assert(la.attach(pid, { way = way }))
    for name, example in examples.each() do
        if name:find "^la%." and not example.own then
            test(("%s by way of %s"):format(name, way), function()
                examples.use(target)
                local call <close> = examples.prepare(name, example)
                local possible, result = pcall(call.f, table.unpack(call.arguments)) -- memory alone changes nothing
                if possible and result then
                    if example.after then
                        example.after(result)
                    end
                    assert_sweep(name, example, hostile.attempt)
                end
            end)
        end
    end
    examples.use(la)
    target.close()
    stop()
end

io.output(io.stdout)
