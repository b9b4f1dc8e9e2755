--- Which documented function a piece of code calls, and what kind of object the call returns.
---
---     callee.name("x = t.prof.top", scope)       ->  "la.prof.top"
---     callee.name("a:extents", scope)            ->  "a:extents"
---     callee.result("la.arena(0)", scope)        ->  "a": methods are documented as "a:purge"
---     callee.prefix(object)                      ->  "a"
---
--- Nothing is called to find out: `scope` has the variables that the code sees, and the texts of help have the rest.

local chains = require "lunalloc.chains"
local lexer = require "lunalloc.lexer"

local callee = {}

-- How the texts of help call objects of a type, where it is not the last word of the type's name.
local PREFIXES <const> = {
    ["lunalloc.arena"] = "a",
    ["lunalloc.workload"] = "w",
    ["lunalloc.snapshot"] = "s",
    ["lunalloc.buffer"] = "b",
    ["lunalloc.with"] = "guard",
    ["lunalloc.meter"] = "m",
    ["lunalloc.target"] = "t",
    ["lunalloc.comparison"] = "c",
}

-- Words after "->" in a usage, and the objects that they mean.
local RESULTS <const> = { arena = "a", workload = "w", snapshot = "s", buffer = "b", target = "t", meter = "m",
    comparison = "c", tuning = "tuning", instant = "instant", replay = "replay", trace = "trace",
    recording = "recording", changes = "changes" }

--- The prefix of the documented methods of an object; nil if it is none of the module's.
function callee.prefix(object)
    local meta = getmetatable(object)
    local name = type(meta) == "table" and rawget(meta, "__name")
    return type(name) == "string" and name:find "^lunalloc%." and (PREFIXES[name] or name:match "[^.]+$") or nil
end

--- Is it `la`, or a target, which has the same functions?
local function is_module(value)
    return rawequal(value, package.loaded.lunalloc) or callee.prefix(value) == "t"
end

local function documented(name)
    return require("lunalloc.help").functions[name] and name or nil
end

--- The documented method of that name: of an object with this prefix or, if it is nil, of any.
local function find_method(prefix, method)
    if prefix then
        return documented(prefix .. ":" .. method)
    end
    for name in pairs(require("lunalloc.help").functions) do
        if name:match ":([%w_]+)$" == method then
            return name
        end
    end
end

local function method_name(object_code, method, scope)
    local keys = chains.keys(object_code)
    local object = keys and chains.resolve(keys, scope)
    return find_method(object ~= nil and callee.prefix(object) or callee.result(object_code, scope), method)
end

--- The documented name of the function at the end of `code`; nil if there is none.
function callee.name(code, scope)
    local object, method = code:match "^(.*):%s*([%a_][%w_]*)%s*$"
    if object then
        return method_name(object, method, scope)
    end
    local keys = chains.keys(code)
    if keys and #keys > 1 and is_module(scope[keys[1]]) then
        return documented("la." .. table.concat(keys, ".", 2))
    end
end

local PAIRS <const> = { [")"] = "(", ["}"] = "{" }

--- The code before the arguments that `code` ends with; nil if it ends with something else.
local function before_arguments(code)
    local tokens, open = lexer.scan(code)
    local last = tokens[#tokens]
    if open or not last then
        return nil
    elseif last.kind == "string" then
        return code:sub(1, last.from - 1)
    end
    local depth, opens = 0, PAIRS[last.text]
    for i = #tokens, 1, -1 do
        local text = tokens[i].text
        depth = depth + (text == last.text and 1 or text == opens and -1 or 0)
        if depth == 0 then
            return opens and code:sub(1, tokens[i].from - 1)
        end
    end
end

--- The set of methods that are documented with this prefix; without one, the empty set.
function callee.methods(prefix)
    local set = {}
    for name in pairs(prefix and require("lunalloc.help").functions or {}) do
        local method = name:match("^" .. prefix .. ":([%w_]+)$")
        if method then
            set[method] = true
        end
    end
    return set
end

--- The prefix of the methods of what the call at the end of `code` returns; nil if that is unknown.
function callee.result(code, scope)
    local head = before_arguments(code)
    local name = head and callee.name(head, scope)
    local usage = name and require("lunalloc.help").functions[name][1]
    local word = usage and usage:match "%-> ([%w_]+)"
    return word and (RESULTS[word] or next(callee.methods(word)) and word) or nil
end

return callee
