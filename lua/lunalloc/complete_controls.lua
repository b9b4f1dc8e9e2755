--- Completion of the names of controls, with their present values, and of the values that can be written to them.
---
--- A candidate is { text=, value=, closes= }: value: the present value of a control, as text, or nil; closes: true if
--- the text is complete.

local check = require "lunalloc.check"
local options = require "lunalloc.options"
local schema = require "lunalloc.schema"
local units = require "lunalloc.units"

local controls = {}

local MAX_INDICES <const> = 2000

local function candidate(text, value, closes)
    return { text = text, value = value, closes = closes }
end

local function starts_with(text, prefix)
    return text:sub(1, #prefix) == prefix
end

--- The module, if it is loaded.
function controls.module()
    local la = package.loaded.lunalloc
    return type(la) == "table" and la or nil
end

--- The words of a name, as an array.
function controls.segments(name)
    local list = {}
    for segment in name:gmatch "[^.]+" do
        list[#list + 1] = segment
    end
    return list
end

-- The number of indices that the node of that path takes now.
local function index_count(la, path)
    local node = la.ctl
    local ok, count = pcall(function()
        for _, segment in ipairs(path) do
            node = node[math.tointeger(segment) or segment]
        end
        return #node
    end)
    return ok and count or 0
end

-- True if a pattern's segment ("arena", "<i>") fits a concrete one.
local function admits(pattern, segment)
    return pattern == segment or (pattern:find "^<" and segment:find "^%d+$") ~= nil
end

-- The segments that may follow `path`: segment -> true if a control's name ends with it; and the index segment, or nil.
local function next_segments(la, path)
    local found, index = {}, nil
    for name in la.names() do
        local pattern = controls.segments(name)
        local matches = #pattern > #path
        for i = 1, matches and #path or 0 do
            matches = matches and admits(pattern[i], path[i])
        end
        if matches then
            local segment, is_leaf = pattern[#path + 1], #pattern == #path + 1
            found[segment] = found[segment] or is_leaf
            index = segment:find "^<" and segment or index
        end
    end
    return found, index
end

--- The present value of a control as text; nil for actions and for controls that cannot be read.
function controls.value_text(la, name)
    local row = la.describe(name)
    local value = row and row.value
    if value == nil then
        return nil
    end
    return units.amount(value, row.unit)
end

--- Adds the indices 0 .. count - 1 that start with `partial`.
function controls.add_indices(list, la, path, partial, is_leaf)
    for i = 0, math.min(index_count(la, path), MAX_INDICES) - 1 do
        local text = tostring(i)
        if starts_with(text, partial) then
            list[#list + 1] = candidate(is_leaf and text or text .. ".", nil, is_leaf)
        end
    end
end

--- Candidates for the segment after `path` (an array of segments) that starts with `partial`.
function controls.candidates(path, partial)
    local la, list = controls.module(), {}
    if not la then
        return list
    end
    local found, index = next_segments(la, path)
    for _, segment in ipairs(check.names(found)) do
        if segment ~= index and starts_with(segment, partial) then
            local name = table.concat(path, ".") .. (#path > 0 and "." or "") .. segment
            local is_leaf = found[segment]
            local value = is_leaf and controls.value_text(la, name)
            list[#list + 1] = candidate(is_leaf and segment or segment .. ".", value, is_leaf)
        end
    end
    if index then
        controls.add_indices(list, la, path, partial, found[index])
    end
    return list
end

--- Candidates for a name, of which the text is the beginning; and how many bytes of it they replace.
function controls.names(text)
    local parent, partial = text:match "^(.*)%.([^.]*)$"
    if not parent then
        parent, partial = "", text
    end
    return controls.candidates(controls.segments(parent), partial), #partial
end

--- Candidates for the value of a control, as Lua code; in a string, without quotes. They show the present value.
function controls.values(name, partial, in_string)
    local la, list = controls.module(), {}
    local row = la and not name:find "%z" and la.describe(name)
    if not row or schema.is_action(row) then
        return list
    end
    local present = row.value ~= nil and units.amount(row.value, row.unit) or nil
    local texts = options.controls[row.pattern] or row.type == "bool" and { "true", "false" }
        or row.value ~= nil and { tostring(row.value) } or {}
    local quotes = row.type == "string" and not in_string
    for _, text in ipairs(texts) do
        text = quotes and ("%q"):format(text) or text
        if starts_with(text, partial) then
            list[#list + 1] = candidate(text, nil, in_string)
        end
    end
    list.note = present and ("%s is %s now"):format(name, present)
    return list
end

return controls
