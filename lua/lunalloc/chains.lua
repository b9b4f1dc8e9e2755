--- Chains of names such as "la.ctl.arena[0]": their keys, the value that they lead to, and the names that may follow
--- it.
---
---     chains.keys "x = la.ctl.arena[0]"  ->  {"la", "ctl", "arena", 0}     of the chain at the end of the text
---     chains.resolve(keys, scope)        ->  the value, or nil
---     chains.members(value)              ->  the set of its fields and methods
---
--- Nothing is called on the way but __pairs, and __index of an object that has __pairs. Completion and suggestions use
--- it on code that the user has not run.

local chains = {}

local MAX_MEMBERS <const> = 2000 -- that an object's own iterator is asked for

-- Takes one suffix or the root off the end of `code`: the rest, the key, and whether it was the root.
local function last_link(code)
    local rest, index = code:match "^(.*)%[%s*(%d+)%s*%]%s*$"
    if rest then
        return rest, math.tointeger(index), false
    end
    local head, _, key = code:match "^(.*)%[%s*([\"'])([^\"'\\]*)%2%s*%]%s*$"
    if head then
        return head, key, false
    end
    local name
    head, name = code:match "^(.-)([%a_][%w_]*)%s*$"
    if not head or head:find "%d$" then
        return nil
    end
    local before = head:match "^(.*)%.%s*$"
    if before and not before:find "%.$" then
        return before, name, false
    end
    return head, name, true
end

--- The keys of the chain of names that `code` ends with, root first; nil if it ends with something else.
function chains.keys(code)
    local keys, root = {}, false
    while not root do
        local rest, key
        rest, key, root = last_link(code)
        if not rest or (root and rest:find ":%s*$") then
            return nil
        end
        table.insert(keys, 1, key)
        code = rest
    end
    return keys
end

-- ---- fields --------------------------------------------------------------------------------------------------------

local function enumerates_itself(value)
    local meta = getmetatable(value)
    return type(meta) == "table" and meta.__pairs ~= nil
end

--- value[key], raw: no other code runs. An object with __pairs is indexed as usual.
function chains.field(value, key)
    for _ = 1, 100 do
        local own = type(value) == "table" and rawget(value, key)
        if own then
            return own
        elseif enumerates_itself(value) then
            local ok, result = pcall(function() return value[key] end)
            return ok and result or nil
        end
        local meta = getmetatable(value)
        local index = type(meta) == "table" and rawget(meta, "__index")
        if type(index) ~= "table" then
            return nil
        end
        value = index
    end
end

local function add_key(set, key, value, functions_only)
    local is_name = type(key) == "string" and key:find "^[%a_][%w_]*$" and not key:find "^__"
    if is_name and (not functions_only or type(value) == "function") then
        set[key] = true
    end
end

-- The keys that the object's own iterator returns, a bounded number of them; it may fail, or never end.
local function add_enumerated(set, value, functions_only)
    pcall(function()
        local count = 0
        for key, item in pairs(value) do
            add_key(set, key, item, functions_only)
            count = count + 1
            if count == MAX_MEMBERS then
                break
            end
        end
    end)
end

local function add_own(set, value, functions_only)
    for key, item in next, value do
        add_key(set, key, item, functions_only)
    end
end

--- The set of names that may follow `value` and "." (or ":", if functions_only).
function chains.members(value, functions_only)
    local set = {}
    if enumerates_itself(value) then
        add_enumerated(set, value, functions_only)
        local methods = rawget(getmetatable(value), "methods")
        if type(methods) == "table" then
            add_own(set, methods, functions_only)
        end
    end
    for _ = 1, 100 do
        if type(value) == "table" then
            add_own(set, value, functions_only)
        end
        local meta = getmetatable(value)
        value = type(meta) == "table" and rawget(meta, "__index")
        if type(value) ~= "table" then
            break
        end
    end
    return set
end

--- The value that the keys lead to from the table `env`; nil if they lead nowhere.
function chains.resolve(keys, env)
    local value = env[keys[1]]
    for i = 2, #keys do
        value = chains.field(value, keys[i])
    end
    return value
end

--- Iterates over the table and those behind its __index, from the first on.
function chains.tables(value)
    local left = 100
    return function()
        local present = value
        left = left - 1
        local meta = getmetatable(present)
        value = type(meta) == "table" and rawget(meta, "__index")
        return left > 0 and type(present) == "table" and present or nil
    end
end

return chains
