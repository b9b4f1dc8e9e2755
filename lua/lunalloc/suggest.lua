--- "Did you mean ...?" for mistyped globals, fields and methods in code that a user typed.
---
---     suggest.for_error(message, line, root)   the words to add to Lua's message; "" if there are none
---     suggest.for_nil(text, scope)             a remark if `text` is a chain of names that ends in an unknown one, or
---     nil
---     suggest.word(word, set)                  the nearest key of the set, or nil

local callee = require "lunalloc.callee"
local chains = require "lunalloc.chains"
local core = require "lunalloc.core"
local lexer = require "lunalloc.lexer"

local suggest = {}

--- The key of the set that a mistyped word probably means; nil if none is near, or if it is one of them.
function suggest.word(word, set)
    local names = {}
    for name in pairs(set) do
        if type(name) == "string" and not name:find "\0" then
            names[#names + 1] = name
        end
    end
    table.sort(names)
    local near = not set[word] and not word:find "\0" and core.nearest(word, names)
    return near or nil
end

--- The names of the scope: its own, those of the tables behind __index, and keywords.
local function known_names(scope)
    local set = chains.members(scope)
    for word in pairs(lexer.keywords) do
        set[word] = true
    end
    return set
end

--- The text before the name in the line, without the "." or ":" that leads to it; nil if the name is not there.
local function object_before(line, name, sign)
    local tokens = lexer.scan(line)
    for i = 2, #tokens do
        if tokens[i].text == name and tokens[i - 1].text == sign then
            return line:sub(1, tokens[i - 1].from - 1)
        end
    end
end

--- The names that may follow the object at the end of `code`, as a set; empty if that is unknown.
local function members_of(code, sign, scope)
    local keys = code and chains.keys(code)
    local value = keys and chains.resolve(keys, scope)
    if keys and value ~= nil then
        return chains.members(value, sign == ":")
    end
    return code and sign == ":" and callee.methods(callee.result(code, scope)) or {}
end

local SIGNS <const> = { field = ".", method = ":" }

local function did_you_mean(near)
    return near and ("; did you mean '%s'?"):format(near) or ""
end

--- Of a message such as "attempt to call a nil value (field 'gett')". `line`: the line of code, or nil; `scope`: a
--- table with the variables that the line sees.
function suggest.for_error(message, line, scope)
    local kind, name = message:match "^attempt to %l+.- a nil value %((%l+) '([^']+)'%)"
    if kind == "global" then
        local near = suggest.word(name, known_names(scope))
        return suggest.is_lost and suggest.is_lost(name) and
            ("; the local variable '%s' ended with its input"):format(name) or did_you_mean(near)
    end
    local sign = SIGNS[kind]
    if not sign or not line then
        return ""
    end
    return did_you_mean(suggest.word(name, members_of(object_before(line, name, sign), sign, scope)))
end

--- Of an input that is a chain of names and has the value nil.
function suggest.for_nil(text, scope)
    local keys = text:find "^[%s%w_.=]+$" and chains.keys(text)
    if not keys or not text:find("^%s*=?%s*" .. keys[1]) then
        return nil
    end
    local name = table.remove(keys)
    if #keys == 0 then
        if suggest.is_lost and suggest.is_lost(name) then
            return ("the local variable '%s' ended with its input"):format(name)
        end
        local near = suggest.word(name, known_names(scope))
        return near and ("no variable '%s'; did you mean '%s'?"):format(name, near)
    end
    local value = chains.resolve(keys, scope)
    local near = value ~= nil and suggest.word(name, chains.members(value))
    return near and ("'%s' has no field '%s'; did you mean '%s'?"):format(table.concat(keys, "."), name, near) or nil
end

return suggest
