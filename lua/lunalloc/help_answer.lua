--- What help(x) answers: finds the text about a value or a word, and lays it out for the width of the terminal.
---
---     local answer = require "lunalloc.help_answer"
---     answer(help, x)  ->  a text;  help: the tables functions and topics, and the text overview

local callee = require "lunalloc.callee"
local chains = require "lunalloc.chains"
local check = require "lunalloc.check"
local errors = require "lunalloc.errors"
local options = require "lunalloc.options"
local show = require "lunalloc.show"
local suggest = require "lunalloc.suggest"
local units = require "lunalloc.units"
local wrap = require "lunalloc.wrap"

local MAX_FOUND <const> = 30 -- lines of a search
local MAX_WIDTH <const> = 110

local function width()
    return math.max(20, math.min(show.width(), MAX_WIDTH))
end

local function module()
    local la = package.loaded.lunalloc
    return type(la) == "table" and la or nil
end

-- ---- a control -----------------------------------------------------------------------------------------------------

local amount = units.amount

--- "0 to 256", "-1 to 1000000 ms", "4096 (4.0 KiB) or more"
local function range_text(row)
    local most = amount(row.max, row.unit)
    if row.max == math.maxinteger then
        return amount(row.min, row.unit) .. " or more"
    end
    local both = row.unit ~= "bytes" and tostring(row.min) or amount(row.min, row.unit)
    return ("%s to %s"):format(both, most)
end

local ACCESS <const> = { ["r-"] = "read only", rw = "read and write", ["-w"] = "write only" }

