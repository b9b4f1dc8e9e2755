-- bench-adopt.lua KIND -- programs that allocate much, for scripts/bench-adopt.

local kinds = {}

--- Binary trees of tables: built, walked and dropped, beside one that lives on.
function kinds.trees()
    local function build(depth)
        if depth == 0 then
            return { false, false }
        end
        return { build(depth - 1), build(depth - 1) }
    end
    local function count(tree)
        return tree[1] and 1 + count(tree[1]) + count(tree[2]) or 1
    end
    local long = build(15)
    local nodes = 0
    for depth = 4, 14, 2 do
        for _ = 1, 1 << (16 - depth) do
            nodes = nodes + count(build(depth))
        end
    end
    assert(count(long) == 65535 and nodes > 0)
end

--- Strings of many lengths: cut, joined, replaced, looked up.
function kinds.strings()
    local words, seen = {}, {}
    for i = 1, 200000 do
        local word = ("w%d"):format(i * 7919 % 50021)
        seen[word] = (seen[word] or 0) + 1
        words[i % 5000 + 1] = word .. ":" .. i
    end
    assert(seen[words[1]:match "^w%d+"])
    for _ = 1, 12 do
        local text = table.concat(words, " ")
        local parts = {}
        for word in text:gmatch "%S+" do
            parts[#parts + 1] = word:upper():gsub("W", "x")
        end
        assert(#text > 50000 and #parts > 4000)
    end
    for i = 1, 100000 do
        local s = ("x"):rep(i % 900) .. i
        assert(#s > 0)
    end
end

--- Tables that grow: arrays, records with named fields, and deletions.
function kinds.tables()
    local live = {}
    for i = 1, 400000 do
        local record = { id = i, name = "n", value = i * 2, list = { i, i + 1, i + 2 } }
        live[i % 20000 + 1] = record
    end
    for _ = 1, 40 do
        local array, map = {}, {}
        for i = 1, 10000 do
            array[i] = i
            map["k" .. i % 1000] = { i }
        end
        assert(array[10000] == 10000 and map.k999[1] == 9999)
    end
    assert(#live == 20000)
end

--- Closures with upvalues, and coroutines.
function kinds.closures()
    local chain
    for i = 1, 900000 do
        local previous, n = chain, i
        chain = function() return n + (previous and 1 or 0) end
        if i % 1000 == 0 then
            chain = nil
        end
    end
    local sum = 0
    for i = 1, 60000 do
        local co = coroutine.wrap(function(x)
            sum = sum + x
            coroutine.yield()
        end)
        co(i)
    end
    assert(sum > 0)
end

kinds[arg[1]]()
