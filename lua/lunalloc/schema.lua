--- Rows of the schema as Lua treats them: which are actions, which may be read without an effect, and typed defaults.

local schema = {}

-- Controls whose *reading* has an effect. They are actions here: only a call reads them.
local reading_acts = { ["arenas.create"] = true, ["tcache.create"] = true }

-- Controls whose reading makes each later call of the thread slower. Lists and descriptions leave them out; they are
-- read by name only.
local costly = { ["thread.allocatedp"] = true, ["thread.deallocatedp"] = true }

--- True if the row is an action, not a value.
function schema.is_action(row)
    return row.type == "action" or reading_acts[row.name] or false
end

--- True if reading performs the action, and returns its value.
function schema.acts_by_reading(row)
    return reading_acts[row.name] or false
end

--- True if a description or a list may read its value.
function schema.is_free_to_read(row)
    return row.access:sub(1, 1) == "r" and not costly[row.name] and not schema.is_action(row)
end

--- True if its value may be read at any time and shown as a text.
function schema.is_readable(row)
    return row.type ~= "struct" and schema.is_free_to_read(row)
end

--- True if the name has an open index: "arena.<i>.purge".
function schema.is_pattern(name)
    return name:find("<%a+>") ~= nil
end

--- The default, which the schema has as text, as a value of the row's type. A text that is no number remains text.
function schema.typed(row, text)
    if text == nil or row.type == "string" then
        return text
    elseif row.type == "bool" then
        return text == "true"
    end
    return math.tointeger(tonumber(text)) or text
end

return schema
