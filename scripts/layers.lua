-- layers.lua -- the allocator's layers, for the checks of the tree: a folder of src/ needs only those to its left.

local layers = { names = { "base", "os", "extent", "arena", "thread", "observe", "control", "api" }, rank = {} }

for i, layer in ipairs(layers.names) do
    layers.rank[layer] = i
end

-- The rank of a file of src/, which rises upward; nil of another file.
function layers.rank_of(path)
    return layers.rank[path:match "^src/([^/]+)/"]
end

return layers
