--- Arenas that share a finding: their bytes in all, and a setting of each of them.

local group = {}

local Group = {}
Group.__index = Group

function group.new()
    return setmetatable({ bytes = 0 }, Group)
end

--- Adds an arena; the list stays in the order of bytes, most first. `value`: the setting that is to blame.
function Group:add(index, bytes, value)
    local at = 1
    while self[at] and self[at].bytes >= bytes do
        at = at + 1
    end
    table.insert(self, at, { index = index, bytes = bytes, value = value })
    self.bytes = self.bytes + bytes
end

--- "arena 3", "arenas 0, 2 and 5", "17 arenas".
function Group:text()
    local names = {}
    for i, arena in ipairs(self) do
        names[i] = arena.index
    end
    table.sort(names)
    if #names == 1 then
        return "arena " .. names[1]
    elseif #names > 4 then
        return #names .. " arenas"
    end
    return ("arenas %s and %d"):format(table.concat(names, ", ", 1, #names - 1), names[#names])
end

--- The control of the one arena, or of all arenas (index 4096).
function Group:name(field)
    return ("arena.%d.%s"):format(#self == 1 and self[1].index or 4096, field)
end

return group
