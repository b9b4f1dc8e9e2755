-- layers.lua -- the allocator's layers, for the checks of the tree: a folder of src/ needs only folders to its left.

local layers = { names = { "base", "os", "extent", "arena", "thread", "observe", "control", "api" }, rank = {} }

for i, layer in ipairs(layers.names) do
    layers.rank[layer] = i
end

-- The folder of src/ that a file is in; nil of another file.
function layers.folder_of(path)
    return path:match "^src/([^/]+)/"
end

-- The rank of the layer that a file belongs to, 1 for the lowest; nil for a file outside src/.
function layers.rank_of(path)
    return layers.rank[layers.folder_of(path)]
end

return layers
