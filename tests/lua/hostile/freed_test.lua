-- Lua code that runs inside of the module's C functions, as metamethods and finalizers do, and closes, restarts or
-- collects what they work on. Run by hostile.c, whose freed memory reads as nonsense.

local test = ...
local la = require "lunalloc"
local core = require "lunalloc.core"

local _EXTENTS <const> = { la.buffer "1M", la.buffer "2M", la.buffer(100) } -- so that there are some

local MIX <const> = { { size = 64, lifetime = 10 } }

--- While body() runs, attack() is a finalizer that runs at about every allocation.
local function under_finalizers(attack, body)
    local armed, ran = true, 0
    local function arm()
        setmetatable({}, { __gc = function()
            if armed then
                ran = ran + 1
                attack()
                arm()
            end
        end })
    end
    collectgarbage("incremental", 1, 1000, 24) -- a whole cycle whenever anything was allocated
    collectgarbage() -- from now on there is no pause
    arm()
    local ok, problem = xpcall(body, debug.traceback)
    collectgarbage("incremental", 200, 100, 13)
    armed = false
    assert(ok, problem)
    test.equal(ran > 0, true, "finalizers that ran")
end

local states = { active = true, dirty = true, muzzy = true, retained = true, busy = true }

local function assert_extent(extent)
    test.equal(states[extent.state], true, tostring(extent.state))
    test.equal(extent.size > 0 and extent.size < 1 << 40 and extent.size % 4096 == 0, true, "size")
    test.equal(extent.arena >= 0 and extent.arena < 4096, true, "arena")
    test.equal(extent.addr % 4096, 0, "addr")
end

test("a walker that is closed while it fills a table", function()
    for _ = 1, 20 do
        local _, walker = la.extents()
        local filled = setmetatable({}, { __newindex = function(t, key, value)
            walker:close()
            collectgarbage()
            rawset(t, key, value)
        end })
        test.equal(walker:fill(filled), true)
        assert_extent(filled)
        test.equal(tostring(walker):find "ended", nil, "the table is filled raw")
        walker:close()
        test.equal(walker:fill(filled), false)
        test.match(tostring(walker), "%(ended%)$")
    end
end)

test("a walker that is closed by finalizers while it steps", function()
    local walker
    local steps = 0
    under_finalizers(function()
        if walker then
            walker:close()
        end
    end, function()
        for _ = 1, 100 do
            local _
            _, walker = la.extents()
            local extent = walker:next()
            local filled = {}
            if walker:fill(filled) then
                assert_extent(filled)
            end
            if extent then
                assert_extent(extent)
                steps = steps + 1
            end
        end
    end)
    test.equal(steps > 0, true, "steps")
end)

test("the batch of a walker that is collected in a loop", function()
    under_finalizers(function() end, function()
        for _ = 1, 5 do
            for extent in la.extents() do
                assert_extent(extent)
            end
        end
    end)
end)

local function forever(more)
    local description = { allocator = "lunalloc", duration = "forever", rate = 1000, mix = MIX }
    for key, value in pairs(more or {}) do
        description[key] = value
    end
    return assert(la.workload(description))
end

-- The run that a timeline, a result or a change belongs to is replaced meanwhile.
local function restart(w)
    w:stop()
    w:start()
end

local MARK <const> = ("m"):rep(100)

test("a workload that finalizers start again while its timeline is read", function()
    local w <close> = la.workload { ops = 10, mix = MIX }
    local left = 0 -- allocations until then
    assert(w:run())
    under_finalizers(function()
        left = left - 1
        if left == 0 then
            w:start()
            w:wait()
        end
    end, function()
        for i = 1, 24 do
            assert(w:start():wait())
            for _ = 1, 10 do
                assert(w:set { mark = MARK })
            end
            left = i
            for _, entry in ipairs(w:timeline()) do
                local mark = entry.mark
                test.equal(mark == nil or mark == MARK or mark == "end of operations" or mark == "everything freed",
                    true, mark)
                test.equal(entry.t >= 0 and entry.t < 1000 and entry.ops <= 10, true, "entry")
            end
            left = i
            local r = w:result()
            test.equal(r == nil or r.ops == 10 and r.threads == 1, true)
        end
    end)
end)

