--- Completion: the texts that may follow the cursor. The console's Tab key calls it; any prompt can.
---
---     local complete = require "lunalloc.complete"
---     complete(line [, env])  ->  { "candidate", ..., from=, listing=, hint=, append= }
---
--- Each candidate may replace line:sub(from). If there are several, `listing` is a text to show. If there is one,
--- `hint` is a line about it, and `append` the character that ends it.
---
--- It completes keywords and globals of `env`; fields after "." and methods after ":" of a chain of names and constant
--- indices (it calls nothing but __pairs of an object that has it); controls under la.ctl and inside string literals,
--- with their present values; and words that help "..." knows.

local chains = require "lunalloc.chains"
local show = require "lunalloc.show"
local units = require "lunalloc.units"

local MAX_CANDIDATES <const> = 2000
local MAX_LISTED <const> = 120

local KEYWORDS <const> = [[and break do else elseif end false for function goto if in local nil not or repeat return
then true until while]]

-- A candidate: text; value: the present value of a control, as text, or nil; closes: true if the text is complete.
local function candidate(text, value, closes)
    return { text = text, value = value, closes = closes }
end

local function starts_with(text, prefix)
    return text:sub(1, #prefix) == prefix
end

-- ---- where the cursor is -------------------------------------------------------------------------------------------

-- The position behind a short string literal's contents that start at `at`, or nil if the line ends in it.
local function skip_quoted(line, at, quote)
    while true do
        local found = line:find("[\\" .. quote .. "]", at)
        if not found then
            return nil
        elseif line:sub(found, found) == quote then
            return found + 1
        end
        at = found + 2
    end
end

-- The same for a long bracket whose "[[" or "[=[" begins at `at`; false if there is none there.
local function skip_long(line, at)
    local equals = line:match("^%[(=*)%[", at)
    if not equals then
        return false
    end
    local _, stop = line:find("]" .. equals .. "]", at + #equals + 2, true)
    return stop and stop + 1
end

--- "code"; "comment"; or "string" with the positions of the opening quote and of the contents.
local function context(line)
    local at = 1
    while true do
        at = line:find("[\"'%-%[]", at)
        if not at then
            return "code"
        end
        local sign, next_at = line:sub(at, at), nil
        if sign == "-" then
            local comment = line:sub(at + 1, at + 1) == "-"
            next_at = comment and (skip_long(line, at + 2) or nil) or not comment and at + 1
            if not next_at then
                return "comment"
            end
        elseif sign == "[" then
            next_at = skip_long(line, at)
            if next_at == nil then
                return "string", at, line:find("[", at + 1, true) + 1
            end
            next_at = next_at or at + 1
        else
            next_at = skip_quoted(line, at + 1, sign)
            if not next_at then
                return "string", at, at + 1
            end
        end
        at = next_at
    end
end

-- ---- controls ------------------------------------------------------------------------------------------------------

local function module()
    local la = package.loaded.lunalloc
    return type(la) == "table" and la or nil
end

local function segments(name)
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
        local pattern = segments(name)
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

-- The present value of a control as text; nil for actions and for controls that cannot be read.
local function value_text(la, name)
    local row = la.describe(name)
    local value = row and row.value
    if value == nil then
        return nil
    end
    return units.amount(value, row.unit)
end

local function sorted_keys(set)
    local keys = {}
    for key in pairs(set) do
        keys[#keys + 1] = key
    end
    table.sort(keys)
    return keys
end

-- Adds the indices 0 .. count - 1 that start with `partial`.
local function add_indices(list, la, path, partial, is_leaf)
    for i = 0, math.min(index_count(la, path), MAX_CANDIDATES) - 1 do
        local text = tostring(i)
        if starts_with(text, partial) then
            list[#list + 1] = candidate(is_leaf and text or text .. ".", nil, is_leaf)
        end
    end
end

--- Candidates for the segment after `path` (an array of segments) that starts with `partial`.
local function control_candidates(path, partial)
    local la, list = module(), {}
    if not la then
        return list
    end
    local found, index = next_segments(la, path)
    for _, segment in ipairs(sorted_keys(found)) do
        if segment ~= index and starts_with(segment, partial) then
            local name = table.concat(path, ".") .. (#path > 0 and "." or "") .. segment
            local is_leaf = found[segment]
            local value = is_leaf and value_text(la, name)
            list[#list + 1] = candidate(is_leaf and segment or segment .. ".", value, is_leaf)
        end
    end
    if index then
        add_indices(list, la, path, partial, found[index])
    end
    return list
end

-- A chain of keys that leads into la.ctl as a path of segments, else nil.
local function control_path(keys, env)
    local la = module()
    if not la or keys[2] ~= "ctl" or not rawequal(env[keys[1]], la) then
        return nil
    end
    local path = {}
    for i = 3, #keys do
        path[i - 2] = tostring(keys[i])
    end
    return path
end

local function from_set(set, partial)
    local list = {}
    for _, key in ipairs(sorted_keys(set)) do
        if starts_with(key, partial) then
            list[#list + 1] = candidate(key)
        end
    end
    return list
end

local function member_candidates(code, sign, partial, env)
    local keys = chains.keys(code)
    if not keys then
        return {}
    end
    local path = sign == "." and control_path(keys, env)
    if path then
        local list = control_candidates(path, partial)
        for i = #list, 1, -1 do
            list[i].text = list[i].text:gsub("%.$", "")
            if list[i].text:find "^%d" then
                table.remove(list, i)
            end
        end
        return list
    end
    return from_set(chains.members(chains.resolve(keys, env), sign == ":"), partial)
end

local function global_candidates(partial, env)
    local set = chains.members(env, false)
    for word in KEYWORDS:gmatch "%S+" do
        set[word] = true
    end
    return from_set(set, partial)
end

-- "la.ctl.arena[" and the digits typed so far.
local function index_candidates(code, partial, env)
    local keys = chains.keys(code)
    local path = keys and control_path(keys, env)
    local list = {}
    if path then
        add_indices(list, module(), path, partial, true)
    end
    for _, item in ipairs(list) do
        item.text = item.text .. "]"
    end
    return list
end

-- ---- the three kinds of place --------------------------------------------------------------------------------------

-- Each returns the candidates, the position from which they replace the line, and the character that ends a single one.

local function complete_code(line, env)
    local code, partial = line:match "^(.*)%[%s*(%d*)$"
    if code and chains.keys(code) then
        return index_candidates(code, partial, env), #line - #partial + 1
    end
    code, partial = line:match "^(.-)([%w_]*)$"
    if partial:find "^%d" then
        return {}, #line + 1
    end
    local head, sign = code:match "^(.*)([.:])%s*$"
    if not head or code:find "%f[.]%.%.%s*$" then -- ".." concatenates
        return global_candidates(partial, env), #code + 1
    elseif head:find "[.:]$" then
        return {}, #line + 1
    end
    return member_candidates(head, sign, partial, env), #code + 1
end

local function complete_control_name(text, from)
    local parent, partial = text:match "^(.*)%.([^.]*)$"
    if not parent then
        parent, partial = "", text
    end
    return control_candidates(segments(parent), partial), from + #text - #partial
end

local function complete_help_word(text, from)
    local list = from_set(require("lunalloc.help").words(), text)
    for _, item in ipairs(list) do
        item.closes = true
    end
    if #list > 0 then
        return list, from
    end
    return complete_control_name(text, from)
end

local function complete_string(line, quote_at, from)
    local text = line:sub(from)
    local is_help = line:sub(1, quote_at - 1):find "%f[%w_]help%s*%(?%s*$"
    local list, replaced_from = (is_help and complete_help_word or complete_control_name)(text, from)
    local quote = line:sub(quote_at, quote_at)
    return list, replaced_from, quote ~= "[" and quote or "]"
end

local function complete_command(line)
    local head, word = line:match "^(%.help%s+)(.*)$"
    if head then
        return complete_help_word(word, #head + 1)
    end
    return from_set({ [".help"] = true, [".quit"] = true }, line), 1
end

-- ---- the result ----------------------------------------------------------------------------------------------------

-- Controls one per line with their values; other words in columns.
local function listing(list)
    local widest, any_value = 0, false
    for i = 1, math.min(#list, MAX_LISTED) do
        widest = math.max(widest, #list[i].text)
        any_value = any_value or list[i].value
    end
    local words = {}
    for i = 1, math.min(#list, MAX_LISTED) do
        local value = list[i].value
        words[i] = value and ("%-" .. widest .. "s = %s"):format(list[i].text, value) or list[i].text
    end
    if #list > MAX_LISTED then
        words[#words + 1] = ("... %d more"):format(#list - MAX_LISTED)
    end
    return any_value and table.concat(words, "\n") or show.columns(words, show.width())
end

local function answer(list, from, append)
    local result = { from = from }
    for i = 1, math.min(#list, MAX_CANDIDATES) do
        result[i] = list[i].text
    end
    local only = #list == 1 and list[1]
    if only then
        result.hint = only.value and ("%s = %s"):format(only.text, only.value)
        result.append = only.closes and append or nil
    elseif #list > 1 then
        result.listing = listing(list)
    end
    return result
end

return function(line, env)
    env = env or _G
    if line:find "^%." then
        return answer(complete_command(line))
    end
    local place, quote_at, from = context(line)
    if place == "code" then
        return answer(complete_code(line, env))
    elseif place == "string" then
        return answer(complete_string(line, quote_at, from))
    end
    return { from = #line + 1 }
end
