--- The tree of controls: la.ctl.arena[0].dirty_decay_ms = 500.
---
--- The schema's rows become a tree of nodes, once. A node is one word of a name, or the place of an index. Users hold
--- proxies: empty tables that stand for a node at a concrete path, so that every access is checked and reads the
--- present value.

local core = require "lunalloc.core"
local check = require "lunalloc.check"
local schema = require "lunalloc.schema"

local ALL_ARENAS = 4096 -- as in jemalloc: arena.4096.purge is for every arena
local TEXT_WIDTH = 110

-- ---- nodes ----

--- word: its part of the name; order: the words of its children, in the schema's order; index: the child for any index.
local function new_node(word)
    return { word = word, order = {}, children = {}, index = nil, row = nil }
end

local function child_for(node, word)
    if schema.is_pattern(word) then
        node.index = node.index or new_node(word)
        return node.index
    end
    if not node.children[word] then
        node.children[word] = new_node(word)
        node.order[#node.order + 1] = word
    end
    return node.children[word]
end

local function build(rows)
    local root = new_node("")
    for _, row in ipairs(rows) do
        local node = root
        for word in row.name:gmatch("[^.]+") do
            node = child_for(node, word)
        end
        node.row = row
    end
    return root
end

local function is_group(node)
    return node.index ~= nil or #node.order > 0
end

--- The rest of the first name below the node: "<i>.purge" below arena. backend.limit() takes the node's path with it.
local function sample(node)
    local words = {}
    while is_group(node) do
        node = node.index or node.children[node.order[1]]
        words[#words + 1] = node.word
    end
    return table.concat(words, ".")
end

local function join(path, word)
    return path == "" and tostring(word) or path .. "." .. tostring(word)
end

-- ---- a tree over one backend ----

local Tree = {}
Tree.__index = Tree

--- The root node; nil and a message if the backend cannot list its rows.
function Tree:nodes()
    if not self.root then
        local rows, message = self.backend.rows()
        if not rows then
            return nil, message
        end
        self.root = build(rows)
    end
    return self.root
end

--- The number of indices that the node takes at this path.
function Tree:limit(node, path)
    return self.backend.limit(join(path, sample(node)))
end

local function unknown(tree, node, path, word)
    local name = join(path, word)
    local near = core.nearest(tostring(word), node.order)
    near = near and join(path, near) or not name:find("\0", 1, true) and tree.backend.suggest(name)
    return ("no control %s%s"):format(check.shown(name), near and ("; did you mean '%s'?"):format(near) or "")
end

local function takes_all(path)
    return path == "arena" or path == "stats.arenas"
end

--- The node of one word (or index) below `node`, and its path; nil and a message.
function Tree:step(node, path, word)
    if node.children[word] then
        return node.children[word], join(path, word)
    end
    local i = node.index and math.tointeger(tonumber(word))
    if not i then
        return nil, unknown(self, node, path, word)
    end
    local n = self:limit(node, path)
    if i >= 0 and i < n or i == ALL_ARENAS and takes_all(path) then
        return node.index, join(path, i)
    end
    return nil, ("no control '%s': an index is 0 to %d"):format(join(path, word), n - 1)
end

--- The node and the path of a name that is in no list and is answered all the same: jemalloc's, without a meaning here.
--- nil and the message for any other.
function Tree:unlisted(name, message)
    local plain = not name:find("\0", 1, true) and not schema.is_pattern(name)
    local row = plain and self.backend.row(name)
    if not row then
        return nil, message
    end
    local node = new_node(name:match "[^.]+$")
    node.row = row
    return node, name
end

--- As step(), for a key that may have several words: "arena.0.dirty_decay_ms".
function Tree:resolve(node, path, key)
    if type(key) == "number" then
        return self:step(node, path, math.tointeger(key) or key)
    elseif type(key) ~= "string" then
        return nil, ("no control: the name of one expected, got %s"):format(check.shown(key))
    end
    if not key:find("^[^.]+") or key:find("%.$") or key:find("..", 1, true) then
        return nil, unknown(self, node, path, key)
    end
    local name = join(path, key)
    for word in key:gmatch("[^.]+") do
        node, path = self:step(node, path, word)
        if not node then
            return self:unlisted(name, path) -- path is a message
        end
    end
    return node, path
end

-- ---- proxies ----

--- proxy -> the node and path that it stands for. Weak, so that proxies are collected.
local places = setmetatable({}, { __mode = "k" })
local Proxy = { __name = "lunalloc.ctl" }

-- Each proxy has a metatable of its own. Its __index is a weak table of the groups below the proxy that are in use, so
-- Lua finds arena[0] in la.ctl.arena[0] without a call. What is not there is a control or yet unknown: read() takes the
-- path that the key stood for the last time, and walks down the tree if there is none. A path whose control is gone
-- reads as nil, and then the walk says why.
local read, write

local function proxy(tree, node, path)
    local self, paths, get, set = {}, {}, tree.backend.get, tree.backend.set
    local place = { tree = tree, node = node, path = path, paths = paths }
    place.groups = setmetatable({}, { __mode = "v", __index = function(_, key)
        local known = paths[key]
        local value
        if known then
            value = get(known)
        end
        if value == nil then
            value = read(place, key, 3)
        end
        return value
    end })
    local meta = { __index = place.groups, __newindex = function(_, key, value)
        local known, kind = paths[key], type(value)
        if not (known and (kind == "number" or kind == "boolean") and set(known, value)) then
            write(place, key, value, 3)
        end
    end }
    for name, field in pairs(Proxy) do
        meta[name] = field
    end
    places[self] = place
    return setmetatable(self, meta)
end

--- Gives the place its node. The first use of the root builds the tree: nil and a message if that fails.
local function settle(place)
    if not place.node then
        local message
        place.node, message = place.tree:nodes()
        if not place.node then
            return nil, message
        end
    end
    return place
end

--- As settle(), of the place of a proxy, for a metamethod: raises at the line that used the proxy, `level` calls up.
local function check_place(self, level)
    local place, message = settle(places[self])
    return place or error(message, level or 3)
end

--- An action as a function, which raises on failure. A call with a colon passes the group itself; that is no argument.
local function action(tree, row, path)
    return function(argument)
        if argument ~= nil and not places[argument] then
            error(("the action '%s' takes no argument"):format(path), 2)
        end
        local result, message
        if schema.acts_by_reading(row) then
            result, message = tree.backend.get(path)
        else
            result, message = tree.backend.set(path)
        end
        if result == nil then
            error(message, 2)
        end
        return result
    end
end

--- Notes what `key` of the place stands for.
local function remember(place, key, node, path, value)
    if is_group(node) then
        rawset(place.groups, key, value)
    elseif not schema.is_action(node.row) then
        place.paths[key] = path
    end
end

--- The value, group or action at a node; nil and a message.
local function value_at(tree, node, path)
    if is_group(node) then
        return proxy(tree, node, path)
    elseif schema.is_action(node.row) then
        return action(tree, node.row, path)
    end
    return tree.backend.get(path)
end

--- The node and path of `key` below the place. Raises at the line `level` calls up, this one included.
local function find(place, key, level)
    local settled, message = settle(place)
    if not settled then
        error(message, level)
    end
    local node, path = place.tree:resolve(place.node, place.path, key)
    if not node then
        error(path, level)
    end
    return node, path
end

function read(place, key, level)
    local node, path = find(place, key, level + 1)
    local value, why = value_at(place.tree, node, path)
    if value == nil then
        error(why, level)
    end
    remember(place, key, node, path, value)
    return value
end

--- Why `value` cannot be assigned to the node; nil if it can.
local function refusal(node, path, value)
    if is_group(node) then
        return ("'%s' is a group of controls: assign to one of them, such as '%s'"):format(path,
            join(path, sample(node)))
    elseif schema.is_action(node.row) then
        return ("'%s' is an action: call it, with ()"):format(path)
    elseif not check.is_value(value) then
        return ("'%s' takes a boolean, number or string, not %s"):format(path,
            type(value) == "string" and "one with zero bytes" or type(value))
    end
end

function write(place, key, value, level)
    local node, path = find(place, key, level + 1)
    local why = refusal(node, path, value)
    if why then
        error(why, level)
    end
    local ok, failure = place.tree.backend.set(path, value)
    if not ok then
        error(failure, level)
    end
    place.paths[key] = path
end

--- As value_at(), for a list: nil if reading the value has a cost.
local function listed(tree, node, path)
    if is_group(node) or schema.is_action(node.row) or schema.is_free_to_read(node.row) then
        return (value_at(tree, node, path))
    end
end

--- Iterates over the children: by name in the schema's order, then by index. A value that cannot be read now is nil.
function Proxy:__pairs()
    local place = check_place(self, 4) -- pairs() itself is between
    local tree, node, path = place.tree, place.node, place.path
    local limit = node.index and tree:limit(node, path) or 0
    local i, n = 0, #node.order
    return function()
        i = i + 1
        if i <= n then
            local word = node.order[i]
            return word, listed(tree, node.children[word], join(path, word))
        elseif i <= n + limit then
            local index = i - n - 1
            return index, listed(tree, node.index, join(path, index))
        end
    end
end

--- The number of indices (from 0) of an indexed group; the number of children of any other.
function Proxy:__len()
    local place = check_place(self)
    return place.node.index and place.tree:limit(place.node, place.path) or #place.node.order
end

--- "dirty_decay_ms=500", "purge()", "bins..."
local function child_text(tree, node, path)
    if is_group(node) then
        return node.word .. "..."
    elseif schema.is_action(node.row) then
        return node.word .. "()"
    end
    local value
    if schema.is_readable(node.row) then
        value = tree.backend.get(path)
    end
    return value == nil and node.word or ("%s=%s"):format(node.word, tostring(value))
end

local function children_text(tree, node, path)
    local shown, width = {}, 0
    for i, word in ipairs(node.order) do
        local text = child_text(tree, node.children[word], join(path, word))
        width = width + #text + 2
        if width > TEXT_WIDTH then
            shown[#shown + 1] = ("and %d more"):format(#node.order - i + 1)
            break
        end
        shown[#shown + 1] = text
    end
    return table.concat(shown, ", ")
end

--- One line: the path, and what is below it.
function Proxy:__tostring()
    local place, message = settle(places[self])
    if not place then
        return "ctl (" .. message .. ")"
    end
    local tree, node, path = place.tree, place.node, place.path
    local name = path == "" and "ctl" or path
    if node.index then
        name = ("%s[0..%d]"):format(name, tree:limit(node, path) - 1)
    end
    return #node.order > 0 and ("%s {%s}"):format(name, children_text(tree, node, path)) or name
end

local ctl = {}

--- The root of a tree over `backend`. The first access reads the schema.
function ctl.new(backend)
    return proxy(setmetatable({ backend = backend }, Tree), nil, "")
end

return ctl
