-- luacats.lua -- definitions of the module for Lua language servers (LuaCATS), from its help texts, its options, the
-- schema of controls, and the types of luacats_types.lua.
--
--     require "luacats".text()   ->  a file in Lua, which is also valid when it is loaded

local la = require "lunalloc"
local check = require "lunalloc.check"
local help = require "lunalloc.help"
local options = require "lunalloc.options"
local schema = require "lunalloc.schema"
local types = require "luacats_types"

local luacats = {}

-- ---- the tree of controls ----

local LUA_TYPES <const> = { bool = "boolean", string = "string", action = "fun()", pointer = "any", struct = "any" }

local function rows()
    local list = {}
    for name in la.names() do
        list[#list + 1] = assert(la.describe(name))
    end
    return list
end

-- "arena.<i>" -> "lunalloc.ctl.arena.i"
local function tree_class(path)
    return "lunalloc.ctl" .. (path == "" and "" or "." .. path:gsub("[<>]", ""))
end

-- Adds the words of a row's name to the classes of its groups. tree: path -> lines of fields, and the paths in order.
local function add_row(tree, row)
    local path = ""
    for word, dot in row.name:gmatch "([^.]+)(%.?)" do
        local whole = path == "" and word or path .. "." .. word
        local key = schema.is_pattern(word) and "[integer]" or word
        if dot ~= "" and not tree[whole] then
            tree[whole] = {}
            tree[#tree + 1] = whole
            table.insert(tree[path], ("---@field %s %s"):format(key, tree_class(whole)))
        elseif dot == "" then
            table.insert(tree[path], ("---@field %s %s %s"):format(key, LUA_TYPES[row.type] or "integer", row.doc))
        end
        path = whole
    end
end

local function put_tree(out)
    local tree = { "", [""] = {} }
    for _, row in ipairs(rows()) do
        add_row(tree, row)
    end
    for _, path in ipairs(tree) do
        out[#out + 1] = "---@class " .. tree_class(path)
        table.move(tree[path], 1, #tree[path], #out + 1, out)
        out[#out + 1] = ""
    end
    out[#out + 1] = "---The name of a control; <i> and <j> stand for numbers.\n---@alias lunalloc.control string"
    for _, row in ipairs(rows()) do
        out[#out + 1] = ('---| "%s" # %s'):format(row.name, row.doc)
    end
    out[#out + 1] = ""
end

-- ---- tables of options ----

-- "la.prof.top" -> "lunalloc.options.prof.top", "a:extents" -> "lunalloc.options.arena.extents"
local function options_class(call)
    local prefix, rest = call:match "^(%w+)[.:](.*)$"
    return "lunalloc.options." .. (prefix == "la" and rest or types.prefixes[prefix] .. "." .. rest)
end

local function quoted(values)
    return '"' .. table.concat(values, '"|"') .. '"'
end

-- The type of a key besides the class of the table that it may take.
local function plain_type(call, key, option)
    if option.values then
        return quoted(option.values)
    elseif option.boolean then
        return "boolean"
    elseif option.controls then
        return "table<lunalloc.control, lunalloc.value|number>"
    end
    return types.keys[call .. "." .. key]
end

--- The type of a key, by `call`, the path of the table; nil if types.keys lacks one.
function luacats.key_type(call, key, option)
    local parts = {}
    parts[1] = plain_type(call, key, option)
    if option.keys or option.rows then
        parts[#parts + 1] = options_class(call .. "." .. key) .. (option.rows and "[]" or "")
    elseif call == "la.arena.create" then
        parts[1] = parts[1] or "lunalloc.value|number"
    elseif call == "la.workload.limits" then
        parts[1] = "number|string|lunalloc.limit"
    end
    return parts[1] and table.concat(parts, "|") or types.keys[key]
end

local function field_name(key)
    return key:find "^[%a_][%w_]*$" and key .. "?" or ('["%s"]'):format(key)
end

local function put_options(out, call, set)
    local inner = {}
    out[#out + 1] = "---@class " .. options_class(call)
    for _, key in ipairs(check.names(set)) do
        local option = set[key]
        local type_of_key = luacats.key_type(call, key, option) or "any" -- its test complains
        out[#out + 1] = ("---@field %s %s %s"):format(field_name(key), type_of_key, (option.does:gsub("%s+", " ")))
        inner[key] = option.keys or option.rows
    end
    if call == "la.workload.limits" then
        out[#out + 1] = '---@field [string] string|lunalloc.limit times, such as "malloc.p99"'
    end
    out[#out + 1] = ""
    for _, key in ipairs(check.names(inner)) do
        put_options(out, call .. "." .. key, inner[key])
    end
end

-- ---- signatures ----

-- "a: x; b?: y" -> array of { name, type, optional }
local function items(text)
    local list = {}
    for item in text:gmatch "[^;]+" do
        local name, optional, what = item:match "^%s*([%a_][%w_]*)(%??):%s*(.-)%s*$"
        list[#list + 1] = { name = assert(name, text), type = what, optional = optional == "?" }
    end
    return list
end

--- A signature of luacats_types.lua: { params=, returns= }, arrays of { name=, type=, optional= }.
function luacats.signature(name, text)
    local before, after = text:match "^(.-)%->(.*)$"
    before, after = before or text, after or ""
    local body, fails = after:gsub("!%s*$", "")
    local params = before:gsub("{}", function() return options_class(name) end)
    local found = { params = items(params), returns = items(body) }
    if fails > 0 then
        for _, result in ipairs(found.returns) do
            result.type = result.type .. "|nil"
        end
        for i, what in ipairs { "message", "code" } do
            local place = #found.returns > 1 and i == 1 and found.returns[2]
            if place then -- la.conf: the second result is the message of a failure
                place.type = place.type .. "|string"
            else
                table.insert(found.returns, { name = what, type = "string|nil" })
            end
        end
    end
    return found
end

-- "fun(index: integer): arena: lunalloc.arena|nil, message: string|nil"
local function fun(signature)
    local params, returns = {}, {}
    for i, param in ipairs(signature.params) do
        params[i] = ("%s%s: %s"):format(param.name, param.optional and "?" or "", param.type)
    end
    for i, result in ipairs(signature.returns) do
        returns[i] = ("%s: %s"):format(result.name, result.type)
    end
    return ("fun(%s): %s"):format(table.concat(params, ", "), table.concat(returns, ", "))
end

-- The help text of a function as a comment.
local function put_help(out, name)
    local entry = assert(help.functions[name], name .. " has no help")
    local code = entry[3] and entry[1] .. "\n" .. entry[3] or entry[1]
    local text = ("\n%s\n```lua\n%s\n```"):format(entry[2], code)
    out[#out + 1] = text:gsub("\n", "\n---")
end

local function put_function(out, name, written)
    local signature, names = luacats.signature(name, types.signatures[name]), {}
    put_help(out, name)
    for i, param in ipairs(signature.params) do
        names[i] = param.name
        out[#out + 1] = ("---@param %s%s %s"):format(param.name, param.optional and "?" or "", param.type)
    end
    for _, result in ipairs(signature.returns) do
        out[#out + 1] = ("---@return %s %s"):format(result.type, result.name)
    end
    out[#out + 1] = ("function %s(%s) end"):format(written, table.concat(names, ", "))
end

-- ---- classes of objects ----

local function put_class(out, name, class)
    out[#out + 1] = "---" .. class[1]
    out[#out + 1] = ("---@class lunalloc.%s%s"):format(name, class.base and ": " .. class.base or "")
    for i = 2, #class do
        out[#out + 1] = "---@field " .. class[i]
    end
    if class.call then
        out[#out + 1] = "---@overload " .. fun(luacats.signature(name, class.call))
    end
end

--- The documented names that begin so, sorted: "a:" has the methods of arenas.
local function documented(start)
    local names = {}
    for name in pairs(help.functions) do
        names[#names + 1] = name:sub(1, #start) == start and name or nil
    end
    table.sort(names)
    return names
end

-- Methods are functions of a local table, which has the class.
local function put_methods(out, prefix, class)
    out[#out + 1] = ("local %s = {}"):format(class)
    for _, sign in ipairs { ":", "." } do
        for _, name in ipairs(documented(prefix .. sign)) do
            if types.signatures[name] then
                put_function(out, name, class .. name:sub(#prefix + 1))
            end
        end
    end
end

--- The names of counters of a snapshot or of a row, sorted.
local function counters(row)
    local found = {}
    for name, value in pairs(row) do
        found[name] = math.type(value) == "integer" or nil
    end
    return check.names(found)
end

local function counter_class(doc, row, more)
    local class = { doc, table.unpack(more) }
    for _, name in ipairs(counters(row)) do
        local described = la.describe("stats." .. name)
        class[#class + 1] = ("%s integer %s"):format(name, described and described.doc or "")
    end
    return class
end

local function put_counters(out)
    local snapshot = la.stats()
    put_class(out, "class_counters", counter_class("Counters of a size class.", snapshot.classes[0], {}))
    out[#out + 1] = ""
    put_class(out, "snapshot", counter_class("Counters at one instant, or a difference of two.", snapshot, {
        "arena? integer of one arena: its index", "arenas? table<integer, lunalloc.snapshot>",
        "classes table<integer, lunalloc.class_counters>", "seconds? number of a difference",
        "rates? table<string, number> of a difference: per second" }))
    out[#out + 1] = "---@operator sub(lunalloc.snapshot): lunalloc.snapshot"
    put_methods(out, "s", "snapshot")
    out[#out + 1] = ""
end

local function put_objects(out)
    local prefix_of = {}
    for prefix, class in pairs(types.prefixes) do
        prefix_of[class] = prefix
    end
    for _, name in ipairs(check.names(types.classes)) do
        put_class(out, name, types.classes[name])
        if prefix_of[name] then
            put_methods(out, prefix_of[name], name)
        end
        out[#out + 1] = ""
    end
end

-- ---- the module ----

-- la.arena is a function and a table with la.arena.create; so is la.workload.
local function put_callable(out, name)
    put_help(out, name)
    out[#out + 1] = "---@overload " .. fun(luacats.signature(name, types.signatures[name]))
    out[#out + 1] = name .. " = {}"
end

local function put_module(out)
    out[#out + 1] = "---@class lunalloc\n---@field ctl lunalloc.ctl\n---@field _VERSION string"
    out[#out + 1] = "---@field loaded boolean whether the allocator is in this process"
    out[#out + 1] = "---@field replaced boolean whether it is this process's malloc"
    out[#out + 1] = "local la = {}\nla.prof = {}\nla.trace = {}"
    for _, name in ipairs(documented "la.") do
        if types.signatures[name] and help.functions[documented(name .. ".")[1]] then
            put_callable(out, name)
        elseif types.signatures[name] then
            put_function(out, name, name)
        end
    end
    out[#out + 1] = "\nreturn la"
end

--- The definitions, in Lua.
function luacats.text()
    local out = { "---@meta lunalloc", "-- Made by scripts/luacats.lua: controls, functions, objects, options.\n" }
    put_tree(out)
    for _, alias in ipairs(types.aliases) do
        out[#out + 1] = ("---%s: %s\n---@alias lunalloc.%s %s\n"):format(alias[1], alias[3], alias[1], alias[2])
    end
    out[#out + 1] = "---@class lunalloc.limit\n---@field at_most? number|string\n---@field at_least? number|string\n"
        .. "---@field per_phase? boolean\n---@field slope? boolean\n---@field reason? string\n"
    for _, call in ipairs(options.functions()) do
        put_options(out, call, options.of(call))
    end
    put_counters(out)
    put_objects(out)
    put_module(out)
    return table.concat(out, "\n") .. "\n"
end

return luacats