-- As its own finalizer would, while another reference to it is in use.
test("a workload that is collected while it is asked", function()
    for _, method in ipairs { "timeline", "result", "info", "status", "set" } do
        for n = 1, 8 do
            local w = la.workload { ops = 10, mix = MIX }
            assert(w:run())
            local left = n
            local ok, message
            under_finalizers(function()
                left = left - 1
                if left == 0 then
                    getmetatable(w.run_).__gc(w.run_)
                end
            end, function()
                ok, message = pcall(w[method], w, { mark = MARK })
                local _ = {}
            end)
            test.equal(ok or message:find "this workload was collected" ~= nil, true, message)
        end
    end
end)

test("a change whose table has metamethods is read raw", function()
    local w <close> = forever():start()
    local change = setmetatable({ set = {} }, { __index = function(_, key)
        restart(w)
        collectgarbage()
        return key == "mark" and ("x"):rep(100) .. key or nil
    end })
    test.equal(w.run_:change(change), true)
    for _, entry in ipairs(w:timeline()) do
        test.equal(entry.mark, nil)
    end
end)

test("a change's texts that finalizers take out of its tables", function()
    local w <close> = forever():start()
    local change
    under_finalizers(function()
        if change then
            change.mark = nil
            for _, pair in ipairs(change.set) do
                pair.name, pair.value = nil, nil
            end
        end
    end, function()
        for i = 1, 50 do
            local name = "no.such" .. ("x"):rep(60) .. i
            change = { set = { { name = name, value = ("y"):rep(60) .. i }, { name = "z" } } }
            change.mark = ("m"):rep(60) .. i
            pcall(w.run_.change, w.run_, change)
            change = nil
        end
    end)
    for _, entry in ipairs(w:timeline()) do
        test.equal(entry.mark == nil or entry.mark:find "^failed: no control 'no%.suchx*%d+'" ~= nil or
            entry.mark:find "^failed: no control 'z'" ~= nil or entry.mark:find "^m+%d+$" ~= nil, true, entry.mark)
    end
end)