local function control_text(row)
    local lines = { ("%s: %s"):format(row.name, row.doc) }
    local function add(label, value)
        lines[#lines + 1] = value and ("  %-8s %s"):format(label, value) or nil
    end
    local values = options.controls[row.pattern or row.name]
    add("value", row.value ~= nil and ("%s, source: %s"):format(amount(row.value, row.unit), row.source or "?"))
    add("type", row.access == "--" and row.type or ("%s, %s"):format(row.type, ACCESS[row.access] or row.access))
    add("range", row.min and range_text(row))
    add("values", values and table.concat(values, ", "))
    add("default", row.default ~= nil and row.default ~= "" and amount(row.default, row.unit))
    add("applies", row.applies and row.applies ~= "" and row.applies)
    add("live", row.live)
    return wrap.text(table.concat(lines, "\n"), width())
end

local function describe(name)
    local la = module()
    return la and name ~= "" and la.describe(name) or nil
end

-- ---- a function ----------------------------------------------------------------------------------------------------

--- A line that continues below itself, indented, if it is too wide.
local function hanging(text)
    return (wrap.text(" " .. text, width() - 3):gsub("\n ", "\n    "):sub(2))
end

local function option_lines(lines, set)
    for _, key in ipairs(check.names(set)) do
        local values = set[key].values and (" (%s)"):format(table.concat(set[key].values, ", ")) or ""
        lines[#lines + 1] = wrap.text(("    %-9s  %s%s"):format(key, set[key].does, values), width())
    end
end

local function function_text(help, name)
    local entry = help.functions[name]
    local lines = { hanging(entry[1]), wrap.paragraph(entry[2], width(), "  ") }
    if options.of(name) then
        option_lines(lines, options.of(name))
    end
    if entry[3] then
        lines[#lines + 1] = hanging("  example: " .. entry[3])
    end
    return table.concat(lines, "\n")
end

--- The full name of a function that may be written without its "la." or "w:".
local function function_name(help, word)
    word = help.functions[word] and word or word:gsub("^t%.", "la.")
    if help.functions[word] or help.functions["la." .. word] then
        return help.functions[word] and word or "la." .. word
    end
    local names = {}
    for name in pairs(help.functions) do
        local bare = name:match "[:.]([%w_]+)$"
        names[#names + 1] = bare == word and name or nil
    end
    table.sort(names)
    return names[1]
end

-- ---- a value -------------------------------------------------------------------------------------------------------

local CORE_TYPES <const> = { b = "lunalloc.buffer", s = "lunalloc.snapshot", guard = "lunalloc.with",
    walker = "lunalloc.walker", m = "lunalloc.meter", scope = "lunalloc.scope" }

--- Objects by the prefix of their documented methods: those of the variables, and metatables of the core's types.
local function objects()
    local found = {}
    for scope in chains.tables(errors.scope()) do
        for _, value in next, scope do
            local prefix = callee.prefix(value)
            if prefix and not found[prefix] then
                found[prefix] = value
            end
        end
    end
    local la = module()
    found.a = found.a or la and la.loaded and la.arena(0) or nil
    found.w = found.w or la and rawget(la, "workload") and la.workload { ops = 1 } or nil
    for prefix, name in pairs(CORE_TYPES) do
        found[prefix] = found[prefix] or setmetatable({}, debug.getregistry()[name])
    end
    return found
end

--- The documented name of a function of `la` or of a target.
local function name_in_module(help, value, la)
    for name in pairs(help.functions) do
        local path = name:match "^la%.([%w_.]+)$" or name:match "^t%.([%w_.]+)$"
        local found = path and la
        for key in (path or ""):gmatch "[^.]+" do
            found = type(found) == "table" and rawget(found, key) or nil
        end
        if found ~= nil and rawequal(found, value) then
            return name
        end
    end
end

local function name_of_method(help, value)
    local known = objects()
    for name in pairs(help.functions) do
        local prefix, method = name:match "^([%w_]+):([%w_]+)$"
        if prefix and known[prefix] and rawequal(chains.field(known[prefix], method), value) then
            return name
        end
    end
end

local function name_of_value(help, value)
    local la = module()
    if type(value) ~= "function" and type(value) ~= "table" or rawequal(value, la) then
        return nil
    end
    local target = rawget(_G, "t")
    return la and name_in_module(help, value, la)
        or callee.prefix(target) == "t" and name_in_module(help, value, target)
        or type(value) == "function" and name_of_method(help, value) or nil
end

--- The path of a node of la.ctl, which is the first word of its text; nil for other values.
local function is_control(value)
    local meta = getmetatable(value)
    return type(meta) == "table" and meta.__name == "lunalloc.ctl"
end

--- The methods of an object, with a line for each.
local function methods_text(help, prefix)
    local lines = {}
    for name, entry in pairs(help.functions) do
        if name:find("^" .. prefix .. "[:.]") then
            local first = entry[2]:match "^[^\n]-%.%f[%s\0]" or entry[2]:match "^[^\n]*"
            lines[#lines + 1] = wrap.text(("  %-20s  %s"):format(name, first), width())
        end
    end
    table.sort(lines)
    return table.concat(lines, "\n")
end

--- "table.concat" of a function of Lua's library.
local function library_name(value)
    for _, library in ipairs { "_G", "string", "table", "math", "io", "os", "coroutine", "utf8", "debug", "package" } do
        for name, item in next, package.loaded[library] do
            if rawequal(item, value) and type(item) == "function" then
                return library == "_G" and name or library .. "." .. name
            end
        end
    end
end

local function value_text(help, value)
    local name = name_of_value(help, value)
    local prefix = callee.prefix(value)
    local library = library_name(value)
    if name then
        return function_text(help, name)
    elseif is_control(value) then
        return tostring(value) .. "\n\n" .. function_text(help, "la.ctl")
    elseif prefix and next(callee.methods(prefix)) then
        local more = prefix == "t" and "\n  and the functions of la: see help()" or ""
        return show.text(value) .. "\n" .. methods_text(help, prefix) .. more
    elseif library then
        return ("%s\n  a function of Lua; see https://www.lua.org/manual/5.4/manual.html#pdf-%s"):format(library,
            library)
    end
    return ("%s\n  a %s; help() lists all topics"):format(show.text(value), type(value))
end

-- ---- an option, a command ------------------------------------------------------------------------------------------

local function option_text(found)
    local lines = {}
    for _, place in ipairs(found) do
        local option, path = place.option, place.call
        local values = option.values and (" Values: %s."):format(table.concat(option.values, ", "))
            or option.boolean and " Values: true, false." or ""
        lines[#lines + 1] = hanging(("%s, of %s{...}: %s.%s"):format(place.key, path, option.does, values))
        if option.rows or option.keys then
            option_lines(lines, option.rows or option.keys)
        end
    end
    return table.concat(lines, "\n")
end

local function command_text(word)
    local dot = require "lunalloc.prompt.dot"
    local command = dot and dot.commands[word:match "^%.(%l+)$"]
    if word == "commands" then
        return wrap.text(dot.overview(), width())
    end
    return command and wrap.text(("%s\n  %s"):format(command.usage, command.does), width())
end

-- ---- a search ------------------------------------------------------------------------------------------------------

local function found_functions(help, found, word)
    for name, entry in pairs(help.functions) do
        if (name .. " " .. entry[2]):lower():find(word, 1, true) then
            found[#found + 1] = ("%-18s  %s"):format(name, entry[2]:match "^[^\n]*")
        end
    end
end

local function found_topics(help, found, word)
    for name, text in pairs(help.topics) do
        if (name .. " " .. text):lower():find(word, 1, true) then
            found[#found + 1] = ("help %-13s  a topic"):format('"' .. name .. '"')
        end
    end
end

local function found_controls(found, word)
    local la = module()
    for name in la and la.loaded and la.names() or function() end do
        local row = la.describe(name)
        if row and (name .. " " .. row.doc):lower():find(word, 1, true) then
            found[#found + 1] = ("%s: %s"):format(name, row.doc)
        end
    end
end

--- All words that help answers, and their parts after "la." or "w:".
local function all_words(help)
    local set = {}
    for name in pairs(help.words()) do
        set[name] = true
        set[name:match "[%w_]+$"] = true
    end
    for _, call in ipairs(options.functions()) do
        for key in pairs(options.of(call)) do
            set[key] = true
        end
    end
    for word in pairs(options.distributions) do
        set[word] = true
    end
    return set
end

local function unknown_text(help, word)
    local near, la = suggest.word(word, all_words(help)), module()
    if not near and la and word:find "%." and not word:find "%z" then
        local _, message = la.describe(word)
        near = message:match "did you mean '([^']+)'"
    end
    return ("nothing is known about '%s'; %s"):format(word,
        near and ("did you mean '%s'?"):format(near) or "help() lists all topics")
end

local function search_text(help, word)
    local functions, controls = {}, {}
    found_functions(help, functions, word:lower())
    found_topics(help, functions, word:lower())
    found_controls(controls, word:lower())
    table.sort(functions)
    table.sort(controls)
    local found = table.move(controls, 1, #controls, #functions + 1, functions)
    if #found == 0 then
        return unknown_text(help, word)
    end
    local lines = {}
    for i = 1, math.min(#found, MAX_FOUND) do
        lines[i] = hanging(found[i])
    end
    if #found > MAX_FOUND then
        lines[#lines + 1] = ("... %d more"):format(#found - MAX_FOUND)
    end
    return table.concat(lines, "\n")
end

-- ---- the interface -------------------------------------------------------------------------------------------------

local function overview(help)
    local names = {}
    for name in pairs(help.topics) do
        names[#names + 1] = ('"%s"'):format(name)
    end
    table.sort(names)
    return wrap.text(help.overview .. table.concat(names, " "), width())
end

local function word_text(help, word)
    local row = describe(word)
    local name = function_name(help, word)
    local found = options.find(word)
    if row then
        return control_text(row)
    elseif help.topics[word] then
        return wrap.text(help.topics[word], width())
    elseif name and (name:match "[%w_]+$" ~= word or #found == 0 or name == word) then
        return function_text(help, name)
    elseif name or #found > 0 then
        return (name and function_text(help, name) .. "\n" or "") .. option_text(found)
    end
    local distribution = options.distributions[word]
    if distribution then
        local curve = distribution:find("a rate or scale", 1, true)
        return hanging(distribution .. (curve and " For rate and scale of la.workload{}, its phases and w:set{}."
            or " It is a size or a lifetime of a row of la.workload{mix={...}}."))
    end
    return command_text(word) or search_text(help, word)
end

return function(help, x)
    if x == nil or rawequal(x, help) or rawequal(x, module()) then
        return overview(help)
    end
    return type(x) == "string" and word_text(help, x) or value_text(help, x)
end
