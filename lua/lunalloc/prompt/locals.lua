--- Local variables of the prompt's inputs: those of the outermost block carry over to later inputs.
---
---     local chunk, message = locals.load(text, "=input 3")
---
--- A local variable ends with its chunk, and each input is a chunk of its own. So an input that declares some gets code
--- at its end that makes a function of them: its upvalues are the variables themselves. A later input that uses their
--- names is compiled inside of a function that declares them, and debug.upvaluejoin() makes it share these upvalues.
--- Functions of the earlier input and later inputs thus see one variable. Text that does not compile in this form
--- is compiled as it is. Variables with <close> end with their input.

local errors = require "lunalloc.errors"
local lexer = require "lunalloc.lexer"

local locals = {}

local MAX_USED <const> = 150 -- of the 200 local variables that a function can have

local cells = {} -- name -> { owner = a function, index = of its upvalue, attribute = "<const>" or "" }
local lost = {}  -- name -> true: declared in an input, but its variable is gone

local OPENS <const> = { ["function"] = true, ["do"] = true, ["if"] = true, ["repeat"] = true }
local CLOSES <const> = { ["end"] = true, ["until"] = true }

--- The names after a "local" at token i, as an array of { name=, attribute= }.
local function names_at(tokens, i)
    local list = {}
    local next_token = tokens[i + 1]
    if next_token and next_token.text == "function" then
        i = i + 1
    end
    repeat
        local token = tokens[i + 1]
        if not token or token.kind ~= "name" then
            break
        end
        local attribute = tokens[i + 2] and tokens[i + 2].text == "<" and tokens[i + 3] and tokens[i + 3].text or ""
        list[#list + 1] = { name = token.text, attribute = attribute }
        i = i + (attribute ~= "" and 5 or 2)
    until not tokens[i] or tokens[i].text ~= ","
    return list
end

--- What the text declares in its outermost block: name -> attribute; the position of that block's "return" or nil; and
--- the set of all names that stand in the text.
local function survey(text)
    local tokens = lexer.scan(text)
    local declared, used, depth, at_return = {}, {}, 0, nil
    for i, token in ipairs(tokens) do
        if token.kind == "name" then
            used[token.text] = true
            if token.text == "local" and depth == 0 then
                for _, entry in ipairs(names_at(tokens, i)) do
                    declared[entry.name] = entry.attribute
                end
            elseif token.text == "return" and depth == 0 then
                at_return = token.from
            end
            depth = depth + (OPENS[token.text] and 1 or CLOSES[token.text] and -1 or 0)
        end
    end
    return declared, at_return, used
end

local function upvalue_index(f, name)
    for i = 1, 255 do
        local found = debug.getupvalue(f, i)
        if not found or found == name then
            return found and i
        end
    end
end

--- Keeps the variables of an input: their names, and the function that has them as upvalues and returns their values.
local function keep(attributes, owner, ...)
    local values = table.pack(owner())
    for i, name in ipairs { ... } do
        local index = upvalue_index(owner, name)
        local value = values[i]
        local holder = index and owner or function() return value end -- a constant is in the code, and no upvalue
        local attribute = attributes[name] == "const" and "<const>" or ""
        cells[name] = { owner = holder, index = index or 1, attribute = attribute }
        lost[name] = nil
    end
end

--- The declared names that can be kept, sorted; those with <close> are lost.
local function kept_names(declared)
    local names = {}
    for name, attribute in pairs(declared) do
        lost[name] = true
        if attribute ~= "close" then
            names[#names + 1] = name
        end
    end
    table.sort(names)
    return names
end

local function used_names(used)
    local names = {}
    for name in pairs(cells) do
        if used[name] and #names < MAX_USED then
            names[#names + 1] = name
        end
    end
    table.sort(names)
    return names
end

--- The text with the call of keep() in front of its "return", or at its end.
local function with_keep(text, names, at_return)
    if #names == 0 then
        return text
    end
    local call = (' __keep(function() return %s end, "%s")'):format(table.concat(names, ", "),
        table.concat(names, '", "'))
    if at_return then
        return text:sub(1, at_return - 1) .. call .. "; " .. text:sub(at_return)
    end
    return text .. "\n" .. call
end

local function head(names)
    local list = { "__keep" }
    for i, name in ipairs(names) do
        list[i + 1] = name .. " " .. cells[name].attribute
    end
    return ("local %s = ...; return function(...) "):format(table.concat(list, ", "))
end

local function share(chunk, names)
    for _, name in ipairs(names) do
        local index = upvalue_index(chunk, name)
        if index then
            debug.upvaluejoin(chunk, index, cells[name].owner, cells[name].index)
        end
    end
end

-- In a block with a variable that is to be closed, "return f()" is no tail call: the input stays among the calls that
-- an error finds.
local NO_TAIL_CALL <const> = "local __tail <close> = nil; "

--- Compiles an input: a function; nil and a message.
function locals.load(text, name)
    local declared, at_return, used = survey(text)
    at_return = at_return and at_return + #NO_TAIL_CALL
    text = NO_TAIL_CALL .. text
    local plain, message = load(text, name, "t")
    if not plain then
        return nil, message
    end
    local shared = used_names(used)
    if #shared == 0 and next(declared) == nil then
        return plain
    end
    local kept = kept_names(declared)
    local maker = load(head(shared) .. with_keep(text, kept, at_return) .. "\nend", name, "t")
    if not maker then
        maker, message = load(head(shared) .. text .. "\nend", name, "t")
    end
    if not maker then
        return not message:find "const variable" and plain or nil, message
    end
    local chunk = maker(function(owner, ...) keep(declared, owner, ...) end)
    share(chunk, shared)
    errors.mains[chunk] = true
    return chunk
end

--- The value of a variable that was carried over, and whether there is one.
function locals.get(name)
    local cell = cells[name]
    if not cell then
        return nil, false
    end
    local _, value = debug.getupvalue(cell.owner, cell.index)
    return value, true
end

--- Was a variable of that name declared in an input, and has it ended with it?
function locals.is_lost(name)
    return lost[name] == true and cells[name] == nil
end

--- The variables, then the globals, as a table for completion and for suggestions.
function locals.scope()
    local scope = {}
    for name in pairs(cells) do
        scope[name] = locals.get(name)
    end
    return setmetatable(scope, { __index = _G })
end

errors.scope = locals.scope

return locals