test("texts of a plan are its own", function()
    local name, ms = "arena.0.dirty_decay_ms", os.time() % 1000 + 1
    local old <close> = assert(la.with { [name] = assert(la.get(name)) })
    local run = assert(core.workload.create(require "lunalloc.workload_spec".compile { allocator = "lunalloc",
        duration = "60ms", rate = 1000, mix = MIX,
        phases = { { at = "30ms", set = { [name] = ms .. "ms" }, mark = "mark" .. ms } } }))
    collectgarbage()
    collectgarbage()
    assert(run:start())
    test.equal(run:wait(60), true)
    local marks = {}
    for _, entry in ipairs(run:timeline()) do
        marks[#marks + 1] = entry.mark
    end
    test.equal(marks[1], name .. " = " .. ms .. "ms")
    test.equal(marks[2], "mark" .. ms)
    test.equal(la.get(name), ms)
end)

test("candidates of a typing error that a metamethod takes away", function()
    local list
    list = setmetatable({ "hello" .. os.time() }, { __len = function()
        for i = 2, 50 do
            list[i] = "hello" .. i
        end
        return 50
    end })
    test.equal(core.nearest("hello" .. os.time(), list), list[1])
end)

test("sizes and messages whose __tostring frees the buffer", function()
    local strings = getmetatable ""
    local buffer <close> = la.buffer(100)
    strings.__tostring = function()
        buffer:free()
        collectgarbage()
        return "freed"
    end
    local value, message, code = buffer:resize "many"
    strings.__tostring = nil
    test.fails("EINVAL", "bad size 'freed'", value, message, code)
    test.raises("was freed", buffer.fill, buffer, 1)
end)

-- ---- after its finalizer -------------------------------------------------------------------------------------------

--- Everything below runs in the finalizer of an object that was made before the module's, so after theirs.
local AFTERWARDS <const> = [[
    local late = setmetatable({}, { __gc = function(self) self.body() end })
    local la = require "lunalloc"
    local function outcome(f, ...)
        local ok, message = pcall(f, ...)
        return ok and "fine" or message
    end
    %s
    FINISHED = late
]]

--- Runs the code; what late.body() puts together is compared.
local function afterwards(code)
    local path = os.tmpname()
    local ok, problem = hostile.state(("PATH = %q\n"):format(path) .. AFTERWARDS:format(code))
    local file <close> = assert(io.open(path))
    local text = file:read "a"
    os.remove(path)
    test.equal(ok, true, problem)
    return text
end

test("a workload that a finalizer starts, asks and changes after its own", function()
    local text = afterwards [[
        local w = la.workload { ops = 10, mix = { { size = "exp(64)", lifetime = "exp(10)" } } }
        w:run()
        late.body = function()
            local file <close> = io.open(PATH, "w")
            for _, name in ipairs { "start", "wait", "stop", "set", "status", "timeline", "result", "info", "run" } do
                file:write(name, ": ", outcome(w[name], w, name == "wait" and 0 or {}), "\n")
            end
            file:write(tostring(w.run_), "\n")
        end
    ]]
    for _, name in ipairs { "start", "wait", "stop", "set", "status", "timeline", "result", "info", "run" } do
        test.match(text, name .. ": [^\n]*this workload was collected\n")
    end
    test.match(text, "lunalloc%.workload%.run: 0x%x+\n$")
end)

test("a running workload is stopped by its finalizer, whatever is called after it", function()
    local text = afterwards [[
        local w = la.workload { duration = "forever", mix = { { size = "exp(64)", lifetime = "exp(10)" } } }
        w:start()
        late.body = function()
            local file <close> = io.open(PATH, "w")
            file:write(outcome(w.stop, w))
        end
    ]]
    test.match(text, "this workload was collected$")
end)

test("buffers, walkers, snapshots and guards after their finalizers", function()
    local text = afterwards [[
        local buffer = la.buffer(1000)
        local _, walker = la.extents()
        local a, b = la.stats(), la.stats()
        local arenas = a.arenas
        local guard = la.with { ["arenas.dirty_decay_ms"] = 1 }
        late.body = function()
            local file <close> = io.open(PATH, "w")
            file:write("buffer: ", outcome(buffer.fill, buffer, 1), "\n")
            file:write("walker: ", walker:next().state, "\n")
            file:write("snapshot: ", math.type((b - a).nmalloc), " ", math.type(arenas[0].active), "\n")
            guard:restore()
            file:write("guard: ", la.get "arenas.dirty_decay_ms", "\n")
        end
    ]]
    local decay = la.get "arenas.dirty_decay_ms"
    test.match(text, "buffer: [^\n]*this buffer was freed\nwalker: %a+\nsnapshot: integer integer\nguard: " .. decay)
end)

-- Lua gives it no finalizer: what it has is freed while its threads run.
test("a workload that is made and started while the state is closed", function()
    local status = hostile.fork(function()
        assert(hostile.state [[
            local la = require "lunalloc"
            setmetatable({}, { __gc = function()
                la.workload { duration = "forever", mix = { { size = "exp(64)", lifetime = "exp(10)" } } }:start()
            end })
        ]])
        local deadline = os.clock() + 0.05 -- of all threads
        while os.clock() < deadline do
            hostile.state "local t = {} for i = 1, 1000 do t[i] = {} end"
        end
        os.exit(0)
    end)
    test.equal(status, "exit 0")
end)

test("a meter and its scopes in finalizers of a state that closes", function()
    for _, mode in ipairs { "incremental", "generational" } do
        local ok, problem = hostile.state(("collectgarbage %q"):format(mode) .. [[
            local la = require "lunalloc"
            local m = la.adopt { limit = "64M", soft = "1K", on_soft = function(meter) meter:stats() end }
            local scopes, ran = {}, 0
            for i = 1, 300 do
                scopes[i] = m:scope("scope " .. i)
                setmetatable({}, { __gc = function()
                    scopes[i]:close()
                    local _ <close> = m:scope("late " .. i)
                    assert(m:set { limit = 0 } == m and m:stats().scopes["late " .. i])
                    ran = ran + 1
                end })
            end
            collectgarbage()
            assert(ran == 300)
            Last = setmetatable({ scopes, m:scope "open" }, { __gc = function(self)
                m:close()
                pcall(m.close, m)
                self[2]:close()
                local new = la.adopt { limit = "64M" }
                Last, Scope = self, new:scope "revived"
            end })
        ]])
        test.equal(ok, true, problem)
    end
end)
