-- Binary trees that are made and dropped, a balanced tree with rotations, and a trie.

local function bottom_up(depth)
    if depth == 0 then
        return {}
    end
    return { bottom_up(depth - 1), bottom_up(depth - 1) }
end

local function count(tree)
    return tree[1] and 1 + count(tree[1]) + count(tree[2]) or 1
end

local long_lived = bottom_up(12)
for depth = 4, 12, 2 do
    local n, nodes = 1 << (12 - depth + 4), 0
    for _ = 1, n do
        nodes = nodes + count(bottom_up(depth))
    end
    print(("%d trees of depth %d: %d nodes"):format(n, depth, nodes))
end
print("long lived", count(long_lived))

-- A treap with fixed priorities, persistent: each insertion copies the path.
local function priority(key)
    return key * 2654435761 % 4294967296
end

local function node(key, left, right)
    return { key = key, left = left, right = right, size = 1 + (left and left.size or 0) + (right and right.size or 0) }
end

local function insert(tree, key)
    if not tree then
        return node(key)
    elseif key == tree.key then
        return tree
    elseif key < tree.key then
        local left = insert(tree.left, key)
        if priority(left.key) > priority(tree.key) then
            return node(left.key, left.left, node(tree.key, left.right, tree.right))
        end
        return node(tree.key, left, tree.right)
    end
    local right = insert(tree.right, key)
    if priority(right.key) > priority(tree.key) then
        return node(right.key, node(tree.key, tree.left, right.left), right.right)
    end
    return node(tree.key, tree.left, right)
end

local function depth_of(tree)
    return tree and 1 + math.max(depth_of(tree.left), depth_of(tree.right)) or 0
end

local tree, versions = nil, {}
for i = 1, 3000 do
    tree = insert(tree, i * 7919 % 10007)
    if i % 500 == 0 then
        versions[#versions + 1] = tree
    end
end
for i, version in ipairs(versions) do
    print("version", i, version.size, depth_of(version) < 50)
end

local trie, words = {}, 0
local function add(word)
    local at = trie
    for c in word:gmatch "." do
        at[c] = at[c] or {}
        at = at[c]
    end
    words = words + (at.stop and 0 or 1)
    at.stop = true
end
for i = 1, 5000 do
    add(("%x"):format(i * i % 65521))
end
local function nodes_of(at)
    local n = 1
    for key, child in pairs(at) do
        n = n + (key ~= "stop" and nodes_of(child) or 0)
    end
    return n
end
print("trie", words, nodes_of(trie))
