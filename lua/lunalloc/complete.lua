--- Completion: the texts that may follow the cursor. The console's Tab key calls it; any prompt can.
---
---     local complete = require "lunalloc.complete"
---     complete(line [, env])  ->  { "candidate", ..., from=, listing=, hint=, append= }
---
--- Each candidate may replace line:sub(from). If there are several, `listing` is a text to show. If there is one,
--- `hint` is a line about it, and `append` the character that ends it.
---
--- It completes keywords and variables of `env`; fields after "." and methods after ":" of a chain of names and
--- constant indices, and methods of what a documented function returns (it calls nothing but __pairs of an object that
--- has it); keys and values of tables of options; controls under la.ctl and inside string literals, with their present
--- values; values of la.set(); names of files and of processes; words that help "..." knows; commands of the prompt.

local arguments = require "lunalloc.complete_arguments"
local callee = require "lunalloc.callee"
local chains = require "lunalloc.chains"
local check = require "lunalloc.check"
local controls = require "lunalloc.complete_controls"
local errors = require "lunalloc.errors"
local lexer = require "lunalloc.lexer"
local show = require "lunalloc.show"

local MAX_CANDIDATES <const> = 2000
local MAX_LISTED <const> = 120

-- A candidate is { text=, value=, closes=, note= }: value: the present value of a control, as text; closes: true if the
-- text is complete; note: what it is for.

local function starts_with(text, prefix)
    return text:sub(1, #prefix) == prefix
end

-- ---- names ---------------------------------------------------------------------------------------------------------

-- A chain of keys that leads into la.ctl as a path of segments, else nil.
local function control_path(keys, env)
    local la = controls.module()
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
    for _, key in ipairs(check.names(set)) do
        if starts_with(key, partial) then
            list[#list + 1] = { text = key }
        end
    end
    return list
end

local function member_candidates(code, sign, partial, env)
    local keys = chains.keys(code)
    if not keys then
        return from_set(sign == ":" and callee.methods(callee.result(code, env)) or {}, partial)
    end
    local path = sign == "." and control_path(keys, env)
    if path then
        local list = controls.candidates(path, partial)
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
    for word in pairs(lexer.keywords) do
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
        controls.add_indices(list, controls.module(), path, partial, true)
    end
    for _, item in ipairs(list) do
        item.text = item.text .. "]"
    end
    return list
end

-- ---- the kinds of place --------------------------------------------------------------------------------------------

-- Each returns the candidates, the position from which they replace the line, and the character that ends a single one.

--- A place within the arguments of a call, of which the line is the beginning; nil if it is no such place.
local function complete_argument(line, env)
    local code, partial = line:match "^(.-)([%w_]*)$"
    local control = arguments.control_of_set(code)
    local list = arguments.keys(code, partial, env) or arguments.values(code, partial, false, env)
        or control and controls.values(control, partial, false)
    if list and #list > 0 then
        return list, #code + 1
    end
end

local function complete_code(line, env)
    local code, partial = line:match "^(.*)%[%s*(%d*)$"
    if code and chains.keys(code) then
        return index_candidates(code, partial, env), #line - #partial + 1
    end
    local list, at = complete_argument(line, env)
    if list then
        return list, at
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
    local list, replaced = controls.names(text)
    return list, from + #text - replaced
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

local function complete_string(line, open, env)
    local code, text = line:sub(1, open.from - 1), line:sub(open.content)
    local quote = line:sub(open.from, open.from)
    quote = quote ~= "[" and quote or "]"
    if code:find "%f[%w_]help%s*%(?%s*$" then
        local list, from = complete_help_word(text, open.content)
        return list, from, quote
    end
    local control = arguments.control_of_set(code)
    local list = arguments.processes(code, text) or arguments.files(code, text)
        or arguments.values(code, text, true, env) or control and controls.values(control, text, true)
    if list then
        return list, open.content, quote
    end
    local names, from = complete_control_name(text, open.content)
    return names, from, quote
end

local function complete_line(line, env)
    local _, open = lexer.scan(line)
    if not open then
        return complete_code(line, env)
    elseif open.kind == "string" then
        return complete_string(line, open, env)
    end
    return {}, #line + 1
end

-- ---- commands ------------------------------------------------------------------------------------------------------

--- The names of the prompt's commands, as a set.
local function command_names()
    local set = {}
    for _, name in ipairs(require("lunalloc.prompt.dot").names()) do
        set["." .. name] = true
    end
    return set
end

--- "by=" and "state=active" of the command for a function that takes a table of options.
local function complete_conditions(call, text, from)
    local key, value = text:match "([%w_]*)=([%w_]*)$"
    local options = require "lunalloc.options".of(call)
    if key then
        local set = {}
        for _, word in ipairs(options[key] and options[key].values or {}) do
            set[word] = true
        end
        return from_set(set, value), from + #text - #value
    end
    local partial = text:match "[%w_]*$"
    local list = from_set(options, partial)
    for _, item in ipairs(list) do
        item.text = item.text .. "="
    end
    return list, from + #text - #partial
end

local function complete_setting(text, from)
    local name, value = text:match "^(%S+)%s+(.*)$"
    if name then
        return controls.values(name, value, true), from + #text - #value
    end
    return complete_control_name(text, from)
end

-- command -> function (the text after it, its position, env): as the functions above
local ARGUMENTS <const> = {
    help = complete_help_word,
    get = complete_control_name,
    set = complete_setting,
    attach = function(text, from)
        return text:find "/" and arguments.file_names(text) or arguments.process_names(text), from
    end,
    extents = function(text, from) return complete_conditions("la.extents_summary", text, from) end,
    waste = function(text, from) return complete_conditions("la.waste", text, from) end,
    workload = function(text, from, env)
        local list, at = complete_line("la.workload{" .. text, env)
        return list, at - #"la.workload{" + from - 1
    end,
}

--- An expression or a command behind `head`.
local function complete_rest(head, text, env, complete_any)
    local list, from, append = complete_any(text, env)
    return list, from + #head, append
end

local function complete_input(line, env)
    local head, word = line:match "^(%?+%s*)(.*)$"
    if head then
        return complete_help_word(word, #head + 1)
    elseif not line:find "^%.%a*" or line:find "^%.%W" then
        return complete_line(line, env)
    end
    local name, text
    head, name, text = line:match "^(%.(%l+)%s+)(.*)$"
    local interval, rest = (text or ""):match "^([%w.]+%s+)(.*)$"
    if name == "watch" and interval and interval:find "^%d" then
        return complete_rest(head .. interval, rest, env, complete_input)
    elseif name == "time" or name == "watch" or name == "plot" then
        return complete_rest(head, text, env, complete_input)
    elseif name and ARGUMENTS[name] then
        return ARGUMENTS[name](text, #head + 1, env)
    end
    return name and {} or from_set(command_names(), line), 1
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
            or only.note and ("%s %s"):format(only.text, only.note) or list.note or nil
        result.append = only.closes and append or nil
    elseif #list > 1 then
        result.listing = listing(list) .. (list.note and "\n" .. list.note or "")
    end
    return result
end

return function(line, env)
    return answer(complete_input(line, env or errors.scope()))
end
