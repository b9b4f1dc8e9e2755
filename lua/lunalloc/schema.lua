--- What rows of the schema mean to Lua: which are actions, which may be read without effect, how a default reads.

local schema = {}

-- Controls whose *reading* does something. They are treated as actions: nothing reads them but a call.
local reading_acts = { ["arenas.create"] = true, ["tcache.create"] = true }

-- Controls whose reading makes each later call of the thread dearer: they are read by name only, never in passing.
local costly = { ["thread.allocatedp"] = true, ["thread.deallocatedp"] = true }

--- True if the row is something to do rather than a value.
function schema.is_action(row)
    return row.type == "action" or reading_acts[row.name] or false
end

--- True if the action is done by reading, and answers with a value.
function schema.acts_by_reading(row)
    return reading_acts[row.name] or false
end

--- True if its value may be read in passing, as for a description or a list.
function schema.is_free_to_read(row)
    return row.access:sub(1, 1) == "r" and not costly[row.name] and not schema.is_action(row)
end

--- True if its value may be looked at at any time.
function schema.is_readable(row)
    return row.type ~= "struct" and schema.is_free_to_read(row)
end

--- True of "arena.<i>.purge", a name with an index left open.
function schema.is_pattern(name)
    return name:find("<%a+>") ~= nil
end

--- A default, which the schema has as text, as a value of the row's type; as text where it does not read as one.
function schema.typed(row, text)
    if text == nil or row.type == "string" then
        return text
    elseif row.type == "bool" then
        return text == "true"
    end
    return math.tointeger(tonumber(text)) or text
end

return schema
