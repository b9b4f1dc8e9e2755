-- layers.lua -- the allocator's layers, for the checks of the tree: a folder of src/ needs only folders to its left.

local layers = { names = { "base", "os", "extent", "arena", "thread", "observe", "control", "api" }, rank = {} }

for i, layer in ipairs(layers.names) do
    layers.rank[layer] = i
end

-- The rank of the layer that a file belongs to, 1 for the lowest; nil for a file outside src/.
function layers.rank_of(path)
    return layers.rank[path:match "^src/([^/]+)/"]
end

return layers
