--- Completion within the arguments of a call: the keys of a table of options, their values, and the names of files.
---
---     arguments.keys("la.extents{", "st", scope)      ->  candidates "state=", or nil if the place takes no keys
---     arguments.values("la.extents{state=", "", false, scope)   ->  candidates '"active"', ..., or nil
---     arguments.files('dofile(', "src/m")             ->  candidates, or nil if the call takes no file
---
--- The first argument is the code before what is being completed.

local callee = require "lunalloc.callee"
local check = require "lunalloc.check"
local lexer = require "lunalloc.lexer"
local options = require "lunalloc.options"

local arguments = {}

local CLOSED_BY <const> = { ["{"] = "}", ["("] = ")", ["["] = "]" }

--- The brackets that are open at the end of the tokens, as indices of tokens, outermost first.
local function open_brackets(tokens)
    local stack = {}
    for i, token in ipairs(tokens) do
        if token.kind == "symbol" and CLOSED_BY[token.text] then
            stack[#stack + 1] = i
        elseif #stack > 0 and token.text == CLOSED_BY[tokens[stack[#stack]].text] then
            stack[#stack] = nil
        end
    end
    return stack
end

--- The options of the function whose table of arguments opens at token i; nil if it opens no such table.
local function options_at(code, tokens, i, scope)
    local before = tokens[i - 1]
    if not before then
        return nil
    end
    local stop = before.text == "(" and before.from - 1 or tokens[i].from - 1
    local name = callee.name(code:sub(1, stop), scope)
    return name and options.of(name)
end

--- The key of the table that opens at token i within another one; nil if it is an element of an array.
local function key_at(tokens, i)
    local key, equals = tokens[i - 2], tokens[i - 1]
    return equals and equals.text == "=" and key and key.kind == "name" and key.text or nil
end

--- The options that a table within a table takes: those of its key, or of a row of the array.
local function step(present, key)
    if key then
        local option = present.keys and present.keys[key]
        return { keys = option and option.keys, rows = option and option.rows }
    end
    return { keys = present.rows }
end

--- The options of the innermost table that is open at the end of the code, and where it opens.
local function table_at(code, scope)
    local tokens = lexer.scan(code)
    local stack = open_brackets(tokens)
    local top = #stack
    while top > 0 and tokens[stack[top]].text == "{" do
        top = top - 1
    end
    if top == #stack then
        return nil
    end
    local present = { keys = options_at(code, tokens, stack[top + 1], scope) }
    for level = top + 2, #stack do
        present = step(present, key_at(tokens, stack[level]))
    end
    return present.keys, tokens, stack[#stack]
end

--- The set of keys that the table that opens at token `first` has already.
local function used_keys(tokens, first)
    local used = {}
    for i = first + 1, #tokens - 1 do
        if tokens[i].kind == "name" and tokens[i + 1].text == "=" then
            used[tokens[i].text] = true
        end
    end
    return used
end

function arguments.keys(code, partial, scope)
    local set, tokens, first = table_at(code, scope)
    local last = set and tokens[#tokens].text
    if last ~= "{" and last ~= "," and last ~= ";" then
        return nil
    end
    local used, list = used_keys(tokens, first), {}
    for _, key in ipairs(check.names(set)) do
        if key:sub(1, #partial) == partial and not used[key] then
            local plain = key:find "^[%a_][%w_]*$"
            list[#list + 1] = { text = plain and key .. "=" or ('["%s"]='):format(key), note = set[key].does }
        end
    end
    return list
end

--- Candidates for the value of the key that the code ends with; in a string they have no quotes.
function arguments.values(code, partial, in_string, scope)
    local set, tokens = table_at(code, scope)
    local key, equals = set and tokens[#tokens - 1], set and tokens[#tokens]
    local option = equals and equals.text == "=" and key and set[key.text]
    local texts = option and (option.values or option.boolean and not in_string and { "true", "false" })
    if not texts then
        return option and {} or nil
    end
    local list = {}
    for _, text in ipairs(texts) do
        text = (in_string or option.boolean) and text or ('"%s"'):format(text)
        if text:sub(1, #partial) == partial then
            list[#list + 1] = { text = text, closes = in_string }
        end
    end
    return list
end

--- The name of the control that is the first argument of a call of set() whose second one begins behind the code.
function arguments.control_of_set(code)
    local _, name = code:match "[.]set%s*%(%s*([\"'])([%w_.]+)%1%s*,%s*$"
    return name
end

-- ---- files ---------------------------------------------------------------------------------------------------------

local FILE_CALLS <const> = { "dofile", "loadfile", "io%.open", "io%.lines", "io%.input", "io%.output", "prof%.dump",
    "attach", "report" }

--- Names of files that begin with the text, if the code ends with a call that takes one; nil otherwise.
function arguments.files(code, text)
    local console = package.loaded["lunalloc.console"]
    for _, call in ipairs(console and console.files and FILE_CALLS or {}) do
        if code:find("%f[%w_]" .. call .. "%s*%(?%s*$") then
            return arguments.file_names(text)
        end
    end
end

--- Names of files that begin with the text; folders end with "/".
function arguments.file_names(text)
    local list = {}
    for i, name in ipairs(package.loaded["lunalloc.console"].files(text)) do
        list[i] = { text = name, closes = not name:find "/$" }
    end
    return list
end

--- Processes that can be attached, by number and name, if the code ends with a call of attach().
function arguments.processes(code, text)
    if not code:find "%f[%w_]attach%s*%(?%s*$" or text:find "/" then
        return nil
    end
    return arguments.process_names(text)
end

function arguments.process_names(text)
    local la, list = package.loaded.lunalloc, {}
    for _, process in ipairs(la and la.ps and la.ps() or {}) do
        for _, word in ipairs { tostring(process.pid), process.name } do
            if text ~= "" and word:sub(1, #text) == text or text == "" and math.tointeger(word) then
                list[#list + 1] = { text = word, value = process.name, closes = true }
            end
        end
    end
    return list
end

return arguments
