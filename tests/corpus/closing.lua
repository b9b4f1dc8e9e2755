-- What happens when the state is closed: finalizers in order, new ones that they make, unfinished coroutines, caches.

local function at_end(name, f)
    return setmetatable({ name = name }, { __gc = function(self)
        print("closing", self.name)
        if f then
            f(self)
        end
    end })
end

-- Global, so that all of them live until the end.
Held = {}
for i = 1, 3 do
    Held[i] = at_end("object " .. i)
end

Held.maker = at_end("maker", function()
    -- While the state closes, these get no finalizer any more, or theirs runs too: the same in every run.
    local list = {}
    for i = 1, 200 do
        list[i] = setmetatable({ i }, { __gc = function() end })
    end
    print("made", #list)
end)

Held.allocator = at_end("allocator", function()
    local text, t = "", {}
    for i = 1, 1000 do
        text = text .. i
        t["key " .. i] = { text:sub(-10) }
    end
    print("allocated", #text, t["key 1000"][1])
end)

Held.collector = at_end("collector", function()
    print("collected", pcall(collectgarbage))
end)

warn "@on"
Held.raiser = at_end("raiser", function()
    error "raised while the state closes"
end)

Held.runner = at_end("runner", function()
    local total = 0
    for value in coroutine.wrap(function() for i = 1, 100 do coroutine.yield(i) end end) do
        total = total + value
    end
    print("coroutine", total)
end)

-- Coroutines that never end, with pending to-be-closed variables and large stacks.
Unfinished = {}
for i = 1, 200 do
    local function deep(n)
        if n == 0 then
            coroutine.yield(i)
        else
            return 1 + deep(n - 1)
        end
    end
    Unfinished[i] = coroutine.create(function()
        local _pending <close> = setmetatable({}, { __close = function() print "never" end })
        deep(i)
    end)
    coroutine.resume(Unfinished[i])
end
print("unfinished", #Unfinished, coroutine.status(Unfinished[200]))

-- Objects that refer to each other, weakly and strongly.
Cache = setmetatable({}, { __mode = "kv" })
for i = 1, 1000 do
    local object = { i }
    Cache[object] = { object }
    Held[#Held + 1] = { object, Cache }
end

Revived = nil
Held.reviver = at_end("reviver", function(self)
    Revived = self
end)

Big = ("big"):rep(1 << 20)
Wide = table.pack(table.unpack({}, 1, 100000))
print("big", #Big, Wide.n)
